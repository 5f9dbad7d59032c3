"""Which team, project, labels, assignee and priority a ticket gets: a team's own table, and what follows from it.

Pure: names in, names out; whether Linear knows them is place.py's to find out. What a ticket is, its id, depends on
none of this.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, TypeVar, get_args

from audit_assets.tickets.finding import Finding, Severity
from audit_assets.tickets.lifecycle import VERDICT_LABELS
from audit_assets.tickets.ticket import PRIORITY, Ticket

T = TypeVar("T")

Priority = Literal["urgent", "high", "medium", "low", 1, 2, 3, 4]
"""By name, or as Linear counts: 1 is urgent, 4 low (docs/facts/linear.md, 1)."""


@dataclass(frozen=True)
class Matter:
    """What a ticket is about, as far as the table asks: a severity, the names of its actor, and the resource types and
    actions behind it. Of a ticket that many actors share, only the severity is known."""

    severity: Severity
    actor: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fields:
    """What a ticket gets, by name; `priority` as Linear's number. None, or none more, where the settings decide."""

    priority: int
    team: str | None = None
    project: str | None = None
    labels: tuple[str, ...] = ()
    assignee: str | None = None


@dataclass(frozen=True)
class TicketFields:
    """A row of the table: tickets of these `severities` that touch what is like one of `touching` and are of an actor
    like one of `actors` get these fields. What is not asked for is not looked at; `*` stands for any letters, and case
    does not matter."""

    severities: tuple[Severity, ...] | None = None
    touching: tuple[str, ...] | None = None
    actors: tuple[str, ...] | None = None
    team: str | None = None
    project: str | None = None
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    priority: Priority | None = None

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for a row that asks for nothing, gives nothing, or holds a name that none can be."""
        for name, asked in (("severities", self.severities), ("touching", self.touching), ("actors", self.actors)):
            if asked is not None and not asked:
                raise ValueError(f"{name} is empty, so no ticket would match: leave it out, or name some")
        texts = (self.team, self.project, self.assignee, *self.labels, *(self.touching or ()), *(self.actors or ()))
        for text in texts:
            if text is not None and (not text or text != text.strip() or not text.isprintable()):
                raise ValueError(f"{text!r} is no name: give one that can be seen, with no space around it")
        if verdict := {*VERDICT_LABELS} & {label.casefold() for label in self.labels}:
            raise ValueError(f"the label {min(verdict)!r} is a verdict, which people give when they have looked")
        if not (self.team or self.project or self.labels or self.assignee or self.priority):
            raise ValueError("name a team, a project, labels, an assignee or a priority")

    def applies(self, matter: Matter) -> bool:
        """Whether a ticket about this gets the fields of this row."""
        return (
            (self.severities is None or matter.severity in self.severities)
            and (self.touching is None or _any_like(matter.touched, self.touching))
            and (self.actors is None or _any_like(matter.actor, self.actors))
        )

    def meets(self, other: "TicketFields") -> bool:
        """Whether both may apply to one ticket, as far as severities and whole names of actors tell."""
        severities = self.severities is None or other.severities is None or set(self.severities) & set(other.severities)
        names, others = ({name.lower() for name in row.actors or ("*",)} for row in (self, other))
        return bool(severities) and (not names.isdisjoint(others) or any("*" in name for name in names | others))


def matter_of(finding: Finding) -> Matter:
    """What the ticket of a finding is about."""
    action_summaries = [
        name
        for action_summary in finding.action_summaries
        for name in (action_summary.resource_type, action_summary.action)
    ]
    types = [deviation.resource_type for deviation in finding.deviations]
    return Matter(
        severity=finding.severity,
        actor=frozenset({finding.actor, finding.actor_key}),
        touched=frozenset(name for name in (*action_summaries, *types) if name),
    )


def matter_of_many(ticket: Ticket) -> Matter:
    """What a ticket is about that many findings share: no more than how severe it is, is known of it."""
    return Matter(next(severity for severity in get_args(Severity) if PRIORITY[severity] == ticket.priority))


def fields_for(matter: Matter, table: Sequence[TicketFields]) -> Fields:
    """What its ticket gets: of what it can have but once, the first row that applies and names it; of labels, all."""
    rows = [row for row in table if row.applies(matter)]
    priority = _first(row.priority for row in rows) or matter.severity
    return Fields(
        priority=priority if isinstance(priority, int) else PRIORITY[priority],
        team=_first(row.team for row in rows),
        project=_first(row.project for row in rows),
        labels=tuple(dict.fromkeys(label for row in rows for label in row.labels)),
        assignee=_first(row.assignee for row in rows),
    )


def in_teams_of_others(table: Sequence[TicketFields]) -> list[tuple[int, int]]:
    """Which rows may give their fields to a ticket that goes to the team of another row: the places of both."""
    return [
        (here, there)
        for here, row in enumerate(table)
        for there, other in enumerate(table)
        if other.team not in (None, row.team) and (row.team is None or there < here) and row.meets(other)
    ]


def _first(named: Iterable[T | None]) -> T | None:
    return next((each for each in named if each is not None), None)


def _any_like(names: Iterable[str], patterns: Iterable[str]) -> bool:
    """Of what a pattern may hold only `*` means anything: names of actors have brackets and question marks."""
    asked = [pattern.lower().replace("[", "[[]").replace("?", "[?]") for pattern in patterns]
    return any(fnmatchcase(name.lower(), pattern) for name in names for pattern in asked)
