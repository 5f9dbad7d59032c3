// Which entries are in the dataset, in which hour, and how many physical copies of each.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id)
| extend hour = bin(_time, 1h)
| summarize copies = count() by entry_id, hour
| limit 50000
