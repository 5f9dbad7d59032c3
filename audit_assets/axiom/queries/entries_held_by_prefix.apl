// entries_held.apl for a part of the ids: an hour may hold more entries than a result holds rows.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
let id_prefix = "a7";
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where entry_id startswith_cs id_prefix
| extend hour = bin(_time, 1h)
| summarize copies = count() by entry_id, hour
| limit 50000
