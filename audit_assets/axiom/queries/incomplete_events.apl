// Events that lack a field which every event has when it is sent: a locked schema drops fields without an error.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id)
| where isempty(stream) or isempty(change_kind) or isempty(action) or isempty(action_result) or isempty(resource_product) or isempty(actor_type) or isempty(raw) or (is_change and (isempty(actor_key) or isempty(resource_type)))
| distinct entry_id
| summarize events = count()
| limit 50000
