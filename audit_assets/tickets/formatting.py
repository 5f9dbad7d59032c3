"""Numbers, times and lists as a person says them, in English wherever it runs."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

LARGEST_WRITTEN_OUT = 1e12

NAMED = 3
"""This many things are named in a sentence; the others are counted."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_A_YEAR = {"year": 1.0, "month": 12.0, "week": 365.25 / 7, "day": 365.25}

RAREST = 1_000
"""Years. Beyond, a probability says no more than that it is small."""

COUNTED_SINGLY = 20
"""Up to so many years, months, ... are told one by one; 43 years are 40."""


def how_rarely(years: float | None) -> str | None:
    """`once in 40 years`, `once in 3 months`; None if that is not known. At least two of a unit are told."""
    if years is None or not years > 0:
        return None
    if years > RAREST:
        return f"less than once in {RAREST:,} years"
    for unit, in_a_year in _A_YEAR.items():
        span = years * in_a_year
        if round(span) >= 2:
            rough = round(span) if span < COUNTED_SINGLY else round(span, 1 - len(str(round(span))))
            return f"once in {rough:,.0f} {unit}s"
    return "more than once in 2 days"


def number(value: float | None, *, digits: int = 1) -> str:
    """A number for people: `3.1`, `1,204`, `0.04`; a missing one is `unknown`."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if value and not 1 <= abs(value) < LARGEST_WRITTEN_OUT:
        return f"{value:.1g}"
    rounded = round(value, digits if abs(value) < 10 else 0)
    return f"{rounded:,.{digits}f}".removesuffix(".0") if rounded < 10 else f"{rounded:,.0f}"


def pluralize(count: int, singular: str) -> str:
    """`1 change`, `2,000 changes`."""
    return f"{count:,} {singular}" if count == 1 else f"{count:,} {singular}s"


def listed(phrases: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 4 more`; nothing of nothing."""
    if not phrases:
        return ""
    last = f"{len(phrases) - NAMED:,} more" if len(phrases) > NAMED else phrases[-1]
    before = phrases[: min(len(phrases) - 1, NAMED)]
    return f"{', '.join(before)} and {last}" if before else last


def hour_name(hour: datetime) -> str:
    """`2026-11-22 10:00 UTC`."""
    return f"{_utc(hour):%Y-%m-%d %H:%M} UTC"


def hour_in_short(hour: datetime) -> str:
    """`10:00 UTC, 22 Nov`."""
    return f"{minute_name(hour)}, {day_in_short(hour)}"


def day_in_short(time: datetime) -> str:
    """`22 Nov`."""
    at = _utc(time)
    return f"{at.day} {_MONTHS[at.month - 1]}"


def day_name(time: datetime) -> str:
    """`2026-11-22`."""
    return f"{_utc(time):%Y-%m-%d}"


def minute_name(time: datetime) -> str:
    """`10:00 UTC`."""
    return f"{_utc(time):%H:%M} UTC"


def second_name(time: datetime) -> str:
    """`10:00:59`."""
    return f"{_utc(time):%H:%M:%S}"


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
