"""A finding in a person's words: how a deviation, an entry or a whole hour is said.

Each sentence exists once and is given the way in which untrusted values are to stand in it: as a code span in a
ticket, as plain words in a title, as one clean line in a terminal.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from audit_assets.linear.findings import Deviation, EntryLine, Finding
from audit_assets.linear.markdown import code, one_line, table, words

Quote = Callable[[str | None], str]

USUAL_DAYS = 30
"""What is usual is read from this many days (DESIGN.md)."""

RECORD = "on record"
"""90 days, or as far as the dataset goes back: a young dataset must not claim more than it knows."""

ACTOR_LENGTH = 120
TYPE_LENGTH = 60

TYPES_NAMED = 3
"""This many new resource types are named in a sentence."""

LARGEST_WRITTEN_OUT = 1e12

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_HISTORY = "judged against the organisation, as this actor has no history"


def describe(deviation: Deviation) -> str:
    """A deviation in one line of plain text, for a terminal."""
    return _deviation(deviation, "the hour", one_line)


def in_a_ticket(deviation: Deviation, hour: datetime) -> str:
    """A deviation in one line of Markdown that names the hour."""
    return _deviation(deviation, f"the hour {hour_name(hour)}", _type)


def in_short(finding: Finding) -> str:
    """What happened, as plain words for a title; without the actor and the time."""
    if not finding.deviations:
        return "an unusual hour"
    first, others = finding.deviations[0], len(finding.deviations) - 1
    if first.kind == "volume":
        usual = "" if first.usual is None else f", usually {number(first.usual, digits=0)}"
        said = f"{counted(first.changes, 'change')} in an hour{usual}"
    else:
        said = f"{_how_new(first)} {words(first.resource_type, TYPE_LENGTH) or 'a resource type'}{_since(first)}"
    return said + (f"; {counted(others, 'more reason')}" if others else "")


def opening(finding: Finding) -> str:
    """The first sentence of a ticket: who did what, when."""
    burst = next((each for each in finding.deviations if each.kind == "volume"), None)
    new_types = [each for each in finding.deviations if each.kind == "new_resource_type"]
    deeds = []
    if burst:
        deeds.append(f"made {counted(burst.changes, 'change')}")
    if new_types:
        named = ", ".join(_type(each.resource_type) for each in new_types[:TYPES_NAMED])
        unnamed = len(new_types) - TYPES_NAMED
        more = f" and {unnamed:,} more" if unnamed > 0 else ""
        deeds.append(f"changed {'resource types' if new_types[1:] else 'a resource type'} new to it: {named}{more}")
    did = " and ".join(deeds) or "did something unusual"
    return f"{opening_of(finding.hour)} {code(finding.actor, ACTOR_LENGTH)} {did}."


def opening_of(hour: datetime) -> str:
    """How the first sentence about an hour begins: before any word that an attacker could have chosen."""
    return f"In the hour {hour_name(hour)},"


def deviation_table(deviations: tuple[Deviation, ...]) -> str:
    """The deviations as a table of four narrow columns."""
    return table(("What", "This hour", "Usual", "Judged against"), [_row(each) for each in deviations])


def entry_line(entry: EntryLine) -> str:
    """An entry as one line: when, what, on what, where from, how it ended."""
    what = " ".join(one_line(each, 60) for each in (entry.action, entry.resource_type) if each)
    rest = [
        (entry.resource_id, 80),
        (entry.zone, 80),
        (entry.ip_address, 45),
        (entry.interface, 40),
        (entry.result, 20),
    ]
    told = [one_line(value, limit) for value, limit in rest if value]
    return " · ".join([f"{_utc(entry.time):%H:%M:%S}  {what or 'an entry'}", *told])


def hour_name(hour: datetime) -> str:
    """`2026-11-22 10:00 UTC`."""
    return f"{_utc(hour):%Y-%m-%d %H:%M} UTC"


def hour_in_short(hour: datetime) -> str:
    """`10:00 UTC, 22 Nov`, in English wherever it runs."""
    at = _utc(hour)
    return f"{at:%H:%M} UTC, {at.day} {_MONTHS[at.month - 1]}"


def number(value: float | None, *, digits: int = 1) -> str:
    """A number for people: `3.1`, `1,204`, `0.04`; a missing one is `unknown`."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if value and not 1 <= abs(value) < LARGEST_WRITTEN_OUT:
        return f"{value:.1g}"
    rounded = round(value, digits if abs(value) < 10 else 0)
    return f"{rounded:,.{digits}f}".removesuffix(".0") if rounded < 10 else f"{rounded:,.0f}"


def counted(count: int, singular: str) -> str:
    """`1 change`, `2,000 changes`."""
    return f"{count:,} {singular}" if count == 1 else f"{count:,} {singular}s"


def _deviation(deviation: Deviation, when: str, quote: Quote) -> str:
    if deviation.kind == "volume":
        return _volume(deviation, when)
    return _new_type(deviation, quote)


def _volume(deviation: Deviation, when: str) -> str:
    parts = [f"{counted(deviation.changes, 'change')} in {when}"]
    of_organisation = deviation.judged_against == "organisation"
    if deviation.usual is not None:
        whose = "of an actor here" if of_organisation else f"over {_active_hours(deviation)} in {USUAL_DAYS} days"
        parts.append(f"usual is {number(deviation.usual)} per active hour {whose}")
    if deviation.most is not None and not of_organisation:
        parts.append(f"at most {deviation.most:,} in any of them")
    if deviation.ratio is not None:
        parts.append(f"{number(deviation.ratio)} times the usual")
    if of_organisation:
        parts.append(_NO_HISTORY)
    return "; ".join(parts)


def _new_type(deviation: Deviation, quote: Quote) -> str:
    said = f"{_how_new(deviation)} {quote(deviation.resource_type)}{_since(deviation)}"
    parts = [f"{said} ({counted(deviation.changes, 'change')})"]
    if deviation.new_to_organisation:
        parts.append(f"nobody here touched it in {USUAL_DAYS} days")
    if deviation.judged_against == "organisation":
        parts.append(_NO_HISTORY)
    return "; ".join(parts)


def _how_new(deviation: Deviation) -> str:
    return "first change to" if deviation.first_ever else "a change to"


def _since(deviation: Deviation) -> str:
    if deviation.first_ever:
        return f" {RECORD}"
    if deviation.last_touched:
        return f", last touched {_utc(deviation.last_touched):%Y-%m-%d}"
    return f", not touched in {USUAL_DAYS} days"


def _row(deviation: Deviation) -> tuple[str, str, str, str]:
    of_organisation = deviation.judged_against == "organisation"
    against = "the organisation" if of_organisation else f"its own {_active_hours(deviation)}"
    if deviation.kind == "volume":
        usual = f"{number(deviation.usual)} ({number(deviation.ratio)} times)"
        return "changes", f"{deviation.changes:,}", usual, against
    usual = f"none{_since(deviation)}".replace(", not touched in", " in")
    return f"changes to {_type(deviation.resource_type)}", f"{deviation.changes:,}", usual, against


def _type(resource_type: str | None) -> str:
    return code(resource_type, TYPE_LENGTH)


def _active_hours(deviation: Deviation) -> str:
    return counted(deviation.active_hours or 0, "active hour")


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
