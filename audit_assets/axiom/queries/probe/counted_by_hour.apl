// How many events of entries each hour holds, copies included, to choose a window of the right size.
let window_start = datetime(2026-10-22T10:00:00Z);
let window_end = datetime(2026-10-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id)
| extend hour = bin(_time, 1h)
| summarize events = count() by hour
| limit 50000
