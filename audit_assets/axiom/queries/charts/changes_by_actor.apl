// Who changed most.
let streams_left_out = dynamic([""]);
let kinds_left_out = dynamic([""]);
let actions_left_out = dynamic([""]);
let results_left_out = dynamic(["failure"]);
let products_left_out = dynamic([""]);
let actor_types_left_out = dynamic([""]);
['cloudflare-audit']
| where change_kind in ("create", "update", "delete") and change_kind !in (kinds_left_out) and action !in (actions_left_out)
| where action_result !in (results_left_out) and stream !in (streams_left_out)
| where resource_product !in (products_left_out) and actor_type !in (actor_types_left_out)
| distinct entry_id, actor, actor_key
| summarize changes = count() by actor, actor_key
| sort by changes desc
| limit 50
