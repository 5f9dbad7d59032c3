"""Files of audit entries as people export them: of Cloudflare's API or of Logpush, however they were joined and packed.

Here: which records a file holds, as entries of the API, and what in it could not be read. Not here: what an entry
means. Nothing of audit_assets is imported, so that the sandbox, which serves the entries of such a file, may use it.
"""
