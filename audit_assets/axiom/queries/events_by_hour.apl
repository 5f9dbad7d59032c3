// How many events each hour holds. Physical copies are one; a copy that says anything else that decides is one more.
let window_start = datetime(2026-01-10T00:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id) or isnotempty(actor_key) or isnotempty(change_kind)
| extend hour = bin(_time, 1h)
| extend account = column_ifexists('account_id', ''), person = column_ifexists('actor_id', '')
| extend email = column_ifexists('actor_email', ''), token = column_ifexists('token_id', '')
| distinct entry_id, hour, actor_key, actor, actor_type, account, person, email, token, resource_type, resource_product, change_kind, action, action_result, stream
| summarize events = count() by hour
| limit 50000
