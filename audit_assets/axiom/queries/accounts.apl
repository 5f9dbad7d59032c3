// Which accounts' events there are, by the account's id, and the newest of each: a dataset is one account's.
let window_start = datetime(2026-10-22T00:00:00Z);
let window_end = datetime(2026-11-22T00:00:00Z);
['cloudflare-audit']
| where _time >= window_start and _time < window_end
| extend account = column_ifexists('account_id', '')
| summarize newest = max(_time) by account
| limit 50000
