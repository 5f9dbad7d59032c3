"""One bounded way to speak HTTP: deadlines, sizes, retries, redaction, the clock."""
