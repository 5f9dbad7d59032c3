// From where these actors acted, by day: each address, user agent, interface and token, and when it was first used.
let window_start = datetime(2026-10-23T00:00:00Z);
let window_end = datetime(2026-11-22T10:00:00Z);
let actors = dynamic(["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where actor_key in (actors)
| extend address = column_ifexists('ip_address', ''), agent = column_ifexists('user_agent', '')
| extend via = column_ifexists('interface', ''), token = column_ifexists('token_id', '')
| extend day = bin(_time, 1d)
| summarize oldest = min(_time) by actor_key, address, agent, via, token, day
| limit 50000
