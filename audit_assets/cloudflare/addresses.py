"""The one spelling of a network address, so that it is recognised however a service wrote it."""

import ipaddress
import re
from functools import lru_cache
from typing import TypeVar

import polars as pl

F = TypeVar("F", pl.DataFrame, pl.LazyFrame)

LONGEST = 100
"""Characters: no address has more, with its brackets, zone and port."""

_IN_BRACKETS = re.compile(r"\[([^\]]*)\](?::[0-9]+)?")
_V4_AND_PORT = re.compile(r"([0-9.]+):[0-9]+")


@lru_cache(maxsize=65_536)
def canonical_address(written: str) -> str:
    """The address without port and zone, IPv6 compressed and in lower case, IPv4 as such though it came as
    `::ffff:a.b.c.d` (docs/facts/cloudflare.md, 4). Any other text stays as it is."""
    bare = written.strip()
    if len(bare) > LONGEST:
        return written
    found = _IN_BRACKETS.fullmatch(bare) or _V4_AND_PORT.fullmatch(bare)
    try:
        address = ipaddress.ip_address((found[1] if found else bare).partition("%")[0])
    except ValueError:
        return written
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def with_canonical_addresses(frame: F, column: str) -> F:
    """The frame with one spelling of each address in that column of texts: what was stored before entries had one.
    Collects that column of a lazy one."""
    written = frame.lazy().select(pl.col(column).drop_nulls().unique()).collect().to_series().to_list()
    spellings = {each: canonical_address(each) for each in written}
    return frame.with_columns(pl.col(column).replace(spellings))
