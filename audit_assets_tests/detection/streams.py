"""Invented streams of events for the tests of detection."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.hour_scores import score_stream
from audit_assets.detection.ranking import rank_scores

START = datetime(2026, 1, 5, tzinfo=UTC)

EVENTS = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"),
        "actor": pl.String,
        "actor_type": pl.String,
        "resource_type": pl.String,
    }
)


def at(day: float, hour: float = 0) -> datetime:
    return START + timedelta(days=day, hours=hour)


def burst(actor: str, when: datetime, changes: int, *types: str, actor_type: str = "user") -> pl.DataFrame:
    """So many changes in one hour, to the types in turn."""
    return pl.DataFrame(
        [
            (when + timedelta(seconds=number % 3600), actor, actor_type, types[number % len(types)])
            for number in range(changes)
        ],
        schema=EVENTS,
        orient="row",
    )


def stream(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts).sort("time", "actor", "resource_type")


def quiet(*, days: int, actors: int = 40, seed: int = 0, types: int = 30, a_day: float = 20) -> pl.DataFrame:
    """An organisation without attacks: log-normal hours, each actor with habits of its own, now and then a new type."""
    rng = np.random.default_rng(seed)
    size = rng.normal(1.0, 0.6, actors)
    habits = [rng.choice(types, size=6, p=_popular(types)) for _ in range(actors)]
    number = rng.poisson(a_day * days)
    rows = []
    for hour, actor in zip(np.sort(rng.integers(0, days * 24, number)), rng.integers(0, actors, number), strict=True):
        changes = 1 + int(np.exp(rng.normal(size[actor], 0.8)))
        kinds = rng.choice(habits[actor], size=changes)
        if rng.random() < 0.05:
            kinds[0] = rng.choice(types, p=_popular(types))
        rows += [(at(0, float(hour)), f"actor-{actor}", "user", f"type-{kind}") for kind in kinds]
    return pl.DataFrame(rows, schema=EVENTS, orient="row")


def daily(actor: str, days: range, usual: float, *types: str, spread: float = 0.3, seed: int = 0) -> list[pl.DataFrame]:
    """One hour of work a day, log-normal about so many changes."""
    rng = np.random.default_rng(seed)
    return [burst(actor, at(day, 9), max(1, round(usual * np.exp(rng.normal(0, spread)))), *types) for day in days]


def score_events(events: pl.DataFrame, *, budget: float = 1.0) -> pl.DataFrame:
    """SCORES of a whole stream of events at a budget of tickets a day."""
    return score_activity(count_changes(events), budget=budget)


def score_activity(activity: pl.DataFrame, *, budget: float = 1.0) -> pl.DataFrame:
    """As `score_events`, from the tidy rows of all actors (ACTOR_ACTIVITY)."""
    return rank_scores(score_stream(activity), budget=budget)


def _popular(types: int) -> np.ndarray:
    weight = 1 / np.arange(1, types + 1)
    return weight / weight.sum()
