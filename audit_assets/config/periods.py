"""Hours, days and months as people write them: as ISO 8601 has it or as Dagster names hours, with or without a zone."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

AN_HOUR = timedelta(hours=1)

_FORM = re.compile(
    r"(?P<year>[0-9]{4})-?(?P<month>[0-9]{2})(?:-?(?P<day>[0-9]{2})"
    r"(?:[Tt -](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,]0+)?)?)?"
    r"\s?(?P<zone>[Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?"
)


@dataclass(frozen=True)
class Period:
    """The hours [start, end) of an hour, a day or a month, aware and in UTC, and their name as this project has it."""

    name: str
    start: datetime
    end: datetime

    @property
    def is_hour(self) -> bool:
        return self.end - self.start == AN_HOUR


def parse_period(text: str) -> Period:
    """An hour, a day or a month, in UTC unless an hour has another zone: 2026-11-22-09:00, 2026-11-22T09,
    2026-11-22T09:00Z, 2026-11-22 10:00+01:00, 2026-11-22, 2026-11. Raises `ValueError` for anything else."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError("neither an hour nor a day nor a month")
    day, *clock = (int(found[name] or 0) for name in ("day", "hour", "minute", "second"))
    start = datetime(int(found["year"]), int(found["month"]), 1 if found["day"] is None else day, *clock, tzinfo=UTC)
    try:
        return _period(start, found)
    except OverflowError:
        raise ValueError("beyond the calendar") from None


def _period(start: datetime, found: re.Match[str]) -> Period:
    if found["day"] is None:
        next_month = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        return Period(f"{start:%Y-%m}", start, next_month)
    if found["hour"] is None:
        return Period(f"{start:%Y-%m-%d}", start, start + timedelta(days=1))
    start -= _offset(found["zone"])
    if start.minute or start.second:
        raise ValueError("not a full hour in UTC")
    return Period(f"{start:%Y-%m-%d-%H:%M}", start, start + AN_HOUR)


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone.upper() in ("Z", "UTC"):
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if zone[0] == "-" else offset
