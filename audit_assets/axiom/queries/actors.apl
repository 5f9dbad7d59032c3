// What actors are called and what kind they are, each name with its newest use.
let window_start = datetime(2026-04-25T00:00:00Z);
let window_end = datetime(2026-11-22T00:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(actor_key)
| summarize newest = max(_time) by actor_key, actor, actor_type
| limit 50000
