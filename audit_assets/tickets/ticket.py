"""What a ticket is: its identity, and the contents of its issue, comments and links.

A ticket is an actor's, in generations: its id is computed, so that a second attempt, or a second process, finds the
first one's. Later hours of the same actor become comments; each hour has one attachment, whose ids are computed too.
Lengths are far below what Linear may accept, which is not documented (docs/facts/linear.md, 2).
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from audit_assets.config.policy_tables import CONFIRMED_LABEL, DISMISSED_LABEL
from audit_assets.detection.schemas import WINDOW
from audit_assets.linear.issues import PRIORITY, CommentContent, IssueContent, LinkContent
from audit_assets.linear.routing import TicketSubject
from audit_assets.tickets.description import describe_finding
from audit_assets.tickets.dismissals import COVERS, covers_of
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import hour_name
from audit_assets.tickets.markdown import SafeMarkdown, address
from audit_assets.tickets.opening_sentences import build_title, headline
from audit_assets.tickets.related_lines import related_lines
from audit_assets.tickets.related_ticket import RelatedTicket
from audit_assets.tickets.rendering import render

DESCRIPTION_LENGTH = 20_000
COMMENT_LENGTH = 5_000

HOW_TO_CLOSE = f"""

## How to close this ticket

- It was abuse: complete it with the label `{CONFIRMED_LABEL}`. These hours will be no example of what is usual.
- It was not: cancel it, or complete it with `{DISMISSED_LABEL}`. Up to twice as much of the same will alert no more.
- Nobody knows: complete it without a label. Nothing is learned, and another unusual hour within 14 days reopens it."""


def ticket_id(account_id: str, actor_key: str, generation: int = 0) -> UUID:
    """The id of an actor's ticket. v4-shaped, since Linear asks for v4 (docs/facts/linear.md, 1)."""
    return computed_id("ticket", account_id, actor_key, *([str(generation)] if generation else []))


def relation_id(ticket: UUID) -> UUID:
    """The id of a ticket's relation to the generation before it."""
    return computed_id("generation before", str(ticket))


def pair_id(ticket: UUID, other: UUID) -> UUID:
    """The id of the relation between tickets of two actors, whichever is named first."""
    return computed_id("related tickets", *sorted((str(ticket), str(other))))


def related_comment(ticket: UUID, hour: datetime, related: Sequence[RelatedTicket]) -> CommentContent:
    """The comment that names on a ticket those that an hour related it to: one an hour."""
    text = render("related_comment", hour=SafeMarkdown(hour_name(hour)), lines=related_lines(related))
    return CommentContent(computed_id("related", str(ticket), hour.astimezone(UTC).isoformat()), text)


def withdrawal_comment(ticket: UUID, hour: datetime, *, judged_on: int, hours_present: int) -> CommentContent:
    """The comment that what a ticket has of an hour no longer holds: one an hour."""
    text = render(
        "withdrawal",
        hour=SafeMarkdown(hour_name(hour)),
        judged_on=judged_on,
        hours_present=hours_present,
        window=WINDOW // timedelta(hours=1),
    )
    return CommentContent(computed_id("withdrawal", str(ticket), hour.astimezone(UTC).isoformat()), text)


def highest_priority(related: Sequence[RelatedTicket]) -> int | None:
    """Linear's number for the most severe of these; None without any."""
    return min((PRIORITY[each.severity] for each in related), default=None)


def ticket_for(finding: Finding, generation: int = 0) -> IssueContent:
    """The ticket that a finding opens."""
    return IssueContent(
        id=ticket_id(finding.account_id, finding.actor_key, generation),
        title=build_title(finding),
        description=_with_closing(finding, describe_finding(finding, DESCRIPTION_LENGTH - len(HOW_TO_CLOSE))),
        priority=PRIORITY[finding.severity],
    )


def comment_for(finding: Finding) -> CommentContent:
    """What a finding adds to a ticket that its actor has already: once, whichever generation it is."""
    return CommentContent(_id_of_hour("hour", finding), describe_finding(finding, COMMENT_LENGTH))


def _with_closing(finding: Finding, description: str) -> str:
    """The description with how to close the ticket, which is an actor's or the organisation's hours."""
    is_of_hours = not finding.is_of_unreadable and not any(each.kind == "threshold_fall" for each in finding.deviations)
    return f"{description}{HOW_TO_CLOSE}" if is_of_hours else description


def link_for(finding: Finding) -> LinkContent:
    """The attachment that marks a finding's hour as being on a ticket, of whichever generation, and opens its query.
    `covers` is what a dismissal of it covers (dismissals.py). `kinds`, those of its deviations, are for version 0.1,
    which would take an attachment without them to be about everything."""
    return LinkContent(
        id=_id_of_hour("hour on a ticket", finding),
        title=f"Axiom: {hour_name(finding.hour)}",
        subtitle=headline(finding),
        url=address(finding.axiom_url),
        metadata={
            "hour": finding.hour.astimezone(UTC).isoformat(),
            "severity": finding.severity,
            "kinds": " ".join(sorted({deviation.kind for deviation in finding.deviations})),
            COVERS: covers_of(finding),
        },
    )


def subject_of(finding: Finding) -> TicketSubject:
    """What its ticket is about, as far as a team's table of ticket fields asks."""
    changed = [name for each in finding.action_summaries for name in (each.resource_type, each.action)]
    deviating = [deviation.resource_type for deviation in finding.deviations]
    credentials = [name for each in finding.deviations for name in (each.credential, each.credential_key) if name]
    return TicketSubject(
        severity=finding.severity,
        actor=frozenset({finding.actor, finding.actor_key, *credentials}),
        touched=frozenset(name for name in (*changed, *deviating) if name),
    )


def computed_id(*key: str) -> UUID:
    """The same id for the same words, for ever."""
    return UUID(bytes=hashlib.sha256(json.dumps(["audit-assets", *key]).encode()).digest()[:16], version=4)


def _id_of_hour(what: str, finding: Finding) -> UUID:
    """Of the actor's hour: the actor is identified by its first ticket."""
    actor = ticket_id(finding.account_id, finding.actor_key)
    return computed_id(what, str(actor), finding.hour.astimezone(UTC).isoformat())
