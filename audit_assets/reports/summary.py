"""What an hour's summary is, field by field, and what the hours of a day or a month come to together.

Other programs read summaries, so that their shape is a promise: `SUMMARY_VERSION` is raised when a field changes its
meaning or goes away, and `schema()` is what `audit-assets summary --schema` prints.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from audit_assets.config.errors import AuditAssetsError
from audit_assets.tickets.verdict_table import Precision

SUMMARY_VERSION = 1
"""Raised when a field of the summary changes its meaning or goes away."""

AN_HOUR = timedelta(hours=1)

PERIODS = (("%Y-%m-%d-%H:%M", r"\d{4}-\d\d-\d\d-\d\d:00"), ("%Y-%m-%d", r"\d{4}-\d\d-\d\d"), ("%Y-%m", r"\d{4}-\d\d"))
"""An hour, a day and a month (UTC), as people name them."""


class SummaryError(AuditAssetsError):
    """What was asked for is no hour, day or month, or none of its hours has a summary."""


class Entries(TypedDict):
    """The audit entries of an hour."""

    pulled: int
    by_stream: dict[str, int]
    changes: Annotated[int, Field(description="entries that count as changes, by the policy")]
    actors: int
    quarantined: Annotated[int, Field(description="entries that could not be understood; they are kept")]


class TicketShown(TypedDict):
    """What became of a flagged actor in Linear."""

    outcome: Annotated[str, Field(description="opened, joined, seen …, or why there is no ticket: dismissed …")]
    identifier: str | None
    url: str | None
    closed: Annotated[bool | None, Field(description="the ticket is closed")]
    planned_action: NotRequired[Annotated[str, Field(description="outcome dry_run: what a run would do")]]


class DeviationShown(TypedDict):
    """One reason why an hour is unusual; numbers that do not apply are left out."""

    kind: Annotated[str, Field(description="volume, new_resource_type or organisation")]
    disposition: Annotated[str, Field(description="ticket, below_threshold, allowed or organisation")]
    in_words: str
    resource_type: NotRequired[str]
    changes: NotRequired[int]
    baseline_mean: NotRequired[float]
    ratio: NotRequired[float]
    baseline_max: NotRequired[Annotated[int, Field(description="changes of any active hour in the 30 days before")]]
    active_hours: NotRequired[Annotated[int, Field(description="of the actor in the 30 days before")]]
    judged_against: NotRequired[Annotated[str, Field(description="actor or organisation")]]
    first_ever: NotRequired[Annotated[bool, Field(description="within the 90 days that are remembered")]]
    last_touched: NotRequired[str]
    new_to_organisation: NotRequired[bool]
    allowed_because: NotRequired[str]
    horizon: NotRequired[Annotated[str, Field(description="the span that was summed up: 1h, 6h, 24h, 24h, lagged")]]
    p: NotRequired[float]
    return_period_years: NotRequired[Annotated[float, Field(description="how rarely the like comes for this actor")]]
    colleagues: NotRequired[Annotated[int, Field(description="others who touched the type in 90 days")]]
    organisation_actors: NotRequired[int]
    new_types: NotRequired[int]
    touched_types: NotRequired[int]
    members: NotRequired[Annotated[list[str], Field(description="keys of the actors who did the same")]]


class Actor(TypedDict):
    """An actor whose hour is unusual."""

    actor: str
    actor_key: str
    actor_type: str
    severity: Annotated[str, Field(description="urgent, high, medium or low")]
    severity_because: Annotated[list[str], Field(description="what was touched that raised the severity")]
    tickets_a_day: Annotated[float | None, Field(description="how often a day the organisation has such an hour")]
    learning: Annotated[list[str], Field(description="what was judged by defaults for want of history")]
    in_words: list[str]
    deviations: list[DeviationShown]
    axiom_url: Annotated[str, Field(description="opens the very query in Axiom")]


class FlaggedActor(Actor):
    """An actor who rang, and its ticket."""

    ticket: TicketShown


class HourSummary(TypedDict):
    """The output of an hour; times are ISO 8601 in UTC."""

    version: int
    hour: Annotated[str, Field(description="its start, such as 2026-11-22-09:00 (UTC)")]
    dry_run: NotRequired[Annotated[bool, Field(description="true after a dry run: it opened nothing")]]
    entries: Entries
    history_since: str | None
    learning: Annotated[bool, Field(description="less than a week of history is known")]
    still_learning: Annotated[dict[str, str], Field(description="what is judged by defaults for all actors, in words")]
    flagged: list[FlaggedActor]
    dismissed: Annotated[int, Field(description="flagged actors of whom people have dismissed the like: no ticket")]
    below_threshold: Annotated[
        list[Actor], Field(description="unusual, but without a ticket: see each deviation's disposition")
    ]


class TicketOfPeriod(TypedDict):
    """A ticket that hours of the period are on."""

    identifier: str
    url: str | None
    actor: str
    severity: Annotated[str, Field(description="the most severe of its hours")]
    hours: list[str]
    in_words: Annotated[list[str], Field(description="of its most severe hour")]


class DigestShown(TypedDict):
    """What became of the ticket for a day's findings under the budget."""

    day: str
    outcome: Annotated[
        str, Field(description="told, failed …, or why there is no ticket: too_old, learning, nothing …")
    ]
    identifier: str | None
    url: str | None
    findings: Annotated[int, Field(description="each is an hour of an actor")]
    actors: int
    problem: Annotated[str | None, Field(description="why it failed")]


