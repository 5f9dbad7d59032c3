"""Numbers, times and lists in English words, whatever the locale."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

LARGEST_WRITTEN_OUT = 1e12

NAMED = 3
"""This many things are named in a sentence; the others are counted."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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


def span_name(hours: int, end: str = "") -> str:
    """`6 hours`, `24 hours to 11:00`, `14 days to 11:00 without the busiest`: of several days the busiest 24 hours are
    not summed up."""
    if hours <= 24:
        return pluralize(hours, "hour") + end
    return f"{pluralize(hours // 24, 'day')}{end} without the busiest"


def duration_name(duration: timedelta) -> str:
    """`40 days`, `5 hours`, `12 minutes`, `30 seconds`: the largest unit that it fills twice, rounded down."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if duration >= timedelta(seconds=2 * unit):
            return pluralize(int(duration.total_seconds() // unit), name)
    return pluralize(int(duration.total_seconds()), "second")


def part_of(part: int, whole: int) -> str:
    """`all 312`, `99.9 % of the 8,412`, `97 % of the 8,412`: rounded down, so that it claims no more than is so."""
    if part >= whole:
        return f"all {whole:,}"
    tenths = 1_000 * part // whole
    return f"{tenths / 10 if tenths >= 990 else tenths // 10} % of the {whole:,}"


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
