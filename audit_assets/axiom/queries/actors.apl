// What actors are called, what kind they are and who is behind a token, each name with its newest use.
let window_start = datetime(2026-04-25T00:00:00Z);
let window_end = datetime(2026-11-22T00:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| where isnotempty(actor_key)
| extend account = column_ifexists('account_id', ''), person = column_ifexists('actor_id', '')
| extend email = column_ifexists('actor_email', ''), token = column_ifexists('token_id', '')
| summarize newest = max(_time) by actor_key, actor, actor_type, account, person, email, token
| limit 50000
