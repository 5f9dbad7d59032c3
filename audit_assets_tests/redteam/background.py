"""A background of natural changes, what an attacker can know of it, and how attacks are played into it.

Each attack is played some times over, far from the next. What prepares an attack (a decoy, aged tokens) is played too
and need not alert.
"""

from collections.abc import Callable, Sequence
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

LONGEST = timedelta(days=45)
"""The longest attacks last six weeks."""


@dataclass(frozen=True)
class Play:
    """One attack: what prepares it, and the attack itself."""

    attack: Sequence[pl.DataFrame]
    preparation: Sequence[pl.DataFrame] = ()


@dataclass(frozen=True)
class Known:
    """An actor with a past: its type, its mean changes in an active hour, and the resource types that it touched in the
    90 days before, the most frequent first."""

    actor: str
    kind: str
    mean: float
    habits: Sequence[str]


class Background:
    """Natural events, and what an attacker can know of them."""

    def __init__(self, events: pl.DataFrame, seed: int = 0) -> None:
        self.events = pl.concat([EVENTS.to_frame(), events], how="diagonal").select(EVENTS.names()).sort("time")
        self.rng = np.random.default_rng(seed)
        hour = pl.col("time").dt.truncate("1h")
        self._hours = self.events.group_by("actor", hour=hour).agg(changes=pl.len(), kind=pl.col("actor_type").first())
        by_size = self.events["resource_type"].value_counts(sort=True)
        self._popular = by_size.sort("count", "resource_type", descending=[True, False])["resource_type"][:POPULAR]
        self._attacked: list[str] = []
        self._later = seed % 4 / 4  # other seeds play at other times

    def starts(self, times: int) -> list[datetime]:
        """Hours of working days, far from each other, with enough history before them and time after them."""
        first, last = self.events["time"][0] + WARM_UP, self.events["time"][-1] - LONGEST
        found = []
        for number in range(times):
            start = (first + (last - first) * (number + self._later) / times).replace(minute=0, second=0, microsecond=0)
            start = start.replace(hour=int(self.rng.integers(8, 15)))
            found.append(working_days(start, 1)[0])
        return found

    def known(self, when: datetime) -> Known:
        """An actor with a past, if possible one that was not attacked before."""
        past = self._hours.filter(pl.col("hour") < when, pl.col("hour") >= when - 30 * DAY)
        actors = past.group_by("actor", "kind").agg(hours=pl.len(), mean=pl.col("changes").mean())
        actors = actors.filter(pl.col("hours") >= KNOWN_HOURS).sort("actor")
        others = actors.filter(~pl.col("actor").is_in(self._attacked))
        actors = actors if others.is_empty() else others
        actor, kind, _, mean = actors.row(int(self.rng.integers(actors.height)))
        self._attacked.append(actor)
        habits = self._before(when).filter(pl.col("actor") == actor)["resource_type"].value_counts()
        habits = habits.sort("count", "resource_type", descending=[True, False])
        return Known(actor, kind, mean, habits["resource_type"].to_list())

    def usual_times(self, known: Known, when: datetime, number: int) -> list[int]:
        """The hours of the day at which an actor was active most often."""
        past = self._hours.filter(pl.col("actor") == known.actor, pl.col("hour") < when)
        times = past["hour"].dt.hour().cast(pl.Int64).value_counts().sort("count", "hour", descending=[True, False])
        return times["hour"][:number].to_list()

    def popular(self, number: int, *, unlike: Sequence[str] = ()) -> list[str]:
        """Some of the resource types that everybody changes, but none of `unlike`."""
        types = [each for each in self._popular if each not in unlike]
        return [types[int(each)] for each in self.rng.permutation(len(types))[:number]]

    def rare(self, known: Known, when: datetime, number: int) -> list[str]:
        """Resource types that at most three others touched in the 90 days before, and this actor never."""
        owners = self._before(when).group_by("resource_type").agg(pl.col("actor").n_unique())
        rare = owners.filter(pl.col("actor") <= 3, ~pl.col("resource_type").is_in(known.habits))["resource_type"].sort()
        return [rare[int(each)] for each in self.rng.permutation(len(rare))[:number]]

    def again(self, known: Known, since: datetime, until: datetime, times: float) -> pl.DataFrame:
        """What an actor did between two moments, so many times over on average."""
        own = self.events.filter(pl.col("actor") == known.actor, pl.col("time").is_between(since, until, closed="left"))
        copies = (times + self.rng.random(own.height)).astype(np.int64)
        return own[np.repeat(np.arange(own.height), copies)]

    def burst(
        self, actor: str, when: datetime, changes: float, types: Sequence[str], kind: str, owner: str | None = None
    ) -> pl.DataFrame:
        """So many changes within an hour, to the types in turn."""
        return self.bursts(actor, [when], changes, types, kind, owner)

    def bursts(
        self,
        actor: str,
        hours: Sequence[datetime],
        changes: float,
        types: Sequence[str],
        kind: str,
        owner: str | None = None,
    ) -> pl.DataFrame:
        """So many changes within each of some hours, to the types in turn."""
        number = max(1, round(changes))
        second = self.rng.integers(0, 3600, (len(hours), number)) + [[int(hour.timestamp())] for hour in hours]
        return pl.DataFrame(
            {
                "time": pl.from_epoch(pl.Series(np.sort(second).ravel()), "s").dt.replace_time_zone("UTC"),
                "actor": actor,
                "actor_type": kind,
                "resource_type": [types[each % len(types)] for each in range(number)] * len(hours),
                "owner": owner,
            }
        ).cast(EVENTS)

    def _before(self, when: datetime) -> pl.DataFrame:
        return self.events.filter(pl.col("time").is_between(when - 90 * DAY, when, closed="left"))


Attack = Callable[[Background, str, datetime], Play]
"""From a background, a name for new actors and an hour to begin in."""


def working_days(when: datetime, number: int) -> list[datetime]:
    """The same hour of the next working days, `when` included."""
    days = [when + day * DAY for day in range(2 * number + 2)]
    return [day for day in days if day.weekday() < 5][:number]


def play_into(background: Background, attacks: Sequence[Attack], times: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The background with so many plays, of the attacks in turn: the events, and the WINDOWS of each play."""
    parts, windows = [background.events], []
    for number, when in enumerate(background.starts(times)):
        play = attacks[number % len(attacks)](background, f"intruder-{number}", when)
        parts += [*play.preparation, *play.attack]
        hours = pl.concat(play.attack).select(
            "actor", play=pl.lit(number, pl.Int64), hour=pl.col("time").dt.truncate("1h")
        )
        windows.append(hours.unique().select(WINDOWS.names()))
    return pl.concat(parts).sort("time", "actor", "resource_type"), pl.concat(windows)


def alerted_plays(alerts: pl.DataFrame, windows: pl.DataFrame) -> list[int]:
    """The plays that have an hour among the alerts (actor, hour)."""
    return alerts.join(windows, on=["actor", "hour"])["play"].unique().sort().to_list()
