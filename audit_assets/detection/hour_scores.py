"""How unusual each active hour is, by itself: in volume over several horizons, and in the resource types it touches.

The hour that has just closed and a stream of years go through the same functions. What becomes of an hour beside the
others, and at which budget it rings, is ranking.py's.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Coded, Flags, Floats, coded
from audit_assets.detection.novelty import NoveltyScores, novelty_scores
from audit_assets.detection.schemas import ACTOR_ACTIVITY, HOUR, MEMORY, NOTICEABLE, SCORES
from audit_assets.detection.volume import (
    DAY,
    DAY_AGAINST_LAST_MONTH,
    HORIZONS,
    HOUR_ALONE,
    SIX_HOURS,
    VolumeScores,
    daily_priors,
    volume_scores,
)

HORIZON_SHARES = {HOUR_ALONE: 1.0, SIX_HOURS: 0.1, DAY: 0.1, DAY_AGAINST_LAST_MONTH: 0.1}
"""How much a longer horizon counts within volume: so little that all three together take .02 of mean recall from single
hours at a quarter of a ticket a day, and .002 at one, on the variants of the development set."""

A_MONTH = timedelta(days=30)
"""Against the month before the last only a day larger than all of the last month says something: what has grown once
and stays, as weekly deployments do, is told once."""

FIRST_DAYS, FIRST_HOUR = 7, 2
"""p^((n + 1)/7) while an actor has n < 6 active hours in the reference, p^(2/7) in its very first. The 9 of
docs/facts/detection.md, 2.6, hides bursts of half-known actors: 6 and 7 find the most on the variants of the development
set, and 7 rings less for newcomers. With p^(1/7) not even 10,000 changes of a newcomer would ring."""

HISTORY = timedelta(days=121)
"""So much of an actor's activity decides its scores: 60 days of reference, whose hours are weighed by theirs."""

FILLED_BY_RANKED = ("p", "p_limit", "tickets_a_day", "flagged", "reasons", "severity")


@dataclass(frozen=True)
class Organisation:
    """What an hour's scores need of everybody, as it stood at the start of the hour's UTC day.

    `priors` (PRIORS) hold the days of the history too; `touched` (ACTOR_ACTIVITY) has a row for every actor and type
    of the last 90 days, at the hour of the last touch. `since`: the oldest active hour that is known.
    """

    priors: pl.DataFrame
    touched: pl.DataFrame
    since: datetime


