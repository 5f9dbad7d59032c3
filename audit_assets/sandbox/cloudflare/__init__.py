"""The sandbox's Cloudflare: both audit log lists of an account, as docs/facts/cloudflare.md describes them.

Here: the entries and when they become visible, parameters, pages, credentials and limits, and the faults of a page.
Not here: how the entries of the invented organisation are made (organisation), and any code of audit_assets.cloudflare.
"""
