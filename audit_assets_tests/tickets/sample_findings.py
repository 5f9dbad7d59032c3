"""Findings to put on tickets."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from audit_assets.tickets.digest import DayBelowThreshold, HourBelowThreshold, digest_ticket
from audit_assets.tickets.finding import ActionSummary, Deviation, EntryLine, Finding, Origin
from audit_assets.tickets.overflow import overflow_ticket
from audit_assets.tickets.shared_ticket import SharedTicket, content_hash_of

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)
ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
ALICE = "a11ce" + "0" * 27


def burst(**changes: Any) -> Deviation:
    """Far more changes than usual."""
    known: dict[str, Any] = {
        "kind": "volume",
        "resource_type": None,
        "changes": 214,
        "baseline_mean": 3.1,
        "ratio": 69.03,
        "baseline_max": 9,
        "active_hours": 12,
        "first_ever": None,
        "last_touched": None,
        "judged_against": "actor",
    }
    return Deviation(**(known | changes))


def around_the_clock(**changes: Any) -> Deviation:
    """Active in each of 24 hours."""
    known = {"changes": 24, "baseline_mean": 3.2, "ratio": 7.5, "baseline_max": None, "horizon_hours": 24}
    return burst(**(known | {"counts_hours": True} | changes))


def fortnight(**changes: Any) -> Deviation:
    """More in 14 days than was usual the month before."""
    known = {"changes": 1_204, "baseline_mean": 310.2, "ratio": 3.9, "baseline_max": None, "horizon_hours": 14 * 24}
    return burst(**(known | {"slow_growth": True} | changes))


def newcomer(**changes: Any) -> Deviation:
    """A large first hour."""
    known = {"changes": 300, "baseline_mean": 4.2, "ratio": 71.0, "baseline_max": None, "active_hours": 0}
    of_newcomer = {"judged_against": "newcomers", "hours_since_first": 0, "smaller_hours": 8_405, "known_hours": 8_412}
    return burst(**(known | of_newcomer | changes))


def new_type(**changes: Any) -> Deviation:
    """A resource type that the actor never touched."""
    known: dict[str, Any] = {
        "kind": "new_resource_type",
        "resource_type": "api_tokens",
        "changes": 4,
        "baseline_mean": None,
        "ratio": None,
        "baseline_max": None,
        "active_hours": 12,
        "first_ever": True,
        "last_touched": None,
        "judged_against": "actor",
    }
    return Deviation(**(known | changes))


def together(*members: str, **changes: Any) -> Deviation:
    """What several actors did in one hour."""
    known: dict[str, Any] = {
        "kind": "organisation",
        "resource_type": "dns_record",
        "changes": 1_440,
        "baseline_mean": None,
        "ratio": None,
        "baseline_max": None,
        "active_hours": 0,
        "first_ever": None,
        "last_touched": None,
        "judged_against": "organisation",
        "members": members,
    }
    return Deviation(**(known | changes))


def threshold_fall(*members: str, **changes: Any) -> Deviation:
    """Many unusual hours that lowered the alert threshold."""
    known: dict[str, Any] = {
        "kind": "threshold_fall",
        "resource_type": None,
        "changes": 61,
        "baseline_mean": 9.0,
        "ratio": None,
        "baseline_max": None,
        "active_hours": 0,
        "first_ever": None,
        "last_touched": None,
        "judged_against": "well_known",
        "horizon_hours": 14 * 24,
        "threshold_before": 0.2936,
        "threshold": 0.1412,
        "members": members,
        "member_keys": members,
    }
    return Deviation(**(known | changes))


def unreadable(**changes: Any) -> Deviation:
    """Entries that could not be read."""
    known: dict[str, Any] = {
        "kind": "unreadable_entries",
        "resource_type": "it has no id",
        "changes": 3,
        "baseline_mean": None,
        "ratio": None,
        "baseline_max": None,
        "active_hours": 0,
        "first_ever": None,
        "last_touched": None,
        "judged_against": "organisation",
    }
    return Deviation(**(known | changes))


TWELVE = tuple(
    f"{name}@example.com"
    for name in ("anne", "boris", "carla", "dmitri", "elif", "farid", "grace", "hiro", "ines", "jonas", "kofi", "lena")
)


def entry(number: int = 0, **changes: Any) -> EntryLine:
    """An entry of that hour."""
    known: dict[str, Any] = {
        "time": HOUR + timedelta(seconds=number),
        "action": "delete",
        "resource_type": "dns_records",
        "resource_id": f"{number:032x}",
        "zone": "example.com",
        "ip_address": "203.0.113.7",
        "interface": "dash",
        "result": "success",
    }
    return EntryLine(**(known | changes))


def action_summary(**changes: Any) -> ActionSummary:
    """Deletes of records, by and by."""
    known: dict[str, Any] = {
        "action": "delete",
        "resource_type": "dns_records",
        "changes": 214,
        "oldest": HOUR + timedelta(minutes=2),
        "newest": HOUR + timedelta(minutes=40, seconds=7),
        "deletes": True,
    }
    return ActionSummary(**(known | changes))


def origin(**changes: Any) -> Origin:
    """An address that is used every other day."""
    known: dict[str, Any] = {
        "kind": "address",
        "value": "198.51.100.2",
        "changes": 3,
        "days": 12,
        "first_used": HOUR - timedelta(days=29),
    }
    return Origin(**(known | changes))


def finding(**changes: Any) -> Finding:
    """Alice's hour."""
    known: dict[str, Any] = {
        "account_id": ACCOUNT,
        "actor_key": ALICE,
        "actor": "alice@example.com",
        "actor_type": "user",
        "hour": HOUR,
        "severity": "high",
        "deviations": (burst(),),
        "entries": tuple(entry(number) for number in range(3)),
        "entries_total": 3,
        "axiom_url": axiom_url(changes.get("hour", HOUR)),
    }
    return Finding(**(known | changes))


