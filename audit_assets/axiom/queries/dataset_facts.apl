// How much of the audit log the dataset holds: rows, copies included, and the times of the oldest and newest.
let window_start = datetime(2025-11-22T11:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(entry_id)
| summarize rows = count(), oldest = min(_time), newest = max(_time)
| limit 10
