"""What becomes of an actor's finding, decided from nothing but the tickets that Linear shows of this actor.

An actor's tickets follow each other in generations, and the last one counts. A completed ticket is done, and may be
reopened. A canceled, duplicate or trashed one is a person's verdict: no ticket for a while, for the kinds of deviation
that it was about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from audit_assets.linear.issues import NO_PRIORITY, KnownIssue

REOPENED_WITHIN = timedelta(days=14)
"""A ticket that was completed longer ago stays so, and the next generation is opened."""

QUIET = timedelta(days=30)
"""How long a dismissed actor gets no ticket, unless AUDIT_ASSETS_QUIET_DAYS has another time."""

AN_HOUR = timedelta(hours=1)

Stage = Literal["open", "recently_completed", "completed_long_ago", "dismissed"]

Outcome = Literal["opened", "joined", "reopened", "already_on_ticket", "dismissed", "on_shared_ticket", "unreadable"]


@dataclass(frozen=True)
class OpenedTicket:
    """What became of a finding.

    `outcome`: "opened" a ticket · "joined" the actor's ticket as one more hour · "reopened" the one that was completed
    recently · "already_on_ticket": nothing was written · "dismissed": people have dismissed such findings of this
    actor, nothing was written · "on_shared_ticket": it is on one ticket with many others · "unreadable": the id is
    taken by an issue that is archived or that this key can't see, so nothing could be written and a person has to look
    (docs/facts/linear.md, 4). `identifier` and `url` are None if Linear does not show the issue. `closed`: the ticket's
    state is a closed one. `refused`: what Linear did not let us do besides, and what the ticket lacks of its fields, a
    sentence each.
    """

    id: str
    identifier: str | None
    url: str | None
    outcome: Outcome
    closed: bool = False
    refused: str | None = None


def stage_of(ticket: KnownIssue, now: datetime) -> Stage:
    """Where in its lifecycle a ticket is. An archived one takes no more hours (docs/facts/linear.md, 6)."""
    if ticket.is_dismissed:
        return "dismissed"
    if not ticket.is_closed:
        return "open"
    recently = now - ticket.closed_at <= REOPENED_WITHIN
    return "recently_completed" if recently and ticket.archived_at is None else "completed_long_ago"


def is_quiet(
    tickets: Sequence[KnownIssue], *, hour: datetime, kinds: frozenset[str], quiet: timedelta, now: datetime
) -> bool:
    """Whether people have dismissed such findings of this actor, so that the hour opens nothing.

    The hour's own end is compared with the verdicts, not the time of day: an hour that is run again later has the same
    outcome. A dismissed ticket whose kinds can't be read is taken to be about all kinds.
    """
    dismissed = [
        ticket
        for ticket in tickets
        if stage_of(ticket, now) == "dismissed" and hour + AN_HOUR <= ticket.closed_at + quiet
    ]
    if tickets[-1] not in dismissed:
        return False
    dismissed_kinds = frozenset[str]().union(*(ticket.kinds for ticket in dismissed))
    return kinds <= dismissed_kinds or any(not ticket.kinds for ticket in dismissed)


def raises_priority(ticket: KnownIssue, priority: int) -> bool:
    """Whether a finding of that priority raises the ticket's, which never falls. In Linear 1 is urgent, 4 is low, and a
    ticket without a priority is below low."""
    return ticket.priority == NO_PRIORITY or priority < ticket.priority
