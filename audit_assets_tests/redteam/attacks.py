"""The attacks: what each of them does, as events, and which hours of it somebody must be alerted to.

Each is played some times over into a background, far from the next. What prepares an attack (a decoy, aged tokens) is
played too and need not alert.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

EVENTS = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"),
        "actor": pl.String,
        "actor_type": pl.String,
        "resource_type": pl.String,
        "owner": pl.String,
    }
)
"""`owner`: who is behind a token; null: the actor itself, or nobody who is known."""

WINDOWS = pl.Schema({"play": pl.Int64, "actor": pl.String, "hour": pl.Datetime("us", "UTC")})
"""The hours of an attack: one of them at least must be on a ticket."""

POPULAR = 40
"""So many resource types, those with the most changes, are what an attacker takes for usual."""

KNOWN_HOURS = 8
"""Active hours in 30 days of a person who is attacked as somebody known."""

WARM_UP = timedelta(days=120)


@dataclass(frozen=True)
class Play:
    """One attack: what prepares it, and the attack itself."""

    attack: Sequence[pl.DataFrame]
    preparation: Sequence[pl.DataFrame] = ()


class Background:
    """Natural events, and what an attacker can know of them."""

    def __init__(self, events: pl.DataFrame, seed: int = 0) -> None:
        self.events = pl.concat([EVENTS.to_frame(), events], how="diagonal").select(EVENTS.names()).sort("time")
        self.rng = np.random.default_rng(seed)
        hour = pl.col("time").dt.truncate("1h")
        self._hours = self.events.group_by("actor", hour=hour).agg(changes=pl.len(), kind=pl.col("actor_type").first())
        by_size = self.events["resource_type"].value_counts(sort=True)
        self._popular = by_size.sort("count", "resource_type", descending=[True, False])["resource_type"][:POPULAR]

    def starts(self, times: int) -> list[datetime]:
        """Hours of working days, far from each other, with enough history before them."""
        first, last = self.events["time"][0] + WARM_UP, self.events["time"][-1] - 10 * DAY
        found = []
        for number in range(times):
            start = (first + (last - first) * number / times).replace(minute=0, second=0, microsecond=0)
            start = start.replace(hour=int(self.rng.integers(8, 15)))
            while start.weekday() > 4:
                start += DAY
            found.append(start)
        return found

    def known(self, when: datetime) -> tuple[str, str, float]:
        """An actor with a past: its name, its type, and its mean changes in an active hour."""
        past = self._hours.filter(pl.col("hour") < when, pl.col("hour") >= when - 30 * DAY)
        actors = past.group_by("actor", "kind").agg(hours=pl.len(), mean=pl.col("changes").mean())
        actors = actors.filter(pl.col("hours") >= KNOWN_HOURS).sort("actor")
        actor, kind, _, mean = actors.row(int(self.rng.integers(actors.height)))
        return actor, kind, mean

    def habits(self, actor: str, when: datetime) -> list[str]:
        """The resource types that an actor touched in the 90 days before, the most frequent first."""
        past = self.events.filter(
            pl.col("actor") == actor, pl.col("time").is_between(when - 90 * DAY, when, closed="left")
        )
        return past["resource_type"].value_counts(sort=True)["resource_type"].to_list()

    def popular(self, number: int) -> list[str]:
        """Some of the resource types that everybody changes."""
        chosen = self.rng.choice(len(self._popular), min(number, len(self._popular)), replace=False)
        return [self._popular[int(each)] for each in chosen]

    def rare(self, actor: str, when: datetime, number: int) -> list[str]:
        """Resource types that at most three others touched in the 90 days before, and this actor never."""
        past = self.events.filter(pl.col("time").is_between(when - 90 * DAY, when, closed="left"))
        owners = past.group_by("resource_type").agg(pl.col("actor").n_unique()).filter(pl.col("actor") <= 3)
        others = owners.filter(~pl.col("resource_type").is_in(self.habits(actor, when)))["resource_type"].sort()
        return [others[int(each)] for each in self.rng.permutation(len(others))[:number]]

    def burst(
        self, actor: str, when: datetime, changes: float, types: Sequence[str], kind: str, owner: str | None = None
    ) -> pl.DataFrame:
        """So many changes within an hour, to the types in turn."""
        seconds = np.sort(self.rng.integers(0, 3600, max(1, round(changes))))
        return pl.DataFrame(
            {
                "time": [when + timedelta(seconds=int(each)) for each in seconds],
                "actor": actor,
                "actor_type": kind,
                "resource_type": [types[number % len(types)] for number in range(len(seconds))],
                "owner": owner,
            },
            schema=EVENTS,
        )


Attack = Callable[[Background, str, datetime], Play]
"""From a background, a name for new actors and an hour to begin in."""

TOKEN = "service"
"""The actor type of new tokens."""


def first_hour(changes: int) -> Attack:
    """A new token makes so many changes in its first hour."""
    return lambda background, name, when: Play(
        [background.burst(name, when, changes, background.popular(2), TOKEN)],
    )


def twelve_types(background: Background, name: str, when: datetime) -> Play:
    """A new token touches twelve resource types in an hour, two of which nobody ever touched."""
    types = [*background.popular(10), f"{name} unseen", f"{name} unseen too"]
    return Play([background.burst(name, when, 16, types, TOKEN)])


def busy(background: Background, name: str, when: datetime) -> Play:
    """A new token is active for twenty hours."""
    types = background.popular(1)
    return Play([background.burst(name, when + hour * HOUR, 30, types, TOKEN) for hour in range(20)])


def rotation(changes: int) -> Attack:
    """A new token every hour for ten hours, each with so many changes."""

    def play(background: Background, name: str, when: datetime) -> Play:
        types = background.popular(2)
        return Play(
            [background.burst(f"{name}-{hour}", when + hour * HOUR, changes, types, TOKEN) for hour in range(10)]
        )

    return play


def swarm(changes: int) -> Attack:
    """25 new tokens in one hour, each with so many changes."""

    def play(background: Background, name: str, when: datetime) -> Play:
        types = background.popular(3)
        return Play(
            [background.burst(f"{name}-{each}", when, changes, [types[each % len(types)]], TOKEN) for each in range(25)]
        )

    return play


def decoy(background: Background, _: str, when: datetime) -> Play:
    """A loud harmless hour of somebody known, then six hours at 15 times the usual within a day."""
    actor, kind, mean = background.known(when)
    types = background.habits(actor, when)
    loud = background.burst(actor, when - 2 * HOUR, max(2000, 60 * mean), types[:1], kind)
    after = [background.burst(actor, when + 2 * hour * HOUR, 15 * mean + 1, types[:3], kind) for hour in range(6)]
    return Play(after, [loud])


def after_poisoning(background: Background, name: str, when: datetime) -> Play:
    """Twenty times the usual by somebody known, three days after 60 aged tokens made one loud hour."""
    loud_hour, preparation = when - 3 * DAY, []
    for number in range(60):
        token, types = f"{name}-aged-{number}", background.popular(1)
        hours = background.rng.choice(27 * 24, 32, replace=False)
        preparation += [background.burst(token, loud_hour - DAY - int(hour) * HOUR, 2, types, TOKEN) for hour in hours]
        preparation.append(background.burst(token, loud_hour, 100, types, TOKEN))
    actor, kind, mean = background.known(when)
    return Play([background.burst(actor, when, 20 * mean, background.habits(actor, when)[:3], kind)], preparation)


def over_five_tokens(times: float) -> Attack:
    """Somebody known spreads so many times the usual over five old tokens, each of which makes a small burst."""

    def play(background: Background, name: str, when: datetime) -> Play:
        owner, _kind, mean = background.known(when)
        types, preparation, attack = background.habits(owner, when)[:2], [], []
        for number in range(5):
            token = f"{name}-old-{number}"
            for hour in background.rng.choice(60 * 24, 40, replace=False):
                usual = max(1.0, mean * background.rng.lognormal(-0.3, 0.8))
                preparation.append(background.burst(token, when - DAY - int(hour) * HOUR, usual, types, TOKEN, owner))
            attack.append(background.burst(token, when, times * mean / 5, types, TOKEN, owner))
        return Play(attack, preparation)

    return play


def token_of_somebody(background: Background, name: str, when: datetime) -> Play:
    """Somebody known creates a token and uses it within the hour, and again three hours later."""
    owner, kind, _mean = background.known(when)
    types = background.habits(owner, when)
    created = background.burst(owner, when, 1, [f"{name} token"], kind)
    used = [background.burst(name, when + each * HOUR, 300, types[:2], TOKEN, owner) for each in (0, 3)]
    return Play([created, *used])


def slow_types(background: Background, _: str, when: datetime) -> Play:
    """Somebody known touches one rare resource type a day for eight days."""
    actor, kind, _mean = background.known(when)
    types = background.rare(actor, when, 8)
    return Play([background.burst(actor, when + day * DAY, 2, [each], kind) for day, each in enumerate(types)])


def sustained(background: Background, _: str, when: datetime) -> Play:
    """Somebody known makes three times the usual for a whole day."""
    actor, kind, mean = background.known(when)
    types = background.habits(actor, when)[:3]
    return Play([background.burst(actor, when + hour * HOUR, 3 * mean, types, kind) for hour in range(24)])


ATTACKS: Mapping[str, Attack] = {
    "300 changes in the first hour": first_hour(300),
    "20,000 changes in the first hour": first_hour(20_000),
    "twelve types by a new token": twelve_types,
    "a new token for 20 hours": busy,
    "ten new tokens in turn, 100 each": rotation(100),
    "ten new tokens in turn, 30 each": rotation(30),
    "25 new tokens at once, 20 each": swarm(20),
    "25 new tokens at once, 5 each": swarm(5),
    "15 times the usual after a decoy": decoy,
    "20 times the usual after poisoning": after_poisoning,
    "15 times the usual over five old tokens": over_five_tokens(15),
    "a token that somebody known creates and uses": token_of_somebody,
    "one rare type a day": slow_types,
    "three times the usual for a day": sustained,
}


def play_into(background: Background, attack: Attack, times: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The background with an attack played some times: the events, and the WINDOWS of each play."""
    parts, windows = [background.events], []
    for number, when in enumerate(background.starts(times)):
        play = attack(background, f"intruder-{number}", when)
        parts += [*play.preparation, *play.attack]
        hours = pl.concat(play.attack).select(
            "actor", play=pl.lit(number, pl.Int64), hour=pl.col("time").dt.truncate("1h")
        )
        windows.append(hours.unique().select(WINDOWS.names()))
    return pl.concat(parts).sort("time", "actor", "resource_type"), pl.concat(windows)


def share_alerted(scores: pl.DataFrame, windows: pl.DataFrame) -> float:
    """How many of the plays put an hour of the attack on a ticket. `scores` need actor, hour and ticket."""
    on_ticket = scores.filter(pl.col("ticket").is_not_null()).join(windows, on=["actor", "hour"])
    return on_ticket["play"].n_unique() / windows["play"].n_unique()
