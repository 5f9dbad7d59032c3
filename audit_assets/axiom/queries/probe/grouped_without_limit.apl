// The same without a limit, to see how many rows come by default.
let window_start = datetime(2026-10-22T10:00:00Z);
let window_end = datetime(2026-10-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id)
| summarize copies = count() by entry_id
