"""Finds abuse in a Cloudflare account: audit log in, Linear tickets out, hour by hour."""

import ctypes
import os
from contextlib import suppress

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
"""polars' allocator reads it when polars is loaded, which is later: freed memory goes back at once. By itself it keeps
some 200 MB after an hour of 500,000 entries, beside what the next asset takes (docs/facts/reliability.md, 3.1)."""

_THRESHOLDS = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
"""glibc's variables, and the same for mallopt(3)."""

with suppress(AttributeError, OSError, TypeError):  # another C library has no such function
    for _variable in _THRESHOLDS.keys() - os.environ.keys():
        ctypes.CDLL(None).mallopt(_THRESHOLDS[_variable], 8 << 20)
"""Python's allocator, for what is large: once it has freed something large it keeps up to 64 MB, and so it did with 60
MB of an hour of 500,000 entries. What is as large as a batch for Axiom, 2 MB, it may keep: new memory takes time."""
