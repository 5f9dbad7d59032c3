// hour_facts.apl for a part of the ids: an hour may hold more than a result has rows. What has no id is in every part.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
let id_prefix = "a7";
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where entry_id startswith_cs id_prefix or (isempty(entry_id) and (isnotempty(actor_key) or isnotempty(change_kind)))
| extend hour = bin(_time, 1h), account = column_ifexists('account_id', ''), person = column_ifexists('actor_id', '')
| extend email = column_ifexists('actor_email', ''), token = column_ifexists('token_id', '')
| extend address = column_ifexists('ip_address', ''), agent = column_ifexists('user_agent', ''), via = column_ifexists('interface', '')
| distinct entry_id, _time, hour, actor_key, actor, actor_type, account, person, email, token, address, agent, via, resource_type, resource_product, change_kind, action, action_result, stream
| summarize events = count(), oldest = min(_time), newest = max(_time) by hour, actor_key, actor, actor_type, account, person, email, token, address, agent, via, resource_type, resource_product, change_kind, action, action_result, stream
| limit 50000
