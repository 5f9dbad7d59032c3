// Which rows of aggregates are in the dataset.
let window_start = datetime(2026-11-22T00:00:00Z);
let window_end = datetime(2026-11-22T00:00:01Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(aggregate_id)
| distinct aggregate_id
| limit 50000
