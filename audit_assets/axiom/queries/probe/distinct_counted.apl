// How many ids a distinct in the middle of a query passes on.
let window_start = datetime(2026-10-22T10:00:00Z);
let window_end = datetime(2026-10-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id)
| distinct entry_id
| summarize ids = count()
| limit 10
