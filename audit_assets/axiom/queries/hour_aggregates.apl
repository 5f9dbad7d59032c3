// The aggregates of a day's hours, of every actor: they all have the day's first second as their time.
let window_start = datetime(2026-11-22T00:00:00Z);
let window_end = datetime(2026-11-22T00:00:01Z);
let kinds = dynamic(["hour-1"]);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where aggregate_kind in (kinds)
| distinct aggregate_of, aggregate_actor, aggregate_part, aggregate_digest, aggregate_id, aggregate_text
| limit 50000
