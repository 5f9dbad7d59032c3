"""The one ticket of an hour in which more actors deviated than get a ticket each: it lists all that fit.

The list goes on in comments, up to a bound; all of it stands in the hour's summary, and the ticket says where.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import hour_in_short, hour_name, pluralize
from audit_assets.tickets.markdown import code, fence, one_line
from audit_assets.tickets.shared_ticket import (
    ACTOR_LENGTH,
    REASON_LENGTH,
    Part,
    SharedTicket,
    content_hash_of,
    fitting,
    left,
    marker_for,
)
from audit_assets.tickets.ticket import DESCRIPTION_LENGTH, PRIORITY, Ticket, computed_id
from audit_assets.tickets.wording import in_short, opening_of

COMMENTS = 20
"""As many comments at most: names of some 2,500 actors more, and no flood of its own (judgement)."""

NAMED_AT_MOST = 5_000
"""More names than any description and so many comments hold."""

ROOM_FOR_WORDS = 1_000
"""Characters of a description that are not the list."""


@dataclass(frozen=True)
class Overflow:
    """Findings of one account and hour, the most severe first; entries behind them are not told. `axiom_url` opens the
    activity of the first `linked` actors, `summary` names where all stand."""

    account_id: str
    hour: datetime
    findings: tuple[Finding, ...]
    axiom_url: str
    linked: int
    summary: str


def overflow_ticket(flood: Overflow) -> SharedTicket:
    """The ticket of a flood: its description holds the first part of the list, with reasons."""
    own_id = computed_id("roll-up", flood.account_id, flood.hour.astimezone(UTC).isoformat())
    total, opening = len(flood.findings), _opening(flood)
    shown = fitting(map(_line, flood.findings), DESCRIPTION_LENGTH - ROOM_FOR_WORDS)
    goes_on = left(total - len(shown), "They go on in the comments.")
    said = [opening, _words(flood), "## The actors, the most severe first", fence(shown), *goes_on]
    everybody = Part(
        content_hash=content_hash_of((finding.actor_key for finding in flood.findings), length=32),
        lines=[_name(finding) for finding in flood.findings[:NAMED_AT_MOST]],
        total=total,
        described=len(shown),
        opening=opening,
        further=f"{opening_of(flood.hour)} also:",
    )
    return SharedTicket(
        ticket=Ticket(
            id=own_id,
            title=f"{_how_many(flood)} deviated, too many for a ticket each ({hour_in_short(flood.hour)})",
            description="\n\n".join(said),
            priority=min(PRIORITY[finding.severity] for finding in flood.findings),
        ),
        opening=opening,
        parts=(everybody,),
        marker=marker_for(
            own_id,
            [everybody],
            {"hour": flood.hour.astimezone(UTC).isoformat()},
            title=f"Axiom: {hour_name(flood.hour)}",
            subtitle=f"The {pluralize(flood.linked, 'most severe actor')} of {total:,}",
            url=flood.axiom_url,
        ),
        comments=COMMENTS,
        where=f"They stand in {flood.summary}.",
    )


def _opening(flood: Overflow) -> str:
    return (
        f"{opening_of(flood.hour)} {_how_many(flood)} deviated besides those with a ticket of their own: too many "
        "for a ticket each. So many at once may be a migration, or somebody who hides one action_summary among others."
    )


def _words(flood: Overflow) -> str:
    return (
        f"All of them, with numbers and links, stand in {flood.summary}. What the most severe changed is among this "
        f"ticket's links. Account {code(flood.account_id, 64)}."
    )


def _how_many(flood: Overflow) -> str:
    return pluralize(len(flood.findings), "more actor")


def _line(finding: Finding) -> str:
    return f"{_name(finding)} · {one_line(in_short(finding), REASON_LENGTH)}"


def _name(finding: Finding) -> str:
    return f"{finding.severity:<6}  {one_line(finding.actor, ACTOR_LENGTH)}"
