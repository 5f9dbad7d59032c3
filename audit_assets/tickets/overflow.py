"""The overflow ticket: the one of an hour in which more actors deviated than get a ticket each. It lists all that fit.

The list continues in comments, up to a bound; all of it is in the hour's summary, and the ticket names where.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from audit_assets.linear.issues import PRIORITY, IssueContent
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import hour_in_short, hour_name, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, fence, one_line
from audit_assets.tickets.opening_sentences import opening_start
from audit_assets.tickets.rendering import render
from audit_assets.tickets.shared_ticket import (
    ACTOR_LENGTH,
    REASON_LENGTH,
    Part,
    SharedTicket,
    content_hash_of,
    count_left,
    fitting,
    marker_for,
)
from audit_assets.tickets.ticket import DESCRIPTION_LENGTH, computed_id
from audit_assets.tickets.title import headline

COMMENTS = 20
"""So many comments at most: names of some 2,500 actors more, without a notification for each (judgement)."""

NAMED_AT_MOST = 5_000
"""More names than any description and so many comments hold."""

ROOM_FOR_TEXT = 1_000
"""Characters of a description that are not the list."""


@dataclass(frozen=True)
class Overflow:
    """Findings of one account and hour, the most severe first, without the entries behind them. `axiom_url` opens the
    activity of the first `linked` actors, `summary` (our own Markdown) names where all are."""

    account_id: str
    hour: datetime
    findings: tuple[Finding, ...]
    axiom_url: str
    linked: int
    summary: str


def overflow_ticket(overflow: Overflow) -> SharedTicket:
    """The ticket of an overflow: its description holds the first part of the list, with reasons."""
    own_id = computed_id("roll-up", overflow.account_id, overflow.hour.astimezone(UTC).isoformat())
    total, opening = len(overflow.findings), _opening(overflow)
    severity = min(overflow.findings, key=lambda finding: PRIORITY[finding.severity]).severity
    shown = fitting(map(_line, overflow.findings), DESCRIPTION_LENGTH - ROOM_FOR_TEXT)
    everybody = Part(
        content_hash=content_hash_of((finding.actor_key for finding in overflow.findings), length=32),
        lines=[_name(finding) for finding in overflow.findings[:NAMED_AT_MOST]],
        total=total,
        described=len(shown),
        opening=opening,
        further=SafeMarkdown(f"{opening_start(overflow.hour)} also:"),
    )
    return SharedTicket(
        ticket=IssueContent(
            id=own_id,
            title=f"{_how_many(overflow)} deviated, too many for a ticket each ({hour_in_short(overflow.hour)})",
            description=render(
                "overflow",
                opening=opening,
                summary=SafeMarkdown(overflow.summary),
                account=code(overflow.account_id, 64),
                actors=fence(shown),
                left=count_left(total - len(shown), SafeMarkdown("The list continues in the comments.")),
            ),
            priority=PRIORITY[severity],
        ),
        severity=severity,
        opening=opening,
        parts=(everybody,),
        marker=marker_for(
            own_id,
            [everybody],
            {"hour": overflow.hour.astimezone(UTC).isoformat()},
            title=f"Axiom: {hour_name(overflow.hour)}",
            subtitle=f"The {pluralize(overflow.linked, 'most severe actor')} of {total:,}",
            url=overflow.axiom_url,
        ),
        comments=COMMENTS,
        where=SafeMarkdown(f"They are in {overflow.summary}."),
    )


def _opening(overflow: Overflow) -> SafeMarkdown:
    return SafeMarkdown(
        f"{opening_start(overflow.hour)} {_how_many(overflow)} deviated besides those with a ticket of their own: too "
        "many for a ticket each. So many at once may be a migration, or somebody who hides one action among others."
    )


def _how_many(overflow: Overflow) -> str:
    return pluralize(len(overflow.findings), "more actor")


def _line(finding: Finding) -> str:
    return f"{_name(finding)} · {one_line(headline(finding), REASON_LENGTH)}"


def _name(finding: Finding) -> str:
    return f"{finding.severity:<6}  {one_line(finding.actor, ACTOR_LENGTH)}"