def organisation(activity: pl.DataFrame, day: datetime) -> Organisation:
    """The organisation at the start of a day, from everybody's activity (ACTOR_ACTIVITY) of the 211 days before:
    121 of history, with priors that look back on 90. Less makes the oldest weights a little less exact."""
    before = activity.filter(pl.col("hour") < day)
    today = int(day.timestamp()) // 3600 // HOURS_A_DAY
    stream = coded(before)
    if "confirmed" in before.columns:
        before = before.filter(~pl.col("confirmed").fill_null(value=False).any().over("actor", "hour"))
    days = np.unique(np.append(stream.hour // HOURS_A_DAY, today))
    touched = (
        before.lazy()
        .filter(pl.col("hour") >= day - MEMORY)
        .group_by("actor", "resource_type")
        .agg(pl.col("actor_type").min(), pl.col("hour").max(), changes=pl.lit(0, pl.Int64))
        .select(ACTOR_ACTIVITY.names())
        .collect()
    )
    since = before["hour"].min()
    return Organisation(daily_priors(stream, days), touched, since if isinstance(since, datetime) else day)


def assess_stream(activity: pl.DataFrame) -> pl.DataFrame:
    """A whole stream (ACTOR_ACTIVITY of everybody), as `assess_hours` gives it."""
    stream = coded(activity)
    since = activity["hour"].min()
    return _assess(stream, daily_priors(stream), stream, judged_from=0, history_from=since)


def assess_hours(activity: pl.DataFrame, everybody: Organisation, *, since: datetime) -> pl.DataFrame:
    """The hours from `since` on, all of one UTC day, as far as they can be judged each by itself: SCORES without what
    `ranked` fills. `activity` (ACTOR_ACTIVITY) is that of the active actors, HISTORY and the hours themselves."""
    first = int(since.timestamp()) // 3600
    together = coded(pl.concat([activity, everybody.touched], how="diagonal"))
    return _assess(coded(activity), everybody.priors, together, judged_from=first, history_from=everybody.since)


def _assess(
    stream: Coded, priors: pl.DataFrame, together: Coded, *, judged_from: int, history_from: object
) -> pl.DataFrame:
    """SCORES without what `ranked` fills. `together` holds the touches of everybody, `stream` those to be judged."""
    by_horizon = {horizon: _as_dismissed(stream, volume_scores(stream, priors, horizon)) for horizon in HORIZONS}
    volumes = _volume_columns(stream, by_horizon).filter(pl.col("hour_code") >= judged_from)
    novelties = _novelty_columns(together, novelty_scores(together, since=judged_from), judged_from)
    return (
        volumes.lazy()
        .join(novelties.lazy(), on=["actor", "hour_code"], how="left")
        .with_columns(
            hour=pl.from_epoch(pl.col("hour_code") * 3600, "s").cast(HOUR),
            p_novelty=_damped("p_novelty"),
            p_many_new=_damped("p_many_new"),
        )
        .with_columns(
            learning=pl.concat_list(
                pl.when(pl.col("active_hours") < FIRST_DAYS - 1).then(pl.lit("actor")),
                pl.when(pl.col("by_default")).then(pl.lit("prior")),
                pl.when(pl.col("hour") - MEMORY < pl.lit(history_from, HOUR)).then(pl.lit("types")),
            ).list.drop_nulls(),
        )
        .with_columns(pl.lit(None, SCORES[name]).alias(name) for name in FILLED_BY_RANKED)
        .select(SCORES.names())
        .collect()
        .cast(SCORES)
    )


def damped(p: Floats, active_hours: Floats) -> Floats:
    """p of an actor's first days, drawn towards 1 as long as little is known of it."""
    return p ** (np.clip(active_hours + 1, FIRST_HOUR, FIRST_DAYS) / FIRST_DAYS)


def _damped(column: str) -> pl.Expr:
    return pl.col(column) ** ((pl.col("active_hours") + 1).clip(FIRST_HOUR, FIRST_DAYS) / FIRST_DAYS)


def _volume_columns(stream: Coded, by_horizon: dict) -> pl.DataFrame:
    alone: VolumeScores = by_horizon[HOUR_ALONE]
    lagged = by_horizon[DAY_AGAINST_LAST_MONTH]
    by_horizon |= {DAY_AGAINST_LAST_MONTH: replace(lagged, p=np.where(_highest(stream, lagged.changes), lagged.p, 1.0))}
    shared = np.vstack([damped(scores.p, scores.n) / HORIZON_SHARES[horizon] for horizon, scores in by_horizon.items()])
    best = shared.argmin(axis=0)
    rows = np.arange(len(best))
    changes = np.vstack([scores.changes for scores in by_horizon.values()])[best, rows]
    usual = np.vstack([scores.baseline_mean for scores in by_horizon.values()])[best, rows]
    names = pl.Series([horizon.name for horizon in by_horizon], dtype=pl.String)
    return pl.DataFrame(
        {
            "actor": stream.actors.gather(stream.actor),
            "actor_type": stream.kinds.gather(stream.kind),
            "hour_code": stream.hour,
            "confirmed": stream.confirmed,
            "changes": stream.changes,
            "baseline_mean": alone.baseline_mean,
            "ratio": stream.changes / alone.baseline_mean,
            "active_hours": alone.n,
            "horizon": names.gather(best),
            "horizon_changes": np.rint(changes).astype(np.int64),
            "horizon_baseline_mean": usual,
            "p_volume": np.where(changes < NOTICEABLE * usual, 1.0, np.minimum(shared[best, rows], 1.0)),
            "by_default": alone.by_default,
        }
    )


def _as_dismissed(stream: Coded, scores: VolumeScores) -> VolumeScores:
    """What is not even twice what people called usual for the actor is no burst, however rare it is."""
    if not stream.dismissed.any():
        return scores
    usual = _most_before(stream, scores.changes, stream.dismissed, MEMORY)
    return replace(scores, p=np.where(scores.changes < NOTICEABLE * usual, 1.0, scores.p))


def _highest(stream: Coded, changes: Floats) -> Flags:
    """Per active hour whether `changes` are more than in any of the actor's last month, but for confirmed hours."""
    return changes > _most_before(stream, changes, ~stream.confirmed, A_MONTH)


def _most_before(stream: Coded, changes: Floats, which: Flags, within: timedelta) -> Floats:
    """Per active hour the most `changes` of the hours `which` that the actor had so long before, else 0."""
    hours = pl.DataFrame({"actor": stream.actor, "hour": stream.hour, "changes": changes, "which": which})
    before = (
        pl.when("which")
        .then("changes")
        .rolling_max_by(pl.from_epoch(pl.col("hour") * 3600, "s"), window_size=within, closed="left")
        .over("actor")
    )
    return hours.select(before.fill_null(0.0)).to_series().to_numpy()


def _novelty_columns(stream: Coded, novelty: NoveltyScores, since: int) -> pl.DataFrame:
    per_hour = pl.LazyFrame(
        {
            "row": np.arange(len(stream.hour)),
            "actor": stream.actors.gather(stream.actor),
            "hour_code": stream.hour,
            "touched_types": np.bincount(stream.touch_row, minlength=len(stream.hour)),
            "p_novelty": novelty.p,
            "p_many_new": novelty.p_many,
        }
    ).filter(pl.col("hour_code") >= since)
    names = (
        pl.LazyFrame(
            {
                "row": stream.touch_row[novelty.new],
                "type": stream.types.gather(stream.touch_type[novelty.new]),
                "unheard": novelty.unheard[novelty.new],
            }
        )
        .group_by("row")
        .agg(
            new_resource_types=pl.col("type").sort(),
            new_to_organisation=pl.col("type").filter(pl.col("unheard")).sort(),
        )
    )
    nothing = pl.lit([], pl.List(pl.String))
    return (
        per_hour.join(names, on="row", how="left")
        .with_columns(pl.col("new_resource_types", "new_to_organisation").fill_null(nothing))
        .collect()
    )
