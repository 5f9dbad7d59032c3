// The entries that could not be read, each with its reason and its text: for a person to read.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where quarantined
| sort by _time asc
| limit 50000
