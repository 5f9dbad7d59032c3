// What these actors changed before a day, hour by hour: it all has the day's second second as its time.
let window_start = datetime(2026-11-22T00:00:01Z);
let window_end = datetime(2026-11-22T00:00:02Z);
let kinds = dynamic(["past-1"]);
let actors = dynamic(["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where aggregate_kind in (kinds) and aggregate_actor in (actors)
| distinct aggregate_of, aggregate_actor, aggregate_part, aggregate_digest, aggregate_id, aggregate_text
| limit 50000
