"""An ordinary day of an actor: when it acts, how much, and on what.

The changes of an hour are log-normal, as in real data (docs/facts/detection.md, 2.1): mostly a few, sometimes many.
People change the kinds of their duty, and rarely others.
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from audit_assets.sandbox.organisation.entry_formats import Act, of_zone
from audit_assets.sandbox.organisation.organisation_members import INCIDENT_ONLY, TERRAFORM, Actor, Members, Office
from audit_assets.sandbox.organisation.resource_catalogue import KINDS, Kind

WEEK_OFF = 0.07
"""The probability that a person is away in a given week."""

WEEKEND_WORK = 0.04
UNUSUAL_KIND = 0.015
"""The probability that an hour has a kind that is not among the actor's usual ones."""

MOST_BY_HAND = 90
"""A person makes no more changes than this in an hour."""

BIG_RUN_WEEKDAY = 2
BIG_RUN_HOUR = 14
BIG_RUN_CHANGES = 300
"""Every Wednesday Terraform applies everything: as many changes within a minute."""


def day_of(actor: Actor, day: date, members: Members, seed: int) -> Iterator[Act]:
    """What an actor does on a calendar day: a person's in the office's time zone, a machine's in UTC."""
    rng = random.Random(f"{seed}/{actor.type}{actor.id}{actor.token_id}/{day}")  # noqa: S311 - no secret
    if actor.schedule is not None:
        yield from _machine_day(actor, day, members, rng)
    elif _at_work(actor, day, seed, rng):
        yield from _working_day(actor, day, members, rng)


def _working_day(actor: Actor, day: date, members: Members, rng: random.Random) -> Iterator[Act]:
    midnight = datetime.combine(day, time(), UTC) - timedelta(hours=actor.office.utc_offset)
    starts = midnight + timedelta(hours=actor.starts_at + rng.gauss(0, 0.4))
    for _ in range(1 + (rng.random() < 0.3)):
        moment = starts + timedelta(minutes=rng.uniform(0, 240))
        yield Act(moment, actor, KINDS["login"], "update")
    for hour in range(9):
        if rng.random() < actor.hours_a_day / 9:
            yield from _hour(actor, starts + timedelta(hours=hour), members, rng)


def _machine_day(actor: Actor, day: date, members: Members, rng: random.Random) -> Iterator[Act]:
    midnight = datetime.combine(day, time(), UTC)
    for hour, likelihood in (actor.schedule or {}).items():
        if rng.random() < likelihood:
            yield from _hour(actor, midnight + timedelta(hours=hour), members, rng)
    if actor.token_name == TERRAFORM and day.weekday() == BIG_RUN_WEEKDAY:
        moment = midnight + timedelta(hours=BIG_RUN_HOUR, minutes=rng.uniform(0, 50))
        yield from burst(actor, moment, timedelta(minutes=1), BIG_RUN_CHANGES, _weighed(actor), members, rng)


def _hour(actor: Actor, start: datetime, members: Members, rng: random.Random) -> Iterator[Act]:
    size = max(1, round(rng.lognormvariate(0, actor.spread) * actor.median))
    size = size if actor.schedule is not None else min(size, MOST_BY_HAND)
    if actor.in_one_burst:
        yield from burst(actor, start, timedelta(minutes=1), size, _weighed(actor), members, rng)
        return
    kinds = rng.choices(*_weighed(actor), k=1 if rng.random() < 0.6 else 2)
    if actor.schedule is None and rng.random() < UNUSUAL_KIND:
        left_alone = {"login", "zone", *INCIDENT_ONLY.get(actor.duty, ())}
        kinds = [rng.choice([kind for kind in KINDS.values() if kind.type not in left_alone])]
    first = start + timedelta(minutes=rng.uniform(0, 15))
    yield from burst(actor, first, timedelta(minutes=rng.uniform(2, 40)), size, (kinds, [1] * len(kinds)), members, rng)


def burst(
    actor: Actor,
    start: datetime,
    within: timedelta,
    size: int,
    kinds: tuple[list[Kind], list[float]],
    members: Members,
    rng: random.Random,
) -> Iterator[Act]:
    """So many changes of those kinds, from `start` on, in a zone or two."""
    zones = rng.sample(list(members.zones.items()), 2)
    for kind in rng.choices(*kinds, k=size):
        moment = start + within * rng.random()
        action = rng.choices(list(kind.weights), list(kind.weights.values()))[0]
        yield Act(moment, actor, kind, action, rng.choice(zones) if of_zone(kind) else None)


def _weighed(actor: Actor) -> tuple[list[Kind], list[float]]:
    return [KINDS[kind] for kind in actor.usual], list(actor.usual.values())


def _at_work(actor: Actor, day: date, seed: int, rng: random.Random) -> bool:
    if day < actor.joined or day == holiday(actor.office, day.year, day.month, seed):
        return False
    if day.weekday() >= 5:
        return rng.random() < WEEKEND_WORK
    week = day.isocalendar()
    away = random.Random(f"{seed}/away/{actor.id}/{week.year}/{week.week}").random() < WEEK_OFF  # noqa: S311 - no secret
    return not away


def holiday(office: Office, year: int, month: int, seed: int) -> date:
    """The one public holiday that the office's country has in a month."""
    return date(year, month, random.Random(f"{seed}/{office.name}/{year}/{month}").randint(1, 28))  # noqa: S311 - no secret
