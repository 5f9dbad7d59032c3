// How many actors changed anything in each hour, and how many changes they made together.
let window_start = datetime(2026-10-23T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where is_change == true
| extend hour = bin(_time, 1h)
| distinct entry_id, actor_key, hour
| summarize changes_by_actor = count() by actor_key, hour
| summarize active_actors = count(), changes = sum(changes_by_actor) by hour
| limit 50000
