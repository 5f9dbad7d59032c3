"""The attacks: what each of them does, as events."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from audit_assets_tests.redteam.background import DAY, HOUR, Attack, Background, Play, working_days

TOKEN = "service"
"""The actor type of new tokens."""

WEEK = 7 * DAY


def first_hour(changes: int) -> Attack:
    """A new token makes so many changes in its first hour."""
    return newcomer(changes, hours=1)


def newcomer(changes: int, hours: int) -> Attack:
    """A new token makes so many changes in each of its first hours."""
    return lambda background, name, when: Play(
        [background.bursts(name, _hours(when, hours), changes, background.popular(2), TOKEN)]
    )


def twelve_types(background: Background, name: str, when: datetime) -> Play:
    """A new token touches twelve resource types in an hour, two of which nobody ever touched."""
    types = [*background.popular(10), f"{name} unseen", f"{name} unseen too"]
    return Play([background.burst(name, when, 16, types, TOKEN)])


def twelve_types_by_aged(background: Background, name: str, when: datetime) -> Play:
    """A token that made two changes eight days ago makes 24, to twelve resource types that everybody touches."""
    types = background.popular(13)
    return Play(
        [background.burst(name, when, 24, types[1:], TOKEN)],
        [background.burst(name, when - 8 * DAY, 2, types[:1], TOKEN)],
    )


def working_week(changes: int) -> Attack:
    """A new token makes so many changes an hour, eight hours on each of five working days."""
    return lambda background, name, when: Play(
        [background.bursts(name, _working_hours(when), changes, background.popular(2), TOKEN)]
    )


def rotation(changes: int, *, every: timedelta = HOUR, age: timedelta | None = None) -> Attack:
    """Ten tokens, one after the other, each with one hour of so many changes. They are new, or each made one change
    when it was made, at that age."""

    def play(background: Background, name: str, when: datetime) -> Play:
        types, hours = background.popular(2), [when + number * every for number in range(10)]
        return Play(
            [background.burst(f"{name}-{number}", hour, changes, types, TOKEN) for number, hour in enumerate(hours)],
            [background.burst(f"{name}-{number}", hour - age, 1, types, TOKEN) for number, hour in enumerate(hours)]
            if age
            else [],
        )

    return play


def swarm(changes: int, *, age: timedelta | None = None, aged_hours: int = 0) -> Attack:
    """25 tokens in one hour, each with so many changes. They are new, or were used with two changes in so many hours
    since that age."""

    def play(background: Background, name: str, when: datetime) -> Play:
        types, names = background.popular(3), [f"{name}-{number}" for number in range(25)]
        return Play(
            [
                background.burst(token, when, changes, [types[number % len(types)]], TOKEN)
                for number, token in enumerate(names)
            ],
            [_aged(background, token, when, age, aged_hours) for token in names] if age else [],
        )

    return play


def aged_first_hour(background: Background, name: str, when: datetime) -> Play:
    """A token that made two changes eight days ago makes 300."""
    types = background.popular(2)
    return Play(
        [background.burst(name, when, 300, types, TOKEN)], [background.burst(name, when - 8 * DAY, 2, types, TOKEN)]
    )


def decoy(background: Background, _: str, when: datetime) -> Play:
    """A loud harmless hour of somebody known, then six hours at 15 times the usual within a day."""
    known = background.known(when)
    loud = background.burst(known.actor, when - 2 * HOUR, max(2000, 60 * known.mean), known.habits[:1], known.kind)
    hours = [when + 2 * hour * HOUR for hour in range(6)]
    return Play([background.bursts(known.actor, hours, 15 * known.mean + 1, known.habits[:3], known.kind)], [loud])


def after_swarm(background: Background, name: str, when: datetime) -> Play:
    """Ten times the usual by somebody known, an hour after 25 new tokens were loud."""
    burst = times_usual(10)(background, name, when)
    return Play(burst.attack, swarm(20)(background, name, when - HOUR).attack)


def after_poisoning(background: Background, name: str, when: datetime) -> Play:
    """Twenty times the usual by somebody known, three days after 60 aged tokens made one loud hour."""
    loud_hour, preparation = when - 3 * DAY, []
    for number in range(60):
        token, types = f"{name}-aged-{number}", background.popular(1)
        preparation.append(_aged(background, token, loud_hour, 28 * DAY, 32))
        preparation.append(background.burst(token, loud_hour, 100, types, TOKEN))
    return Play(times_usual(20)(background, name, when).attack, preparation)


def poisoning(a_day: int, *, days: int) -> Attack:
    """On each of some days so many known actors make twenty times the usual, in an hour each."""

    def play(background: Background, name: str, when: datetime) -> Play:
        hours = [when + day * DAY + number * HOUR for day in range(days) for number in range(a_day)]
        return Play([burst for hour in hours for burst in times_usual(20)(background, name, hour).attack])

    return play


def times_usual(times: float, *, hours: int = 1, at: int | None = None) -> Attack:
    """Somebody known makes so many times the usual in each of some hours, from an hour of the day on."""

    def play(background: Background, _: str, when: datetime) -> Play:
        known, began = background.known(when), when if at is None else when.replace(hour=at)
        changes, types = times * known.mean, known.habits[:3]
        return Play([background.bursts(known.actor, _hours(began, hours), changes, types, known.kind)])

    return play


def changes_by_known(changes: int, hours: int) -> Attack:
    """Somebody known makes so many changes in each of some hours, to its two most frequent types."""

    def play(background: Background, _: str, when: datetime) -> Play:
        known = background.known(when)
        return Play([background.bursts(known.actor, _hours(when, hours), changes, known.habits[:2], known.kind)])

    return play


def working_week_of_known(changes: int) -> Attack:
    """Somebody known makes so many changes an hour, eight hours on each of five working days."""

    def play(background: Background, _: str, when: datetime) -> Play:
        known = background.known(when)
        return Play([background.bursts(known.actor, _working_hours(when), changes, known.habits[:2], known.kind)])

    return play


def usual_times(background: Background, _: str, when: datetime) -> Play:
    """Somebody known makes eight times the usual in ten hours: on five working days, at its two most frequent times."""
    known = background.known(when)
    days, times = working_days(when + DAY, 5), background.usual_times(known, when, 2)
    hours = [day.replace(hour=time) for day in days for time in times]
    return Play([background.bursts(known.actor, hours, 8 * known.mean, known.habits[:3], known.kind)])


def growth(background: Background, _: str, when: datetime) -> Play:
    """Somebody known makes a third more changes each week, for six weeks: added to its usual work is a larger and
    larger part of that of the six weeks before."""
    known, weeks = background.known(when), []
    for week in range(6):
        since = when + (week - 6) * WEEK
        added = background.again(known, since, since + WEEK, (4 / 3) ** (week + 1) - 1)
        weeks.append(added.with_columns(time=added["time"] + 6 * WEEK))
    return Play(weeks)


def over_five_tokens(times: float) -> Attack:
    """Somebody known spreads so many times the usual over five old tokens, each of which makes a small burst."""

    def play(background: Background, name: str, when: datetime) -> Play:
        known = background.known(when)
        types, preparation, attack = known.habits[:2], [], []
        for number in range(5):
            token = f"{name}-old-{number}"
            for hour in background.rng.choice(60 * 24, 40, replace=False):
                usual, at = known.mean * background.rng.lognormal(-0.3, 0.8), when - DAY - int(hour) * HOUR
                preparation.append(background.burst(token, at, usual, types, TOKEN, known.actor))
            attack.append(background.burst(token, when, times * known.mean / 5, types, TOKEN, known.actor))
        return Play(attack, preparation)

    return play


def token_of_somebody(background: Background, name: str, when: datetime) -> Play:
    """Somebody known creates a token and uses it within the hour, and again three hours later."""
    known = background.known(when)
    created = background.burst(known.actor, when, 1, [f"{name} token"], known.kind)
    used = background.bursts(name, [when, when + 3 * HOUR], 300, known.habits[:2], TOKEN, known.actor)
    return Play([created, used])


def slow_types(background: Background, _: str, when: datetime) -> Play:
    """Somebody known touches one rare resource type a day for eight days."""
    known = background.known(when)
    types = background.rare(known, when, 8)
    return Play(
        [background.burst(known.actor, when + day * DAY, 2, [each], known.kind) for day, each in enumerate(types)]
    )


def slow_popular_types(background: Background, _: str, when: datetime) -> Play:
    """Somebody known touches one resource type a day that everybody touches but it did not, on eight working days."""
    known = background.known(when)
    types = background.popular(8, unlike=known.habits)
    days = working_days(when, 8)
    return Play(
        [background.burst(known.actor, day, 2, [each], known.kind) for day, each in zip(days, types, strict=False)]
    )


def _hours(when: datetime, number: int) -> list[datetime]:
    return [when + hour * HOUR for hour in range(number)]


def _working_hours(when: datetime) -> list[datetime]:
    return [hour for day in working_days(when.replace(hour=9), 5) for hour in _hours(day, 8)]


def _aged(background: Background, token: str, until: datetime, age: timedelta, hours: int) -> pl.DataFrame:
    """Two changes in some hours since an age, the first of them at it, until a day before."""
    others = background.rng.choice((age - DAY) // HOUR, hours - 1, replace=False)
    active = [until - age, *(until - DAY - int(each) * HOUR for each in others)]
    return background.bursts(token, active, 2, background.popular(1), TOKEN)


ATTACKS: Mapping[str, Attack] = {
    "300 changes in the first hour": first_hour(300),
    "20,000 changes in the first hour": first_hour(20_000),
    "300 changes by a token of 8 days": aged_first_hour,
    "twelve types by a new token": twelve_types,
    "twelve types by a token of 8 days": twelve_types_by_aged,
    "a new token for 20 hours": newcomer(30, hours=20),
    "a new token for a week, 20 an hour": working_week(20),
    "ten new tokens in turn, 100 each": rotation(100),
    "ten new tokens in turn, 30 each": rotation(30),
    "ten new tokens in turn, 5 each": rotation(5),
    "ten new tokens in 5 days, 100 each": rotation(100, every=12 * HOUR),
    "ten new tokens in 5 days, 30 each": rotation(30, every=12 * HOUR),
    "ten tokens of 8 days in turn, 30 each": rotation(30, age=8 * DAY),
    "25 new tokens at once, 20 each": swarm(20),
    "25 new tokens at once, 5 each": swarm(5),
    "25 tokens of 8 days at once, 20 each": swarm(20, age=8 * DAY, aged_hours=1),
    "25 tokens of 30 days at once, 20 each": swarm(20, age=30 * DAY, aged_hours=32),
    "15 times the usual after a decoy": decoy,
    "10 times the usual after a swarm": after_swarm,
    "20 times the usual after poisoning": after_poisoning,
    "15 times the usual over five old tokens": over_five_tokens(15),
    "a token that somebody known creates and uses": token_of_somebody,
    "10 times the usual": times_usual(10),
    "5 times the usual by day": times_usual(5),
    "5 times the usual at 2 at night": times_usual(5, at=2),
    "8 times the usual at usual times": usual_times,
    "three times the usual for a day": times_usual(3, hours=24),
    "a third more each week": growth,
    "one rare type a day": slow_types,
    "one popular type a day": slow_popular_types,
}
