"""What a ticket is: its identity. What it says is in description.py.

One ticket per actor: its id is computed, so that a second attempt, or a second process, finds the first one's
ticket. Later hours of the same actor become comments, whose ids are computed too. Lengths stay far below what Linear
may take, which is not documented (facts/linear.md, 2).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from audit_assets.linear.description import text_of
from audit_assets.linear.figures import hour_name
from audit_assets.linear.findings import Deviation, EntryLine, Finding
from audit_assets.linear.markdown import address
from audit_assets.linear.sentences import describe, describe_together
from audit_assets.linear.wording import in_short, title_of

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
"""Linear's numbers; 0 would be "no priority" (facts/linear.md, 1)."""

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
    """The attachment that marks an hour as being on a ticket, and opens its query."""

    title: str
    subtitle: str
    url: str
    metadata: dict[str, str | int]


def ticket_id(account_id: str, actor_key: str) -> UUID:
    """The id of an actor's ticket. v4-shaped, since Linear asks for v4 (facts/linear.md, 1)."""
    return _computed("ticket", account_id, actor_key)


def comment_id(ticket: UUID, hour: datetime) -> UUID:
    """The id of the comment about an hour on a ticket."""
    return _computed("hour", str(ticket), hour.astimezone(UTC).isoformat())


def ticket_for(finding: Finding) -> Ticket:
    """The ticket that a finding opens if its actor has none."""
    return Ticket(
        id=ticket_id(finding.account_id, finding.actor_key),
        title=title_of(finding)[:TITLE_LENGTH],
        description=text_of(finding, DESCRIPTION_LENGTH),
        priority=PRIORITY[finding.severity],
    )


def comment_for(finding: Finding) -> HourComment:
    """What a finding adds to the ticket that its actor has already."""
    ticket = ticket_id(finding.account_id, finding.actor_key)
    return HourComment(comment_id(ticket, finding.hour), text_of(finding, COMMENT_LENGTH))


def link_for(finding: Finding) -> HourLink:
    """The attachment of a finding's hour. Its url is its identity on the ticket."""
    return HourLink(
        title=f"Axiom: {hour_name(finding.hour)}",
        subtitle=in_short(finding),
        url=address(finding.axiom_url),
        metadata={"hour": finding.hour.astimezone(UTC).isoformat(), "severity": finding.severity},
    )


def _computed(*key: str) -> UUID:
    return UUID(bytes=hashlib.sha256(json.dumps(["audit-assets", *key]).encode()).digest()[:16], version=4)