def overflow(count: int, *, hour: datetime = HOUR, first: int = 0) -> SharedTicket:
    """The ticket of so many actors in one hour, the first of them the most severe."""
    return overflow_of(many(count, hour=hour, first=first))


def overflow_of(findings: Sequence[Finding]) -> SharedTicket:
    """The ticket of these actors."""
    linked = min(len(findings), 20)
    return overflow_ticket(
        findings, axiom_url=axiom_url(findings[0].hour), linked=linked, summary="the summary of the hour"
    )


def many(count: int, *, hour: datetime = HOUR, first: int = 0) -> list[Finding]:
    """The actors themselves."""
    return [
        finding(
            actor_key=f"{number:032x}",
            actor=f"actor-{number}@example.com",
            hour=hour,
            severity="medium" if number == first else "low",
            entries=(),
            entries_total=0,
        )
        for number in range(first, first + count)
    ]


def digest(actors_of: Mapping[int, Sequence[Finding]], **changes: Any) -> SharedTicket:
    """The digest of HOUR's day: by hour of the day, the findings in it."""
    midnight = HOUR.replace(hour=0)
    hours = tuple(
        HourBelowThreshold(
            hour=midnight + timedelta(hours=at),
            findings=tuple(replace(each, hour=midnight + timedelta(hours=at), severity="low") for each in findings),
            total=len(findings),
            content_hash=content_hash_of([str(at), *(each.actor_key for each in findings)], 12),
        )
        for at, findings in actors_of.items()
    )
    known: dict[str, Any] = {
        "account_id": ACCOUNT,
        "day": midnight,
        "hours": hours,
        "hours_of": Counter(each.actor_key for hour in hours for each in hour.findings),
        "allowed": 0,
        "of_organisation": 0,
        "axiom_url": axiom_url(midnight),
        "linked": 3,
        "summary": "`audit-assets summary 2026-11-22`",
    }
    return digest_ticket(DayBelowThreshold(**(known | changes)))


def unusual(number: int, **changes: Any) -> Finding:
    """An actor's hour under the budget: the higher the number, the less rare."""
    who = {"actor_key": f"{number:032x}", "actor": f"actor-{number}@example.com"}
    return finding(**who, entries=(), entries_total=0, tickets_a_day=1.5 + number, **changes)


def axiom_url(hour: datetime) -> str:
    """Where the query of an hour is opened."""
    return f"https://app.axiom.co/acme/query?initForm=%7B%22startTime%22%3A%22{hour:%Y-%m-%dT%H}%3A00%22%7D"
