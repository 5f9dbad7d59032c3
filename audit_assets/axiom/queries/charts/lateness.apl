// How many hours after it happened an entry reached Axiom: the first copy counts. A backfill shows as many hours.
['cloudflare-audit']
| where isnotempty(entry_id)
| summarize arrived = min(_sysTime), happened = min(_time) by entry_id
| extend hours_late = datetime_diff('hour', arrived, happened)
| summarize entries = count() by hours_late
| sort by hours_late asc
| limit 100
