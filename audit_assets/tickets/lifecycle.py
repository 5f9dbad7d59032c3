"""What becomes of an actor's finding, decided from nothing but the tickets that Linear shows of this actor.

An actor's tickets follow each other in generations, and the last one counts. A completed ticket is done, and may be
reopened. A canceled, duplicate or trashed one is a person's verdict: no ticket for a while for what it covers
(dismissals.py).
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

Outcome = Literal[
    "opened", "joined", "reopened", "already_on_ticket", "dismissed", "on_shared_ticket", "unreadable", "too_old"
]

ON_OWN_TICKET: tuple[Outcome, ...] = ("opened", "joined", "reopened", "already_on_ticket")
"""The outcomes of a finding that is on its actor's ticket."""


@dataclass(frozen=True)
class OpenedTicket:
    """What became of a finding.

    `outcome`: "opened" a ticket · "joined" the actor's ticket as one more hour · "reopened" the one that was completed
    recently · "already_on_ticket": nothing was written · "dismissed": people have dismissed all of it, nothing was
    written · "on_shared_ticket": it is on one ticket with many others · "unreadable": the id is
    taken by an issue that is archived or that this key can't see, so nothing could be written and a person has to look
    (docs/facts/linear.md, 4) · "too_old": the hour was on no ticket, and is too old for one. `identifier` and `url` are
    None if Linear does not show the issue. `closed`: the ticket's state is a closed one. `refused`: what Linear did not
    let us do besides, and what the ticket lacks of its fields, a
    sentence each. `exceeds`: in words, what the tickets show of earlier dismissals that the finding goes beyond.
    `raised`: the priority of a ticket that it joined was raised, or may have been by a run that was interrupted.
    """

    id: str
    identifier: str | None
    url: str | None
    outcome: Outcome
    closed: bool = False
    refused: str | None = None
    exceeds: str | None = None
    raised: bool = False


def stage_of(ticket: KnownIssue, now: datetime) -> Stage:
    """Where in its lifecycle a ticket is. An archived one takes no more hours (docs/facts/linear.md, 6)."""
    if ticket.is_dismissed:
        return "dismissed"
    if not ticket.is_closed:
        return "open"
    recently = now - ticket.closed_at <= REOPENED_WITHIN
    return "recently_completed" if recently and ticket.archived_at is None else "completed_long_ago"


def dismissed_lately(
    tickets: Sequence[KnownIssue], *, hour: datetime, quiet: timedelta, now: datetime
) -> list[KnownIssue]:
    """The tickets of an actor by which people keep it quiet: those that they dismissed so lately, if its last ticket is
    one of them.

    The hour's own end is compared with the verdicts, not the time of day: an hour that is run again later has the same
    outcome.
    """
    dismissed = [
        ticket
        for ticket in tickets
        if stage_of(ticket, now) == "dismissed" and hour + AN_HOUR <= ticket.closed_at + quiet
    ]
    return dismissed if tickets[-1] in dismissed else []


def raises_priority(ticket: KnownIssue, priority: int) -> bool:
    """Whether a finding of that priority raises the ticket's, which never falls. In Linear 1 is urgent, 4 is low, and a
    ticket without a priority is below low."""
    return ticket.priority == NO_PRIORITY or priority < ticket.priority
