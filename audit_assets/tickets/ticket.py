"""What a ticket is: its identity. What it says is in description.py.

A ticket is an actor's, in generations: its id is computed, so that a second attempt, or a second process, finds the
first one's. Later hours of the same actor become comments; each hour has one attachment, whose ids are computed too.
Lengths stay far below what Linear may take, which is not documented (docs/facts/linear.md, 2).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from audit_assets.tickets.description import text_of
from audit_assets.tickets.deviation_sentences import describe, describe_together
from audit_assets.tickets.finding import Deviation, EntryLine, Finding
from audit_assets.tickets.formatting import hour_name
from audit_assets.tickets.markdown import address
from audit_assets.tickets.wording import in_short, title_of

__all__ = [
    "Deviation",
    "EntryLine",
    "Finding",
    "HourComment",
    "HourLink",
    "Ticket",
    "comment_for",
    "describe",
    "describe_together",
    "link_for",
    "ticket_for",
    "ticket_id",
]

PRIORITY = {"urgent": 1, "high": 2, "medium": 3, "low": 4}
"""Linear's numbers; 0 would be "no priority" (docs/facts/linear.md, 1)."""

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 20_000
COMMENT_LENGTH = 5_000


@dataclass(frozen=True)
class Ticket:
    """A ticket to open: plain-text title, Markdown description, Linear's number of the priority."""

    id: UUID
    title: str
    description: str
    priority: int


@dataclass(frozen=True)
class HourComment:
    """What is said on an actor's ticket of one more hour."""

    id: UUID
    body: str


@dataclass(frozen=True)
class HourLink:
    """The attachment that marks an hour as being on a ticket, and opens its query. Linear keeps strings and numbers in
    `metadata` (docs/facts/linear.md, 1)."""

    id: UUID
    title: str
    subtitle: str
    url: str
    metadata: dict[str, str | int]


def ticket_id(account_id: str, actor_key: str, generation: int = 0) -> UUID:
    """The id of an actor's ticket. v4-shaped, since Linear asks for v4 (docs/facts/linear.md, 1)."""
    return computed_id("ticket", account_id, actor_key, *([str(generation)] if generation else []))


def relation_id(ticket: UUID) -> UUID:
    """The id of a ticket's relation to the generation before it."""
    return computed_id("generation before", str(ticket))


def ticket_for(finding: Finding, generation: int = 0) -> Ticket:
    """The ticket that a finding opens."""
    return Ticket(
        id=ticket_id(finding.account_id, finding.actor_key, generation),
        title=title_of(finding)[:TITLE_LENGTH],
        description=text_of(finding, DESCRIPTION_LENGTH),
        priority=PRIORITY[finding.severity],
    )


def comment_for(finding: Finding) -> HourComment:
    """What a finding adds to a ticket that its actor has already: once, whichever generation it is."""
    return HourComment(_id_of_hour("hour", finding), text_of(finding, COMMENT_LENGTH))


def link_for(finding: Finding) -> HourLink:
    """The attachment of a finding's hour: one, whichever generation it is on. `kinds` are what the ticket tells of."""
    return HourLink(
        id=_id_of_hour("hour on a ticket", finding),
        title=f"Axiom: {hour_name(finding.hour)}",
        subtitle=in_short(finding),
        url=address(finding.axiom_url),
        metadata={
            "hour": finding.hour.astimezone(UTC).isoformat(),
            "severity": finding.severity,
            "kinds": " ".join(sorted(kinds_of(finding))),
        },
    )


def kinds_of(finding: Finding) -> frozenset[str]:
    """The kinds of deviation that it is about."""
    return frozenset(deviation.kind for deviation in finding.deviations)


def computed_id(*key: str) -> UUID:
    """The same id for the same words, for ever."""
    return UUID(bytes=hashlib.sha256(json.dumps(["audit-assets", *key]).encode()).digest()[:16], version=4)


def _id_of_hour(what: str, finding: Finding) -> UUID:
    """Of the actor's hour: the actor stands in it by its first ticket."""
    actor = ticket_id(finding.account_id, finding.actor_key)
    return computed_id(what, str(actor), finding.hour.astimezone(UTC).isoformat())
