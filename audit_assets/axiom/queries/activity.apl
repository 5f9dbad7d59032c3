// What these actors changed: how often, in which hour, on which resource type, and whether it was a delete.
let window_start = datetime(2026-10-23T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
let actors = dynamic(["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]);
let streams_left_out = dynamic([""]);
let kinds_left_out = dynamic([""]);
let actions_left_out = dynamic([""]);
let results_left_out = dynamic(["failure"]);
let products_left_out = dynamic([""]);
let actor_types_left_out = dynamic([""]);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where actor_key in (actors)
| where change_kind in ("create", "update", "delete") and change_kind !in (kinds_left_out) and action !in (actions_left_out)
| where action_result !in (results_left_out) and stream !in (streams_left_out)
| where resource_product !in (products_left_out) and actor_type !in (actor_types_left_out)
| extend hour = bin(_time, 1h)
| distinct entry_id, actor_key, resource_type, change_kind, hour
| summarize changes = count() by actor_key, resource_type, change_kind, hour
| limit 50000
