// What each hour holds, as far as baselines need it. Physical copies are one; a copy that says anything else is one more.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id) or isnotempty(actor_key) or isnotempty(change_kind)
| extend hour = bin(_time, 1h), account = column_ifexists('account_id', ''), person = column_ifexists('actor_id', '')
| extend email = column_ifexists('actor_email', ''), token = column_ifexists('token_id', '')
| extend address = column_ifexists('ip_address', ''), agent = column_ifexists('user_agent', ''), via = column_ifexists('interface', '')
| distinct entry_id, _time, hour, actor_key, actor, actor_type, account, person, email, token, address, agent, via, resource_type, resource_product, change_kind, action, action_result, stream
| summarize events = count(), oldest = min(_time), newest = max(_time) by hour, actor_key, actor, actor_type, account, person, email, token, address, agent, via, resource_type, resource_product, change_kind, action, action_result, stream
| limit 50000
