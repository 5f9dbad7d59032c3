// Findings above the alert threshold over time, by severity.
['cloudflare-audit-findings']
| where disposition in ("ticket")
| distinct finding_id, _time, severity
| summarize findings = count() by severity, bin_auto(_time)
