"""The one ticket of a day's findings under the ticket budget: who they are, the rarest first, and where all stand.

A few are told in sentences; the others are folded away, a line for each actor. What does not fit is counted. Hours that
are run again and then hold other findings are told in a comment each.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from math import inf, isfinite
from uuid import UUID

from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import day_in_short, day_name, number, pluralize
from audit_assets.tickets.markdown import code, collapsible, fence, one_line
from audit_assets.tickets.shared_ticket import (
    ACTOR_LENGTH,
    REASON_LENGTH,
    Part,
    SharedTicket,
    fitting,
    left,
    marker_for,
)
from audit_assets.tickets.ticket import DESCRIPTION_LENGTH, PRIORITY, Ticket, computed_id
from audit_assets.tickets.wording import in_short, opening_of

TOLD_IN_SENTENCES = 5
"""So many actors stand open: the others are folded away, as nobody reads them on a phone."""

IN_BRACKETS = "In brackets: how often a day the organisation has an hour as unusual."

COMMENTS = 1
"""Of an hour that was run again."""

ROOM_FOR_REST = 200
"""Characters of a description for what is said of those that do not fit."""


@dataclass(frozen=True)
class HourBelowThreshold:
    """An hour's findings under the budget, the rarest first: as many as may be told, of `total`. `word`: of other
    findings it is another."""

    hour: datetime
    findings: tuple[Finding, ...]
    total: int
    content_hash: str


@dataclass(frozen=True)
class DayBelowThreshold:
    """The findings of one account and UTC day that the budget had no ticket for.

    `hours` are those that have any, `hours_of` tells in how many of them each actor has one, by its key. `allowed` and
    `of_organisation`: so many of the day's findings are in no digest, since the policy allows them, or since they are
    told in a finding of the organisation. `axiom_url` opens the activity of the `linked` rarest actors, `summary` names
    where all stand.
    """

    account_id: str
    day: datetime
    hours: tuple[HourBelowThreshold, ...]
    hours_of: Mapping[str, int]
    allowed: int
    of_organisation: int
    axiom_url: str
    linked: int
    summary: str

    @property
    def total(self) -> int:
        """All findings: each is one hour of one actor."""
        return sum(hour.total for hour in self.hours)


def digest_id(account_id: str, day: datetime) -> UUID:
    """The id of the day's ticket, whatever is on it."""
    return computed_id("digest", account_id, day.astimezone(UTC).isoformat())


def digest_ticket(day: DayBelowThreshold) -> SharedTicket:
    """The ticket of a day that has findings under the budget."""
    own_id, where = digest_id(day.account_id, day.day), f"All of them stand in {day.summary}."
    parts = [_part(hour) for hour in day.hours]
    return SharedTicket(
        ticket=Ticket(
            id=own_id,
            title=f"Digest of {day_in_short(day.day)}: {_how_many(day)}, under the ticket budget",
            description=_description(day, where),
            priority=PRIORITY["low"],
        ),
        opening=_opening(day),
        parts=tuple(parts),
        marker=marker_for(
            own_id,
            parts,
            {"day": day_name(day.day)},
            title=f"Axiom: {day_name(day.day)}",
            subtitle=f"The {pluralize(day.linked, 'rarest actor')} of {len(day.hours_of):,}",
            url=day.axiom_url,
        ),
        comments=COMMENTS,
        where=where,
    )


def rarest_first(findings: Iterable[Finding]) -> list[Finding]:
    """By how often the organisation has such an hour; by time and actor where that is equal."""
    return sorted(findings, key=_rarity)


def rarest_of_each(hours: Iterable[HourBelowThreshold]) -> Iterator[Finding]:
    """Each actor's rarest finding, the rarest of all first."""
    seen: set[str] = set()
    for finding in merge(*(hour.findings for hour in hours), key=_rarity):
        if finding.actor_key not in seen:
            seen.add(finding.actor_key)
            yield finding


def _rarity(finding: Finding) -> tuple[float, datetime, str]:
    rate = finding.tickets_a_day
    return inf if rate is None else rate, finding.hour, finding.actor_key


def _part(hour: HourBelowThreshold) -> Part:
    opening = f"{opening_of(hour.hour)} which was run again, there are now {pluralize(hour.total, 'finding')}:"
    lines = [_line(finding) for finding in hour.findings]
    return Part(hour.content_hash, lines, hour.total, described=len(lines), opening=opening, further=opening)


def _description(day: DayBelowThreshold, where: str) -> str:
    """As much as fits: those who are told in sentences do."""
    actors = [*rarest_of_each(day.hours)]
    told, others = actors[:TOLD_IN_SENTENCES], actors[TOLD_IN_SENTENCES:]
    before = [
        f"{_opening(day)} {IN_BRACKETS}",
        "## The rarest first",
        "\n".join(f"- {_sentence(each, day)}" for each in told),
    ]
    after = [*_left_out(day), _words(day, where)]
    if not others:
        return "\n\n".join([*before, *after])
    room = DESCRIPTION_LENGTH - len("\n\n".join([*before, *after])) - ROOM_FOR_REST
    lines = fitting((f"{_line(each)}{_more(each, day)}" for each in others), room)
    rest = left(len(day.hours_of) - len(told) - len(lines), where)
    folded = collapsible(f"{pluralize(len(lines), 'more actor')}", fence(lines))
    return "\n\n".join([*before, folded, *rest, *after])


def _opening(day: DayBelowThreshold) -> str:
    return f"On {day_name(day.day)} (UTC) there were {_how_many(day)}, none rare enough for a ticket of its own."


def _how_many(day: DayBelowThreshold) -> str:
    return f"{pluralize(day.total, 'unusual hour')} of {pluralize(len(day.hours_of), 'actor')}"


def _sentence(finding: Finding, day: DayBelowThreshold) -> str:
    said = f"{in_short(finding)}{_rate(finding)}{_more(finding, day)}"
    return f"{code(finding.actor, ACTOR_LENGTH)} at {_at(finding)}: {said}"


def _line(finding: Finding) -> str:
    reason = one_line(in_short(finding), REASON_LENGTH)
    return f"{_at(finding)}  {one_line(finding.actor, ACTOR_LENGTH)} · {reason}{_rate(finding)}"


def _more(finding: Finding, day: DayBelowThreshold) -> str:
    others = day.hours_of.get(finding.actor_key, 1) - 1
    return f"; and {pluralize(others, 'more hour')}" if others else ""


def _rate(finding: Finding) -> str:
    """How often the organisation has an hour as unusual, if that is known."""
    rate = finding.tickets_a_day
    return "" if rate is None or not isfinite(rate) else f" ({number(rate)} a day)"


def _at(finding: Finding) -> str:
    return f"{finding.hour.astimezone(UTC):%H:%M}"


def _left_out(day: DayBelowThreshold) -> list[str]:
    out = [
        f"{count:,} {why}"
        for count, why in (
            (day.allowed, "that the policy allows"),
            (day.of_organisation, "told in a finding of the organisation"),
        )
        if count
    ]
    return [f"Not counted here: {' and '.join(out)}."] if out else []


def _words(day: DayBelowThreshold, where: str) -> str:
    return (
        f"Nothing of this waits for an answer: look through it, then close it. {where} What the rarest did is among "
        f"this ticket's links. Account {code(day.account_id, 64)}."
    )
