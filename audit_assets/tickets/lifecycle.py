"""What becomes of an actor's finding, decided from nothing but the tickets that Linear shows of this actor.

Tickets of one actor follow each other in generations; the last one counts. Completed is "done": it may come back.
Canceled, duplicate or thrown away is a person's verdict: silence, for a while and for what the ticket told of.
Pure: nothing is read or written here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

REOPENED_WITHIN = timedelta(days=14)
"""A ticket that was completed longer ago stays so, and the next generation is opened."""

QUIET = timedelta(days=30)
"""How long a dismissed actor stays quiet, unless AUDIT_ASSETS_QUIET_DAYS says otherwise."""

AN_HOUR = timedelta(hours=1)

DISMISSED_STATES = frozenset({"canceled", "duplicate"})
CLOSED_STATES = DISMISSED_STATES | {"completed"}

CONFIRMED_LABEL, DISMISSED_LABEL = "confirmed-incident", "false-positive"
VERDICT_LABELS = (CONFIRMED_LABEL, DISMISSED_LABEL)
"""By which people say what became of a ticket: labels of a team or of the workspace, created by hand; in what case they
are written does not matter. The documents name them too: they are static."""

AT_ONCE = timedelta(minutes=1)
"""Linear's own closing of stale issues sets two times: no further apart than this (judgement)."""

NO_PRIORITY = 0
LOWEST = 5
"""Linear's priorities go from 1, urgent, to 4, low; 0 is none, which is less than low (docs/facts/linear.md, 1)."""

Stage = Literal["open", "recently_completed", "over", "dismissed"]


@dataclass(frozen=True, kw_only=True)
class TicketState:
    """How a ticket stands in Linear. `state`: the type of its state."""

    state: str
    trashed: bool
    archived_at: datetime | None
    auto_closed_at: datetime | None
    canceled_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime

    @property
    def closed(self) -> bool:
        """Whether its state is a closed one."""
        return self.state in CLOSED_STATES

    @property
    def closed_at(self) -> datetime:
        """When it was closed or thrown away. Which time a duplicate sets is not known, nor which the trash: where
        Linear names none, its last change must do (docs/facts/linear.md, 1)."""
        if self.trashed:
            return self.archived_at or self.updated_at
        return max((time for time in (self.canceled_at, self.completed_at) if time), default=self.updated_at)

    @property
    def dismissed(self) -> bool:
        """Whether a person said that there was nothing to it. Linear cancels what nobody touched for months, if a team
        wants it: that is nobody's verdict."""
        by_linear = self.auto_closed_at is not None and self.auto_closed_at >= self.closed_at - AT_ONCE
        return self.trashed or (self.state in DISMISSED_STATES and not by_linear)


@dataclass(frozen=True, kw_only=True)
class KnownTicket(TicketState):
    """A ticket as Linear shows it, asked about one hour.

    `team`: the id of the team that it is in now, which may not be the one where it was opened. `attached`: the hour's
    attachment is on it, which is written last. `commented`: the hour's comment is. `kinds`: the kinds of deviation, and
    `lists` the words for parts of a roll-up, that it told of.
    """

    id: UUID
    generation: int
    identifier: str
    url: str
    team: str
    description: str
    priority: int
    attached: bool
    commented: bool
    kinds: frozenset[str]
    lists: frozenset[str]


def stage_of(ticket: KnownTicket, now: datetime) -> Stage:
    """Where in its life a ticket is. An archived one takes nothing on any more (docs/facts/linear.md, 6)."""
    if ticket.dismissed:
        return "dismissed"
    if not ticket.closed:
        return "open"
    lately = now - ticket.closed_at <= REOPENED_WITHIN
    return "recently_completed" if lately and ticket.archived_at is None else "over"


def is_quiet(
    tickets: Sequence[KnownTicket], *, hour: datetime, kinds: frozenset[str], quiet: timedelta, now: datetime
) -> bool:
    """Whether people have dismissed just such findings of this actor, so that the hour opens nothing.

    The hour's own end is compared with the verdicts, not the time of day: an hour that is run again later stays what
    it was. A verdict on a ticket whose kinds can't be read is taken to be on all kinds.
    """
    verdicts = [
        ticket
        for ticket in tickets
        if stage_of(ticket, now) == "dismissed" and hour + AN_HOUR <= ticket.closed_at + quiet
    ]
    if tickets[-1] not in verdicts:
        return False
    told = frozenset[str]().union(*(ticket.kinds for ticket in verdicts))
    return kinds <= told or any(not ticket.kinds for ticket in verdicts)


def raised(ticket: KnownTicket, priority: int) -> bool:
    """Whether a finding of that priority raises the ticket's, which never falls."""
    return priority < (LOWEST if ticket.priority == NO_PRIORITY else ticket.priority)
