// From where these actors acted, by hour: each address, user agent, interface and token, and whether for a change.
let window_start = datetime(2026-08-24T00:00:00Z);
let window_end = datetime(2026-11-22T00:00:00Z);
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
| extend address = column_ifexists('ip_address', ''), agent = column_ifexists('user_agent', '')
| extend via = column_ifexists('interface', ''), token = column_ifexists('token_id', ''), hour = bin(_time, 1h)
| extend is_kind = change_kind in ("create", "update", "delete") and change_kind !in (kinds_left_out)
| extend is_counted = action !in (actions_left_out) and action_result !in (results_left_out) and stream !in (streams_left_out)
| extend is_of = resource_product !in (products_left_out) and actor_type !in (actor_types_left_out)
| extend changed = is_kind and is_counted and is_of
| extend failed = action_result in ("failure")
| distinct actor_key, address, agent, via, token, hour, changed, failed
| limit 50000
