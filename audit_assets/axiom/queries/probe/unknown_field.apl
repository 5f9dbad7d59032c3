// A field that no event has.
let window_start = datetime(2026-10-22T10:00:00Z);
let window_end = datetime(2026-10-22T11:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(audit_assets_unknown_field)
| summarize events = count()
| limit 10
