// The raw entries of these actors, whatever they did and however it ended, copies included: for a person to read.
let window_start = datetime(2026-11-22T10:00:00Z);
let window_end = datetime(2026-11-22T11:00:00Z);
let actors = dynamic(["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where actor_key in (actors)
| sort by _time asc
| limit 50000
