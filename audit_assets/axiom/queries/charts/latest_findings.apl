// The latest findings above the alert threshold, with their tickets.
['cloudflare-audit-findings']
| where disposition in ("ticket")
| distinct _time, severity, actor, kinds, ticket, ticket_url
| sort by _time desc
| limit 50
