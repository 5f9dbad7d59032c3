"""The one ticket of a day's findings below the alert threshold: who they are, the rarest first, and where all are.

A few are written as sentences; the others are folded away, a line for each actor. What does not fit is counted. Hours
that are run again and then have other findings are added in a comment each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite
from uuid import UUID

from audit_assets.linear.issues import PRIORITY, IssueContent
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import day_in_short, day_name, number, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, collapsible, fence, one_line
from audit_assets.tickets.opening_sentences import headline, opening_start
from audit_assets.tickets.rendering import render
from audit_assets.tickets.shared_ticket import (
    ACTOR_LENGTH,
    REASON_LENGTH,
    Part,
    SharedTicket,
    count_left,
    fitting,
    marker_for,
)
from audit_assets.tickets.ticket import DESCRIPTION_LENGTH, computed_id

ACTORS_IN_SENTENCES = 5
"""So many actors are shown open: the others are folded away, as nobody reads them on a phone."""

COMMENTS = 1
"""Of an hour that was run again."""

ROOM_FOR_REST = 200
"""Characters of a description about those that do not fit."""


@dataclass(frozen=True)
class HourBelowThreshold:
    """An hour's findings below the threshold, the rarest first: as many as may be listed, of `total`. Other findings
    have another `content_hash`."""

    hour: datetime
    findings: tuple[Finding, ...]
    total: int
    content_hash: str


@dataclass(frozen=True)
class DayBelowThreshold:
    """The findings of one account and UTC day that are below the alert threshold.

    `hours` are those that have any, `hours_of` counts the hours of each actor, by its key. `allowed` and
    `of_organisation`: so many of the day's findings are in no digest, since the policy allows them, or since they are
    part of a finding of the organisation. `axiom_url` opens the activity of the `linked` rarest actors, `summary` (our
    own Markdown) names where all are.
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
    """The ticket of a day that has findings below the threshold."""
    own_id, where = digest_id(day.account_id, day.day), SafeMarkdown(f"All of them are in {day.summary}.")
    parts = [_part(hour) for hour in day.hours]
    return SharedTicket(
        ticket=IssueContent(
            id=own_id,
            title=f"Digest of {day_in_short(day.day)}: {_how_many(day)}, below the alert threshold",
            description=_description(day, where),
            priority=PRIORITY["low"],
        ),
        severity="low",
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


def rarest_of_each(hours: Iterable[HourBelowThreshold]) -> list[Finding]:
    """Each actor's rarest finding, the rarest of all first."""
    rarest: dict[str, Finding] = {}
    for finding in rarest_first(each for hour in hours for each in hour.findings):
        rarest.setdefault(finding.actor_key, finding)
    return [*rarest.values()]


def _rarity(finding: Finding) -> tuple[float, datetime, str]:
    rate = finding.tickets_a_day
    return inf if rate is None else rate, finding.hour, finding.actor_key


def _part(hour: HourBelowThreshold) -> Part:
    findings = pluralize(hour.total, "finding")
    verb = "is" if hour.total == 1 else "are"
    opening = SafeMarkdown(f"{opening_start(hour.hour)} which was run again, there {verb} now {findings}:")
    lines = [_line(finding) for finding in hour.findings]
    return Part(hour.content_hash, lines, hour.total, described=len(lines), opening=opening, further=opening)


def _description(day: DayBelowThreshold, where: SafeMarkdown) -> SafeMarkdown:
    """As much as fits: the sentences about the rarest do."""
    actors = rarest_of_each(day.hours)
    rarest, others = actors[:ACTORS_IN_SENTENCES], actors[ACTORS_IN_SENTENCES:]
    values = {
        "opening": _opening(day),
        "rarest": [_sentence(each, day) for each in rarest],
        "not_counted": _not_counted(day),
        "where": where,
        "account": code(day.account_id, 64),
    }
    short = render("digest", **values, others=None, left=None)
    if not others:
        return short
    room = DESCRIPTION_LENGTH - len(short) - ROOM_FOR_REST
    lines = fitting((f"{_line(each)}{_more(each, day)}" for each in others), room)
    folded = collapsible(f"{pluralize(len(lines), 'more actor')}", fence(lines))
    left = count_left(len(day.hours_of) - len(rarest) - len(lines), where)
    return render("digest", **values, others=folded, left=left)


def _opening(day: DayBelowThreshold) -> SafeMarkdown:
    verb = "was" if day.total == 1 else "were"
    return SafeMarkdown(
        f"On {day_name(day.day)} (UTC) there {verb} {_how_many(day)}, none rare enough for a ticket of its own."
    )


def _how_many(day: DayBelowThreshold) -> str:
    return f"{pluralize(day.total, 'unusual hour')} of {pluralize(len(day.hours_of), 'actor')}"


def _sentence(finding: Finding, day: DayBelowThreshold) -> SafeMarkdown:
    what = f"{headline(finding)}{_rate(finding)}{_more(finding, day)}"
    return SafeMarkdown(f"{code(finding.actor, ACTOR_LENGTH)} at {_at(finding)}: {what}")


def _line(finding: Finding) -> str:
    reason = one_line(headline(finding), REASON_LENGTH)
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


def _not_counted(day: DayBelowThreshold) -> SafeMarkdown | None:
    left_out = [
        f"{count:,} {why}"
        for count, why in (
            (day.allowed, "that the policy allows"),
            (day.of_organisation, "that are part of a finding of the organisation"),
        )
        if count
    ]
    return SafeMarkdown(" and ".join(left_out)) if left_out else None
