// How often all actors together changed each resource type, by hour.
let window_start = datetime(2026-10-23T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where is_change == true
| extend hour = bin(_time, 1h)
| distinct entry_id, resource_type, hour
| summarize changes = count() by resource_type, hour
| limit 50000
