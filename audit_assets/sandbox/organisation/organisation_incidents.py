"""Four incidents in the last hours before a given time, and the ground truth about them.

The ground truth is for tests only; nothing that detects may read it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit_assets.sandbox.organisation.entry_formats import Act, of_zone
from audit_assets.sandbox.organisation.organisation_members import DEPLOYER, Actor, Members
from audit_assets.sandbox.organisation.resource_catalogue import KINDS, Action

HOUR = timedelta(hours=1)
INCIDENT_ADDRESS = "2001:db8:bad::66"

GUESSES = 6
"""Failed sign-ins before the one that succeeds."""


@dataclass(frozen=True)
class Expected:
    """A deviation that detection should find: "volume", "new_resource_type", or "watch_rule" with the rule's name in
    place of a resource type."""

    hour: str
    kind: str
    resource_type: str | None
    changes: int
    """At most so many: a failed call changed nothing."""


@dataclass(frozen=True)
class Truth:
    """The ground truth of an incident. Hours are named by their start, in RFC 3339."""

    incident: str
    actor: str
    actor_type: str
    actor_id: str
    actor_email: str
    token_id: str
    token_name: str
    hours: Sequence[str]
    deviations: Sequence[Expected]
    why: str


def make_incidents(members: Members, until: datetime, seed: int) -> tuple[list[Act], list[Truth]]:
    """The acts and the ground truth of the incidents in the six closed hours before `until`."""
    closed = until.replace(minute=0, second=0, microsecond=0)
    rng = random.Random(f"{seed}/incidents/{closed.isoformat()}")  # noqa: S311 - no secret
    made = [make(members, closed, rng) for make in (_stolen_token, _tricked_agent, _leaving_analyst, _guessed_password)]
    return [act for acts, _ in made for act in acts], [truth for _, truth in made]


def make_visit(members: Members, visited: Members, until: datetime, seed: int) -> tuple[list[Act], list[Truth]]:
    """The acts and the ground truth of one more incident: a developer of one account (`members`), whose session was
    taken over, is active in another one for the first time, among the zones of those who are `visited`."""
    closed = until.replace(minute=0, second=0, microsecond=0)
    rng = random.Random(f"{seed}/visit/{closed.isoformat()}")  # noqa: S311 - no secret
    actor, hour, policies = members.person_with("developer"), closed - 3 * HOUR, 70
    acts = list(_spread(actor, hour, 10, 40, policies, "access_policy", "update", visited, rng))
    expected = [
        Expected(_name(hour), "volume", None, policies),
        Expected(_name(hour), "new_resource_type", "access_policy", policies),
    ]
    why = "a developer of another account, whose session was taken over, opens access policies in this one"
    return acts, [_truth("known_from_another_account", actor, [hour], expected, why)]


def _stolen_token(members: Members, closed: datetime, rng: random.Random) -> tuple[list[Act], Truth]:
    actor, hour, records = members.token_named(DEPLOYER), closed - 2 * HOUR, 340
    acts = list(_spread(actor, hour, 6, 31, records, "dns_record", "delete", members, rng))
    expected = [
        Expected(_name(hour), "volume", None, records),
        Expected(_name(hour), "new_resource_type", "dns_record", records),
    ]
    why = "a deploy token that leaked from a build log, used from elsewhere to delete DNS records by the hundred"
    return acts, _truth("stolen_ci_token", actor, [hour], expected, why)


def _tricked_agent(members: Members, closed: datetime, rng: random.Random) -> tuple[list[Act], Truth]:
    actor, hour, tokens = members.person_with("support"), closed - 4 * HOUR, 3
    acts = list(_spread(actor, hour, 20, 18, tokens, "api_token", "create", members, rng))
    expected = [Expected(_name(hour), "new_resource_type", "api_token", tokens)]
    why = "a support agent who was talked into creating API tokens with all permissions"
    return acts, _truth("support_agent_creates_tokens", actor, [hour], expected, why)


def _leaving_analyst(members: Members, closed: datetime, rng: random.Random) -> tuple[list[Act], Truth]:
    """Slow: no hour has many changes. Each new way of taking data along appears once."""
    actor = members.person_with("analyst")
    steps = [
        (6, "logpush_job", 3),
        (5, "logpush_job", 2),
        (4, "d1_database", 4),
        (3, "d1_database", 3),
        (2, "r2_bucket", 2),
    ]
    acts: list[Act] = []
    expected: list[Expected] = []
    for hours_ago, kind, changes in steps:
        hour = closed - hours_ago * HOUR
        acts += _spread(actor, hour, 4, 50, changes, kind, "create", members, rng)
        if kind not in {found.resource_type for found in expected}:
            expected.append(Expected(_name(hour), "new_resource_type", kind, changes))
    why = "an analyst who is leaving sends logs to a bucket of their own and exports databases, a few an hour"
    hours = [closed - hours_ago * HOUR for hours_ago, _, _ in steps]
    return acts, _truth("leaver_exports", actor, hours, expected, why)


def _guessed_password(members: Members, closed: datetime, rng: random.Random) -> tuple[list[Act], Truth]:
    """Few changes, of a kind that the actor makes every day: no history makes them harmless."""
    actor, hour = members.person_with("platform"), closed - HOUR
    minutes = sorted(rng.uniform(2, 20) for _ in range(GUESSES))
    attempts = [(minute, True) for minute in minutes] + [(minutes[-1] + 1, False)]
    acts = [
        Act(hour + timedelta(minutes=minute), actor, KINDS["login"], "update", None, INCIDENT_ADDRESS, failed=failed)
        for minute, failed in attempts
    ]
    zone, off = rng.choice(list(members.zones.items())), {"id": "security_level", "value": "essentially_off"}
    moment = hour + timedelta(minutes=minutes[-1] + 6)
    acts.append(Act(moment, actor, KINDS["zone_setting"], "update", zone, INCIDENT_ADDRESS, off, failed=False))
    expected = [
        Expected(_name(hour), "watch_rule", "sign_in_after_failures", 1),
        Expected(_name(hour), "watch_rule", "security_level_lowered", 1),
    ]
    why = "a platform engineer whose password was guessed: the intruder lets attacks through to one zone"
    return acts, _truth("guessed_password", actor, [hour], expected, why)


def _spread(
    actor: Actor,
    hour: datetime,
    first_minute: float,
    minutes: float,
    size: int,
    kind: str,
    action: Action,
    members: Members,
    rng: random.Random,
) -> Iterator[Act]:
    zones = list(members.zones.items())
    for _ in range(size):
        moment = hour + timedelta(minutes=first_minute + minutes * rng.random())
        zone = rng.choice(zones) if of_zone(KINDS[kind]) else None
        yield Act(moment, actor, KINDS[kind], action, zone, INCIDENT_ADDRESS, _request_body(kind, rng))


def _request_body(kind: str, rng: random.Random) -> dict[str, Any] | None:
    """The body of the request, where it matters to a reader."""
    if kind == "api_token":
        return {"name": f"migration-helper-{rng.randrange(100)}", "policies": [{"effect": "allow", "resources": "*"}]}
    if kind == "logpush_job":
        return {"dataset": "http_requests", "destination_conf": "s3://take-along-archive/logs?region=eu-west-1"}
    if kind == "d1_database":
        return {"output_format": "polling", "dump_options": {"no_data": False}}
    return None


def _name(hour: datetime) -> str:
    return hour.isoformat().replace("+00:00", "Z")


def _truth(incident: str, actor: Actor, hours: list[datetime], expected: list[Expected], why: str) -> Truth:
    return Truth(
        incident,
        actor.label,
        actor.type,
        actor.id,
        actor.email,
        actor.token_id,
        actor.token_name,
        [_name(hour) for hour in hours],
        expected,
        why,
    )
