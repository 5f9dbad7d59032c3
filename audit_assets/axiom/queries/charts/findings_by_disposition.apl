// What became of findings.
['cloudflare-audit-findings']
| distinct finding_id, disposition
| summarize findings = count() by disposition
| sort by findings desc
| limit 20
