"""The summary of an hour, field by field, and the summary of all hours of a day or a month.

Other programs read summaries, so their shape is a promise: `SUMMARY_VERSION` is raised when a field changes its meaning
or is removed, and `schema()` is what `audit-assets summary --schema` prints.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.periods import Period, parse_period
from audit_assets.detection.severity import SEVERITIES
from audit_assets.tickets.verdict_table import Precision

SUMMARY_VERSION = 2
"""What changed with each version is in docs/CHANGELOG.md; summary_versions.py reads the earlier ones."""

EXAMPLES = "2026-11-22-09:00, 2026-11-22 or 2026-11"


class SummaryError(AuditAssetsError):
    """The requested period is not an hour, a day or a month, or none of its hours has a summary."""


class Entries(TypedDict):
    """The audit entries of an hour."""

    pulled: int
    by_stream: dict[str, int]
    changes: Annotated[int, Field(description="entries that count as changes, by the policy")]
    actors: int
    quarantined: Annotated[int, Field(description="entries that could not be read; they are kept, and flagged")]


class TicketShown(TypedDict):
    """What became of a flagged actor in Linear."""

    outcome: Annotated[
        str, Field(description="opened, joined, already_on_ticket …, or why there is no ticket: dismissed …")
    ]
    identifier: str | None
    url: str | None
    closed: Annotated[bool | None, Field(description="the ticket is closed")]
    planned_action: NotRequired[Annotated[str, Field(description="outcome dry_run: what a run would do")]]
    related: NotRequired[Annotated[list[str], Field(description="tickets of other actors that are related to it")]]


class DeviationShown(TypedDict):
    """One reason why an hour is unusual; numbers that do not apply are left out."""

    kind: Annotated[
        str,
        Field(
            description="volume, new_resource_type, many_deletes, organisation, new_actors, many_actors, "
            "many_changes, credentials, threshold_fall, unreadable_entries or watch_rule"
        ),
    ]
    disposition: Annotated[
        str,
        Field(
            description="ticket, below_threshold, allowed, organisation, or repeated: of a watch rule that alerted for "
            "the actor earlier in the UTC day"
        ),
    ]
    in_words: str
    resource_type: NotRequired[
        Annotated[
            str, Field(description="of unreadable_entries: why they could not be read; of watch_rule: the rule's name")
        ]
    ]
    changes: NotRequired[
        Annotated[int, Field(description="of unreadable_entries and watch_rule: entries; of threshold_fall: hours")]
    ]
    baseline_mean: NotRequired[Annotated[float, Field(description="of threshold_fall: hours, 14 days before")]]
    threshold: NotRequired[Annotated[float, Field(description="of threshold_fall: the p at 1 ticket a day")]]
    threshold_before: NotRequired[Annotated[float, Field(description="of threshold_fall: the p of 14 days before")]]
    ratio: NotRequired[float]
    baseline_max: NotRequired[Annotated[int, Field(description="changes of any active hour in the 30 days before")]]
    active_hours: NotRequired[Annotated[int, Field(description="of the actor in the 30 days before")]]
    judged_against: NotRequired[Annotated[str, Field(description="actor, newcomers, organisation; whose threshold")]]
    first_ever: NotRequired[Annotated[bool, Field(description="within the 90 days that are remembered")]]
    last_touched: NotRequired[str]
    new_to_organisation: NotRequired[bool]
    allowed_because: NotRequired[str]
    horizon: NotRequired[
        Annotated[str, Field(description="what was summed up: 1h, 6h, 24h; 24h, lagged; active hours; 14d")]
    ]
    active_of_24_hours: NotRequired[
        Annotated[int, Field(description="of the horizon active hours, in place of changes")]
    ]
    usual_of_24_hours: NotRequired[
        Annotated[float, Field(description="of the horizon active hours, in place of baseline_mean")]
    ]
    time_share: NotRequired[
        Annotated[
            float, Field(description="of the actor's active hours of 90 days, those near this time of such a day")
        ]
    ]
    p_origin: NotRequired[Annotated[float, Field(description="of an hour that brings as much as new_origins")]]
    new_origins: NotRequired[
        Annotated[list[str], Field(description="not used by the actor in 60 days: network, product, interface, token")]
    ]
    new_network_here: NotRequired[Annotated[bool, Field(description="nobody here acted from its network in 60 days")]]
    hours_since_first: NotRequired[
        Annotated[int, Field(description="of a newcomer: hours since its first active hour, 0 if it is this one")]
    ]
    smaller_hours: NotRequired[
        Annotated[int, Field(description="of a newcomer: active hours of everybody in 90 days with fewer changes")]
    ]
    known_hours: NotRequired[Annotated[int, Field(description="of a newcomer: active hours of everybody in 90 days")]]
    hours_elsewhere: NotRequired[
        Annotated[int, Field(description="of active_hours, those of the same person in other accounts")]
    ]
    other_accounts: NotRequired[
        Annotated[list[str], Field(description="names of accounts in which the same person is known")]
    ]
    p: NotRequired[float]
    return_period_years: NotRequired[
        Annotated[float, Field(description="expected once in so many years for this actor")]
    ]
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
    tickets_a_day: Annotated[float | None, Field(description="hours as unusual as this in the organisation, per day")]
    learning: Annotated[list[str], Field(description="what was judged by defaults, as history is missing")]
    in_words: list[str]
    deviations: list[DeviationShown]
    axiom_url: Annotated[str, Field(description="opens this query in Axiom")]


class FlaggedActor(Actor):
    """An actor above the alert threshold, and its ticket."""

    ticket: TicketShown


class AccountShown(TypedDict):
    """One of several accounts."""

    key: Annotated[str, Field(description="in the file of accounts, and before the names of its jobs and assets")]
    name: str
    id: Annotated[str, Field(description="Cloudflare's id of the account")]


class HourSummary(TypedDict):
    """The output of an hour; times are ISO 8601 in UTC."""

    version: int
    hour: Annotated[str, Field(description="its start, such as 2026-11-22-09:00 (UTC)")]
    account: NotRequired[Annotated[AccountShown, Field(description="where there are several accounts")]]
    dry_run: NotRequired[Annotated[bool, Field(description="true after a dry run: it opened nothing")]]
    entries: Entries
    history_since: str | None
    learning: Annotated[bool, Field(description="less than a week of history is known")]
    hours_present: NotRequired[
        Annotated[int, Field(description="of the 720 hours before; below 648 only what needs no history gets a ticket")]
    ]
    still_learning: Annotated[dict[str, str], Field(description="what is judged by defaults for all actors, in words")]
    flagged: list[FlaggedActor]
    dismissed: Annotated[int, Field(description="flagged actors without a ticket, as people dismissed an earlier one")]
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
    """What became of the ticket for a day's findings below the alert threshold."""

    day: str
    outcome: Annotated[
        str, Field(description="published, failed …, or why there is no ticket: too_old, thin_history, nothing …")
    ]
    identifier: str | None
    url: str | None
    findings: Annotated[int, Field(description="each is an hour of an actor")]
    actors: int
    problem: Annotated[str | None, Field(description="why it failed")]


