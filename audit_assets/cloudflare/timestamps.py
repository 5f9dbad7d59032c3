"""Parses the times that Cloudflare writes, to microseconds since 1970 in UTC.

v2 and v1 write RFC 3339 with up to nine decimals, mixed in one list; Logpush can also write seconds or nanoseconds
since 1970 (docs/facts/cloudflare.md, 2.4, 3 and 4). Decimals beyond microseconds are dropped, never rounded up into
the next hour.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - EPOCH) // MICROSECOND
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:)([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
_UNIX = re.compile(r"[0-9]{10}|[0-9]{19}")


def parse_microseconds(written: Any) -> int:
    """Microseconds since 1970. A time without a zone is taken as UTC; raises ValueError for anything else."""
    if isinstance(written, str) and written[10:11] in ("T", " ", "t"):
        return _parse_text(written)
    digits = str(written) if type(written) in (str, int) else ""
    if not _UNIX.fullmatch(digits):
        raise ValueError("not a time")
    return int(digits.ljust(16, "0")[:16])


def to_datetime(since_epoch: int) -> datetime:
    """Microseconds since 1970 as an aware datetime."""
    return EPOCH + since_epoch * MICROSECOND


def _parse_text(text: str) -> int:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = _parse_unusual_text(text)
    since = ((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND
    if not _FIRST <= since <= _LAST:
        raise ValueError("not a time of the calendar")
    return since


def _parse_unusual_text(text: str) -> datetime:
    """RFC 3339 that Python does not parse: a lower-case z, or second 60, which counts as the end of its minute."""
    found = _RFC3339.fullmatch(text[:64])
    if not found:
        raise ValueError("not a time")
    day, minute, second, decimals, zone = found.groups()
    second, decimals = ("59", "999999") if second == "60" else (second, (decimals or "")[:6].ljust(6, "0"))
    return datetime.fromisoformat(f"{day}T{minute}{second}.{decimals}{(zone or 'Z').upper()}")
