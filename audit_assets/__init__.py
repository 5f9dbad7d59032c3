"""Finds abuse in a Cloudflare account: audit log in, Linear tickets out, hour by hour."""

import os

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
"""polars' allocator reads it when polars is loaded, which is later: freed memory goes back at once. By itself it keeps
some 200 MB after an hour of 500,000 entries, beside what the next asset takes (docs/facts/reliability.md, 3.1)."""