class BelowThreshold(TypedDict):
    """An unusual hour of an actor that is not among the rarest that the budget has tickets for."""

    hour: str
    actor: str
    actor_key: str
    tickets_a_day: Annotated[float | None, Field(description="how often a day the organisation has such an hour")]
    in_words: list[str]
    axiom_url: str


class PeriodSummary(TypedDict):
    """The hours of a day or a month together."""

    version: int
    period: str
    hours: Annotated[int, Field(description="with a summary")]
    missing: Annotated[list[str], Field(description="hours without one, that have ended")]
    entries: dict[str, int]
    tickets: list[TicketOfPeriod]
    outcomes: Annotated[dict[str, int], Field(description="of flagged actors, hour by hour")]
    without_ticket: Annotated[dict[str, int], Field(description="deviations without a ticket, by their disposition")]
    below_threshold: Annotated[list[BelowThreshold], Field(description="the rarest first")]
    digests: Annotated[
        list[DigestShown], Field(description="of the days that are whole and have findings under the budget")
    ]
    precision: NotRequired[Annotated[Precision, Field(description="of a month, once verdicts were looked for")]]


def schema() -> dict[str, Any]:
    """The JSON Schema of an hour's summary and of a period's."""
    return {
        "hour": TypeAdapter(HourSummary).json_schema(),
        "period": TypeAdapter(PeriodSummary).json_schema(),
    }


def digest(summary: Mapping[str, Any]) -> str:
    """Equal for two summaries that tell the same: an hour that is run again finds its tickets `seen`, which is no
    news."""
    flagged = [
        {**actor, "ticket": {**actor["ticket"], "outcome": None, "closed": None}} for actor in summary["flagged"]
    ]
    return hashlib.sha256(json.dumps({**summary, "flagged": flagged}, sort_keys=True).encode()).hexdigest()


def hours_of(period: str) -> list[datetime]:
    """The hours of an hour, a day or a month (UTC), such as 2026-11-22-09:00, 2026-11-22, 2026-11. Raises
    `SummaryError`."""
    for length, (form, pattern) in enumerate(PERIODS):
        if re.fullmatch(pattern, period):
            try:
                start = datetime.strptime(period, form).replace(tzinfo=UTC)
                end = start + (AN_HOUR, timedelta(days=1), _a_month(start))[length]
            except (ValueError, OverflowError):
                break
            return [start + AN_HOUR * step for step in range((end - start) // AN_HOUR)]
    raise SummaryError(f"{period!r} is no period: name an hour, a day or a month (UTC) such as {EXAMPLES}.")


EXAMPLES = "2026-11-22-09:00, 2026-11-22 or 2026-11"


def _a_month(start: datetime) -> timedelta:
    return (start + timedelta(days=32)).replace(day=1) - start


def period_summary(
    period: str, summaries: Sequence[HourSummary], missing: Iterable[str], digests: Iterable[DigestShown] = ()
) -> PeriodSummary:
    """What the hours of a period come to, the most severe tickets first. `missing`: its hours that have no summary;
    `digests`: those of its days."""
    flagged = [(summary["hour"], actor) for summary in summaries for actor in summary["flagged"]]
    below_threshold = [(summary["hour"], actor) for summary in summaries for actor in summary["below_threshold"]]
    return {
        "version": SUMMARY_VERSION,
        "period": period,
        "hours": len(summaries),
        "missing": [*missing],
        "entries": {
            name: sum(summary["entries"][name] for summary in summaries)
            for name in ("pulled", "changes", "quarantined")
        },
        "tickets": _tickets(flagged),
        "outcomes": dict(Counter(actor["ticket"]["outcome"] for _, actor in flagged)),
        "without_ticket": dict(
            Counter(deviation["disposition"] for _, actor in below_threshold for deviation in actor["deviations"])
        ),
        "below_threshold": _below_threshold(below_threshold),
        "digests": [*digests],
    }


MOST_SEVERE_FIRST = ("urgent", "high", "medium", "low")


def _tickets(flagged: Sequence[tuple[str, FlaggedActor]]) -> list[TicketOfPeriod]:
    by_ticket: dict[str, list[tuple[str, FlaggedActor]]] = {}
    for hour, actor in flagged:
        if identifier := actor["ticket"]["identifier"]:
            by_ticket.setdefault(identifier, []).append((hour, actor))
    tickets = [_ticket(identifier, hours) for identifier, hours in by_ticket.items()]
    return sorted(tickets, key=lambda ticket: (MOST_SEVERE_FIRST.index(ticket["severity"]), ticket["hours"]))


def _below_threshold(below_threshold: Sequence[tuple[str, Actor]]) -> list[BelowThreshold]:
    found: list[BelowThreshold] = [
        {
            "hour": hour,
            "actor": actor["actor"],
            "actor_key": actor["actor_key"],
            "tickets_a_day": actor["tickets_a_day"],
            "in_words": words,
            "axiom_url": actor["axiom_url"],
        }
        for hour, actor in below_threshold
        if (words := [each["in_words"] for each in actor["deviations"] if each["disposition"] == "below_threshold"])
    ]
    return sorted(found, key=lambda each: (inf if (rate := each["tickets_a_day"]) is None else rate, each["hour"]))


def _ticket(identifier: str, hours: Sequence[tuple[str, FlaggedActor]]) -> TicketOfPeriod:
    most_severe = min((actor for _, actor in hours), key=lambda actor: MOST_SEVERE_FIRST.index(actor["severity"]))
    return {
        "identifier": identifier,
        "url": most_severe["ticket"]["url"],
        "actor": most_severe["actor"],
        "severity": most_severe["severity"],
        "hours": [hour for hour, _ in hours],
        "in_words": most_severe["in_words"],
    }