class BelowThreshold(TypedDict):
    """An unusual hour of an actor that is not rare enough for a ticket."""

    hour: str
    actor: str
    actor_key: str
    tickets_a_day: Annotated[float | None, Field(description="hours as unusual as this in the organisation, per day")]
    in_words: list[str]
    axiom_url: str


class PeriodSummary(TypedDict):
    """The hours of a day or a month together."""

    version: int
    period: str
    account: NotRequired[Annotated[AccountShown, Field(description="where there are several accounts")]]
    hours: Annotated[int, Field(description="with a summary")]
    missing: Annotated[list[str], Field(description="hours without one, that have ended")]
    entries: dict[str, int]
    tickets: list[TicketOfPeriod]
    outcomes: Annotated[dict[str, int], Field(description="of flagged actors, hour by hour")]
    without_ticket: Annotated[dict[str, int], Field(description="deviations without a ticket, by their disposition")]
    below_threshold: Annotated[list[BelowThreshold], Field(description="the rarest first")]
    digests: Annotated[
        list[DigestShown],
        Field(description="of the days that are complete and have findings below the alert threshold"),
    ]
    precision: NotRequired[Annotated[Precision, Field(description="of a month, once verdicts were read")]]


def schema() -> dict[str, Any]:
    """The JSON Schema of an hour's summary and of a period's."""
    return {
        "hour": TypeAdapter(HourSummary).json_schema(),
        "period": TypeAdapter(PeriodSummary).json_schema(),
    }


