"""What a ticket is: its identity, and what it says to a person who reads it on a phone.

A ticket is an actor's, in generations: its id is computed, so that a second attempt, or a second process, finds the
first one's. Later hours of the same actor become comments; each hour has one attachment, whose ids are computed too.
Lengths stay far below what Linear may take, which is not documented (facts/linear.md, 2).
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC
from uuid import UUID

from audit_assets.linear.figures import NAMED, counted, hour_name
from audit_assets.linear.findings import ENTRIES_SHOWN, Deviation, EntryLine, Finding
from audit_assets.linear.markdown import address, code, collapsible, fence, link, one_line
from audit_assets.linear.notes import note_section
from audit_assets.linear.sentences import NAME_LENGTH, describe, describe_together, in_a_ticket, telling_first
from audit_assets.linear.wording import (
    caution,
    deviation_table,
    entry_line,
    in_short,
    opening,
    severity_line,
    title_of,
)

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

DEVIATIONS_SHOWN = (8, 4, 2, 1)
"""As many as these stand in the table, the first number that fits; the others are counted."""

REASONS_TOLD = 4
"""Up to so many are told in sentences too: more are not read on a phone."""

ENTRIES_OPEN = 5
"""Up to this many entries stand open; more are folded away."""

MEMBERS_SHOWN = 20
"""Of many who did the same, so many are listed; the others are counted."""

LINK_SHARE = 0.6
"""A link may take this share of a text; a longer one is only among the ticket's links."""


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
    `metadata` (facts/linear.md, 1)."""

    id: UUID
    title: str
    subtitle: str
    url: str
    metadata: dict[str, str | int]


def ticket_id(account_id: str, actor_key: str, generation: int = 0) -> UUID:
    """The id of an actor's ticket. v4-shaped, since Linear asks for v4 (facts/linear.md, 1)."""
    return computed_id("ticket", account_id, actor_key, *([str(generation)] if generation else []))


def relation_id(ticket: UUID) -> UUID:
    """The id of a ticket's relation to the generation before it."""
    return computed_id("generation before", str(ticket))


def ticket_for(finding: Finding, generation: int = 0) -> Ticket:
    """The ticket that a finding opens."""
    return Ticket(
        id=ticket_id(finding.account_id, finding.actor_key, generation),
        title=title_of(finding)[:TITLE_LENGTH],
        description=_text(finding, DESCRIPTION_LENGTH),
        priority=PRIORITY[finding.severity],
    )


def comment_for(finding: Finding) -> HourComment:
    """What a finding adds to a ticket that its actor has already: once, whichever generation it is."""
    return HourComment(_id_of_hour("hour", finding), _text(finding, COMMENT_LENGTH))


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


def _text(finding: Finding, most: int) -> str:
    """The same parts for a description and a comment: as many entries, then as many deviations, as fit. A model's note
    may cost entries, but no deviation: before one of these is left out, the note is."""
    entries = finding.entries[:ENTRIES_SHOWN]
    whole = [(DEVIATIONS_SHOWN[0], shown) for shown in range(len(entries), -1, -1)]
    fewer = [(told, 0) for told in DEVIATIONS_SHOWN[1:]]
    lengths = [(finding, *each) for each in whole] if finding.note else []
    lengths += [(replace(finding, note=None), *each) for each in [*whole, *fewer]]
    room = int(most * LINK_SHARE)
    deviations = telling_first(finding.deviations)
    texts = (_parts(found, deviations[:told], entries[:shown], room) for found, told, shown in lengths)
    return next((text for text in texts if len(text) <= most), opening(finding)[:most])


def _parts(finding: Finding, told: tuple[Deviation, ...], shown: tuple[EntryLine, ...], room: int) -> str:
    parts = [opening(finding), severity_line(finding)]
    if told:
        table = deviation_table(told, learning=finding.learning)
        parts += ["## Why this is unusual", _reasons(finding, told), table]
    if shown:
        parts += _members(finding)
    parts += _entries(finding, shown)
    if finding.note:
        parts.append(note_section(finding.note))
    parts += ["## Where to look", *_where(finding, room)]
    return "\n\n".join(parts)


def _reasons(finding: Finding, told: tuple[Deviation, ...]) -> str:
    reasons = [in_a_ticket(each, finding.hour, learning=finding.learning) for each in told[:REASONS_TOLD]]
    untold = len(finding.deviations) - len(reasons)
    more = f"and {untold:,} more like these" if untold else None
    together = describe_together(finding.deviations, learning=finding.learning)
    lines = [together, *reasons, more, caution(finding)]
    return "\n".join(f"- {line}" for line in lines if line)


def _members(finding: Finding) -> list[str]:
    """Who did the same, folded away."""
    members = [*dict.fromkeys(member for each in finding.deviations for member in each.members)]
    if len(members) <= NAMED:
        return []
    left = len(members) - MEMBERS_SHOWN
    lines = fence(one_line(member, NAME_LENGTH) for member in members[:MEMBERS_SHOWN])
    more = f"\n\nand {left:,} more" if left > 0 else ""
    return [collapsible(f"The {counted(len(members), 'actor')}", lines + more)]


def _entries(finding: Finding, shown: tuple[EntryLine, ...]) -> list[str]:
    """The entries behind a finding: a heading, the lines, and how many are not shown."""
    total = max(finding.entries_total, len(finding.entries))
    if not total:
        return []
    longer = any(each.horizon_hours > 1 for each in finding.deviations)
    heading, left = "## The entries of this hour" if longer else "## The entries behind it", total - len(shown)
    if not shown:
        return [heading, f"{total:,}, to be read in Axiom."]
    more = [f"and {left:,} more"] if left else []
    lines = "\n\n".join([fence(entry_line(each) for each in shown), *more])
    return [heading, lines if len(shown) <= ENTRIES_OPEN else collapsible(f"{len(shown)} of {total:,} (UTC)", lines)]


def _where(finding: Finding, room: int) -> tuple[str, str]:
    """The live link, and whom to look for."""
    url = address(finding.axiom_url)
    live = link("Open this query in Axiom", url) if 0 < len(url) <= room else "The query is among this ticket's links."
    known = f"Actor type {code(finding.actor_type, 40)} · actor key"
    return live, f"{known} {code(finding.actor_key, 64)} · account {code(finding.account_id, 64)}"
