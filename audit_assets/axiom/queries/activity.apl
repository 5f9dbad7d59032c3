// What these actors changed: how often, in which hour, on which resource type.
let window_start = datetime(2026-10-23T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
let actors = dynamic(["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where actor_key in (actors)
| where is_change == true
| extend hour = bin(_time, 1h)
| distinct entry_id, actor_key, resource_type, hour
| summarize changes = count() by actor_key, resource_type, hour
| limit 50000
