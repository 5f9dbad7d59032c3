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
        ctypes.CDLL(None).mallopt(_THRESHOLDS[_variable], 1 << 20)
"""Python's allocator, for what is large: the first large buffer that is freed makes glibc keep up to 64 MB for the next,
and some 60 MB of a large hour stayed so. With thresholds of 1 MB that is given back as well."""
