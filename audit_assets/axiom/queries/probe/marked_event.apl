// The marked event of a probe, by its mark.
let window_start = datetime(2026-10-22T10:00:00Z);
let window_end = datetime(2026-10-22T11:00:00Z);
let mark = "00112233445566778899aabbccddeeff";
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| extend marked = column_ifexists('native_id', '')
| where marked startswith_cs mark
| summarize events = count()
| limit 10
