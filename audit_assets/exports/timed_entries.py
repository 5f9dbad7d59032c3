"""Entries with their times, to the nanosecond as Cloudflare writes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NANOSECONDS = 1_000_000_000
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class TimedEntry:
    """An entry with a time of its own, whether its text has that time, another one or none."""

    time: datetime
    body: Mapping[str, Any] | str | bytes


def nanoseconds(moment: datetime) -> int:
    """An aware time as nanoseconds since 1970."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def parsed_time(text: str) -> int:
    """RFC 3339 with up to nine decimals as nanoseconds since 1970. Raises ValueError for anything else."""
    found = _RFC3339.fullmatch(text)
    if not found:
        raise ValueError("not a time in RFC 3339")
    day, clock, decimals, zone = found.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    return nanoseconds(moment) + int((decimals or "").ljust(9, "0"))