def summary_hash(summary: Mapping[str, Any]) -> str:
    """Equal for two summaries with the same content: that an hour was run again, and found its tickets, is no news."""
    flagged = [
        {**actor, "ticket": {**actor["ticket"], "outcome": None, "closed": None}} for actor in summary["flagged"]
    ]
    return hashlib.sha256(json.dumps({**summary, "flagged": flagged}, sort_keys=True).encode()).hexdigest()


def period_of(text: str) -> Period:
    """The hour, day or month of that name. Raises `SummaryError` if it names none."""
    try:
        return parse_period(text)
    except ValueError:
        raise SummaryError(
            f"{text!r} is not a period: name an hour, a day or a month (UTC) such as {EXAMPLES}."
        ) from None


def summarize_period(
    period: str, summaries: Sequence[HourSummary], missing: Iterable[str], digests: Iterable[DigestShown] = ()
) -> PeriodSummary:
    """The hours of a period together, the most severe tickets first. `missing`: its hours without a summary;
    `digests`: those of its days."""
    flagged = [(summary["hour"], actor) for summary in summaries for actor in summary["flagged"]]
    below_threshold = [(summary["hour"], actor) for summary in summaries for actor in summary["below_threshold"]]
    found: PeriodSummary = {
        "version": SUMMARY_VERSION,
        "period": period,
        "hours": len(summaries),
        "missing": [*missing],
        "entries": {
            name: sum(summary["entries"][name] for summary in summaries)
            for name in ("pulled", "changes", "quarantined")
        },
        "tickets": _tickets_of_period(flagged),
        "outcomes": dict(Counter(actor["ticket"]["outcome"] for _, actor in flagged)),
        "without_ticket": dict(
            Counter(deviation["disposition"] for _, actor in below_threshold for deviation in actor["deviations"])
        ),
        "below_threshold": _rarest_first(below_threshold),
        "digests": [*digests],
    }
    if accounts := [summary["account"] for summary in summaries if "account" in summary]:
        found["account"] = accounts[-1]
    return found


def _tickets_of_period(flagged: Sequence[tuple[str, FlaggedActor]]) -> list[TicketOfPeriod]:
    by_ticket: dict[str, list[tuple[str, FlaggedActor]]] = {}
    for hour, actor in flagged:
        if identifier := actor["ticket"]["identifier"]:
            by_ticket.setdefault(identifier, []).append((hour, actor))
    tickets = [_ticket_of_period(identifier, hours) for identifier, hours in by_ticket.items()]
    return sorted(tickets, key=lambda ticket: (-SEVERITIES.index(ticket["severity"]), ticket["hours"]))


def _rarest_first(below_threshold: Sequence[tuple[str, Actor]]) -> list[BelowThreshold]:
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


def _ticket_of_period(identifier: str, hours: Sequence[tuple[str, FlaggedActor]]) -> TicketOfPeriod:
    most_severe = max((actor for _, actor in hours), key=lambda actor: SEVERITIES.index(actor["severity"]))
    return {
        "identifier": identifier,
        "url": most_severe["ticket"]["url"],
        "actor": most_severe["actor"],
        "severity": most_severe["severity"],
        "hours": [hour for hour, _ in hours],
        "in_words": most_severe["in_words"],
    }
