"""The overflow ticket: the one of an hour in which more actors deviated than get a ticket each. It lists all that fit.

The list continues in comments, up to a bound; all of it is in the hour's summary, and the ticket names where.
"""

from collections.abc import Sequence
from datetime import UTC

from audit_assets.linear.issues import PRIORITY, IssueContent
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import hour_in_short, hour_name, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, fence, one_line
from audit_assets.tickets.opening_sentences import headline, opening_start
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

COMMENTS = 20
"""So many comments at most: names of some 2,500 actors more, without a notification for each (judgement)."""

NAMED_AT_MOST = 5_000
"""More names than any description and so many comments hold."""

ROOM_FOR_TEXT = 1_000
"""Characters of a description that are not the list."""


def overflow_ticket(findings: Sequence[Finding], *, axiom_url: str, linked: int, summary: str) -> SharedTicket:
    """The one ticket of these findings of an account and hour, the most severe first: its description holds the first
    part of the list, with reasons. `axiom_url` opens the activity of the first `linked` actors, `summary` (our own
    Markdown) names where all are."""
    account_id, hour, total = findings[0].account_id, findings[0].hour, len(findings)
    own_id = computed_id("roll-up", account_id, hour.astimezone(UTC).isoformat())
    how_many = pluralize(total, "more actor")
    opening = SafeMarkdown(
        f"{opening_start(hour)} {how_many} deviated besides those with a ticket of their own: too many for a ticket "
        "each. So many at once may be a migration, or somebody who hides one action among others."
    )
    severity = min(findings, key=lambda finding: PRIORITY[finding.severity]).severity
    shown = fitting(map(_line, findings), DESCRIPTION_LENGTH - ROOM_FOR_TEXT)
    everybody = Part(
        content_hash=content_hash_of((finding.actor_key for finding in findings), length=32),
        lines=[_name(finding) for finding in findings[:NAMED_AT_MOST]],
        total=total,
        described=len(shown),
        opening=opening,
        further=SafeMarkdown(f"{opening_start(hour)} also:"),
    )
    return SharedTicket(
        ticket=IssueContent(
            id=own_id,
            title=f"{how_many} deviated, too many for a ticket each ({hour_in_short(hour)})",
            description=render(
                "overflow",
                opening=opening,
                summary=SafeMarkdown(summary),
                account=code(account_id, 64),
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
            {"hour": hour.astimezone(UTC).isoformat()},
            title=f"Axiom: {hour_name(hour)}",
            subtitle=f"The {pluralize(linked, 'most severe actor')} of {total:,}",
            url=axiom_url,
        ),
        comments=COMMENTS,
        where=SafeMarkdown(f"They are in {summary}."),
    )


def _line(finding: Finding) -> str:
    return f"{_name(finding)} · {one_line(headline(finding), REASON_LENGTH)}"


def _name(finding: Finding) -> str:
    return f"{finding.severity:<6}  {one_line(finding.actor, ACTOR_LENGTH)}"
