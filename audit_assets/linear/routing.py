"""Which team, project, labels, assignee and priority a ticket gets, by the rows of a team's own table.

Pure: names in, names out; whether Linear knows them is target_resolver.py's. A ticket's id depends on none of this.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from audit_assets.config.policy_tables import Severity, TicketFields
from audit_assets.linear.issues import PRIORITY

T = TypeVar("T")


@dataclass(frozen=True)
class TicketSubject:
    """What a ticket is about, as far as the table asks: a severity, the names of its actor, and the resource types and
    actions behind it. Of a ticket that many actors share, only the severity is known."""

    severity: Severity
    actor: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fields:
    """What a ticket gets, by name; `priority` as Linear's number. None or empty: as the settings have it."""

    priority: int
    team: str | None = None
    project: str | None = None
    labels: tuple[str, ...] = ()
    assignee: str | None = None


def fields_for(subject: TicketSubject, table: Sequence[TicketFields]) -> Fields:
    """What a ticket gets: of labels, those of all rows that apply; of each other field, that of the first such row."""
    rows = [row for row in table if applies(row, subject)]
    priority = _first(row.priority for row in rows) or subject.severity
    return Fields(
        priority=priority if isinstance(priority, int) else PRIORITY[priority],
        team=_first(row.team for row in rows),
        project=_first(row.project for row in rows),
        labels=tuple(dict.fromkeys(label for row in rows for label in row.labels)),
        assignee=_first(row.assignee for row in rows),
    )


def applies(row: TicketFields, subject: TicketSubject) -> bool:
    """Whether a ticket about this gets the fields of the row."""
    return (
        (row.severities is None or subject.severity in row.severities)
        and (row.touching is None or _any_like(subject.touched, row.touching))
        and (row.actors is None or _any_like(subject.actor, row.actors))
    )


def rows_in_other_teams(table: Sequence[TicketFields]) -> list[tuple[int, int]]:
    """Which rows may give their fields to a ticket in the team of another row: the indices of both."""
    return [
        (here, there)
        for here, row in enumerate(table)
        for there, other in enumerate(table)
        if other.team not in (None, row.team) and (row.team is None or there < here) and _may_both_apply(row, other)
    ]


def _may_both_apply(row: TicketFields, other: TicketFields) -> bool:
    """As far as severities and whole names of actors show."""
    severities = row.severities is None or other.severities is None or set(row.severities) & set(other.severities)
    names, others = ({name.lower() for name in each.actors or ("*",)} for each in (row, other))
    return bool(severities) and (not names.isdisjoint(others) or any("*" in name for name in names | others))


def _first(named: Iterable[T | None]) -> T | None:
    return next((each for each in named if each is not None), None)


def _any_like(names: Iterable[str], patterns: Iterable[str]) -> bool:
    """`*` is the only wildcard: names of actors contain brackets and question marks."""
    asked = [pattern.lower().replace("[", "[[]").replace("?", "[?]") for pattern in patterns]
    return any(fnmatchcase(name.lower(), pattern) for name in names for pattern in asked)
