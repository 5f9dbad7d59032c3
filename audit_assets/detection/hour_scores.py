"""How unusual each active hour is, by itself: in volume over several horizons, and in the resource types it touches.

The hour that has just closed and a stream of years go through the same functions. How an hour compares with the others,
and at which budget it alerts, is in ranking.py.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import (
    HOURS_A_DAY,
    ActivityArrays,
    ActorWindows,
    build_activity_arrays,
)
from audit_assets.detection.deletes import score_deletes
from audit_assets.detection.newcomers import (
    EXAMPLE_DAYS,
    MEASURES,
    REMEMBERED_HOURS,
    estimate_habits,
    judge_newcomers,
    measure_hours,
    measure_surprise,
)
from audit_assets.detection.novelty import MEMORY_HOURS, NoveltyScores, score_novelty
from audit_assets.detection.origin_columns import ORIGIN_COLUMNS
from audit_assets.detection.origin_uses import ORIGIN_HISTORY, ORIGIN_USES, uses_within
from audit_assets.detection.schemas import (
    ACTOR_ACTIVITY,
    HOUR,
    LITTLE_KNOWN,
    MEMORY,
    NEWCOMER,
    OWNER,
    RANKED_COLUMNS,
    SCORES,
    WELL_KNOWN,
    WELL_KNOWN_HOURS,
)
from audit_assets.detection.time_of_day import find_unusual_times
from audit_assets.detection.unusual_origins import UNUSUAL_ORIGINS, find_unusual_origins
from audit_assets.detection.volume import (
    estimate_daily_priors,
    sum_changes,
)
from audit_assets.detection.volume_columns import volume_columns

P_COLUMNS = ("p_volume", "p_novelty", "p_many_new")

ACTIVITY_HISTORY = timedelta(hours=REMEMBERED_HOURS)
"""So much of an actor's activity decides its scores: 60 days of reference, whose hours are weighed by theirs."""


@dataclass(frozen=True)
class Organisation:
    """What an hour's scores need of all actors, as of the start of the hour's UTC day.

    `priors` (PRIORS) cover the days of the history too, `habits` (HABITS of newcomers) the day alone; `touched`
    (ACTOR_ACTIVITY) has a row for every actor and type of the last 90 days, at the hour of the last touch. `since`: the
    oldest active hour that is known. `origins`: ORIGIN_USES of ORIGIN_HISTORY.
    """

    priors: pl.DataFrame
    habits: pl.DataFrame
    touched: pl.DataFrame
    since: datetime
    origins: pl.DataFrame = field(default_factory=ORIGIN_USES.to_frame)


def build_organisation(activity: pl.DataFrame, day: datetime, origins: pl.DataFrame | None = None) -> Organisation:
    """The organisation at the start of a day, from the activity of all actors (ACTOR_ACTIVITY) of the 211 days before:
    121 of history, with priors that look back on 90. Less makes the oldest weights a little less exact. `origins`:
    ORIGIN_USES of all actors, if they are known."""
    before = activity.filter(pl.col("hour") < day)
    today = int(day.timestamp()) // 3600 // HOURS_A_DAY
    arrays = build_activity_arrays(before)
    if "confirmed" in before.columns:
        before = before.filter(~pl.col("confirmed").fill_null(value=False).any().over("actor", "hour"))
    days = np.unique(np.append(arrays.hour // HOURS_A_DAY, today))
    touched = (
        before.lazy()
        .filter(pl.col("hour") >= day - MEMORY)
        .group_by("actor", "resource_type")
        .agg(pl.col("actor_type").min(), pl.col("hour").max(), changes=pl.lit(0, pl.Int64))
        .select(ACTOR_ACTIVITY.names())
        .collect()
    )
    since = before["hour"].min()
    examples = _measure(arrays, score_novelty(arrays, since=(today - EXAMPLE_DAYS) * HOURS_A_DAY))
    return Organisation(
        priors=estimate_daily_priors(arrays, days),
        habits=estimate_habits(examples, [today]),
        touched=touched,
        since=since if isinstance(since, datetime) else day,
        origins=ORIGIN_USES.to_frame() if origins is None else uses_within(origins, day - ORIGIN_HISTORY, day),
    )


def score_stream(activity: pl.DataFrame, origins: pl.DataFrame | None = None) -> pl.DataFrame:
    """The scores of a whole stream (ACTOR_ACTIVITY of all actors): SCORES with RANKED_COLUMNS null. `origins`:
    ORIGIN_USES of all actors, if they are known."""
    arrays = build_activity_arrays(activity)
    novelty = score_novelty(arrays)
    habits = estimate_habits(_measure(arrays, novelty), np.unique(arrays.hour // HOURS_A_DAY).tolist())
    novelties = _novelty_columns(arrays, novelty, 0)
    new_origins = _unusual_origins(activity, origins)
    scores = _score(arrays, estimate_daily_priors(arrays), habits, novelties, new_origins, since=0, began=arrays.began)
    return _with_owners(scores, activity)


def score_hours(
    activity: pl.DataFrame, organisation: Organisation, *, since: datetime, origins: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The scores of the hours from `since` on, all of one UTC day: SCORES with RANKED_COLUMNS null. `activity`
    (ACTOR_ACTIVITY) is that of the active actors, ACTIVITY_HISTORY and the hours themselves. `origins`: ORIGIN_USES of
    everybody in the hours themselves, if they are known."""
    first = int(since.timestamp()) // 3600
    all_touches = build_activity_arrays(pl.concat([activity, organisation.touched], how="diagonal"))
    novelties = _novelty_columns(all_touches, score_novelty(all_touches, since=first), first)
    arrays = build_activity_arrays(activity)
    known = None if origins is None else pl.concat([organisation.origins, origins])
    scores = _score(
        arrays,
        organisation.priors,
        organisation.habits,
        novelties,
        _unusual_origins(activity, known, since),
        since=first,
        began=int(organisation.since.timestamp()) // 3600,
    )
    return _with_owners(scores, activity)


def _unusual_origins(
    activity: pl.DataFrame, origins: pl.DataFrame | None, since: datetime | None = None
) -> pl.DataFrame:
    if origins is None:
        return UNUSUAL_ORIGINS.to_frame()
    marks = activity if "confirmed" in activity.columns else activity.with_columns(confirmed=pl.lit(value=False))
    return find_unusual_origins(origins, marks.filter("confirmed"), since=since)


def _with_owners(scores: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """SCORES with the owners that the activity names."""
    if OWNER not in activity.columns:
        return scores
    owners = activity.drop_nulls(OWNER).sort("hour").group_by("actor").agg(known=pl.col(OWNER).last())
    named = scores.join(owners, on="actor", how="left", maintain_order="left")
    return named.with_columns(pl.coalesce("known", OWNER).alias(OWNER)).select(SCORES.names())


def _measure(arrays: ActivityArrays, novelty: NoveltyScores) -> pl.DataFrame:
    """All measures of the hours of everybody, as `estimate_habits` takes them."""
    windows = ActorWindows(arrays)
    measured = measure_hours(arrays, windows, sum_changes(arrays, windows, HOURS_A_DAY), arrays.began)
    surprise = measure_surprise(pl.lit(pl.Series(novelty.surprise)))
    return measured.with_columns(surprise=surprise).filter(pl.Series(~arrays.elsewhere))


def _score(
    activity: ActivityArrays,
    priors: pl.DataFrame,
    habits: pl.DataFrame,
    novelties: pl.DataFrame,
    new_origins: pl.DataFrame,
    *,
    since: int,
    began: int,
) -> pl.DataFrame:
    """SCORES, not ranked yet, of the `activity` from `since` on; `novelties` and `new_origins` of the same hours.
    `began`: the first hour of which anything is known."""
    volumes = _columns_of_actors(activity, volume_columns(activity, priors), began).filter(
        pl.Series(~activity.elsewhere), pl.col("hour_number") >= since
    )
    measured = volumes.join(novelties, on=["actor", "hour_number"], how="left").with_columns(
        hour=pl.from_epoch(pl.col("hour_number") * 3600, "s").cast(HOUR),
        measured_surprise=measure_surprise(pl.col("surprise")),
        familiarity=pl.when("newcomer")
        .then(pl.lit(NEWCOMER))
        .when(pl.col("active_hours") < WELL_KNOWN_HOURS)
        .then(pl.lit(LITTLE_KNOWN))
        .otherwise(pl.lit(WELL_KNOWN)),
    )
    unusual_time = ~pl.col("newcomer") & (pl.col("time_factor") < 1)
    factor = pl.col("time_factor") * pl.col("origin_factor").fill_null(1.0)
    lowered = pl.when(~pl.col("newcomer") & (pl.col(P_COLUMNS) < 1)).then(pl.col(P_COLUMNS) * factor)
    return (
        judge_newcomers(measured, habits)
        .lazy()
        .join(new_origins.lazy(), on=["actor", "hour"], how="left", maintain_order="left")
        .with_columns(
            lowered.otherwise(pl.col(P_COLUMNS)),
            pl.when(~pl.col("newcomer")).then(pl.col(ORIGIN_COLUMNS.names())),
            time_share=pl.when(unusual_time).then("time_share"),
            owner=pl.col("actor"),
            learning=pl.concat_list(
                pl.when(pl.col("familiarity") == LITTLE_KNOWN).then(pl.lit("actor")),
                pl.when("newcomer").then(pl.lit("newcomer")),
                pl.when(pl.col("by_default")).then(pl.lit("prior")),
                pl.when(pl.col("hour_number") - MEMORY_HOURS < began).then(pl.lit("types")),
            ).list.drop_nulls(),
        )
        .with_columns(pl.lit(None, SCORES[name]).alias(name) for name in RANKED_COLUMNS)
        .select(SCORES.names())
        .collect()
        .cast(SCORES)
    )


def _columns_of_actors(activity: ActivityArrays, volumes: pl.DataFrame, began: int) -> pl.DataFrame:
    """What follows from the actor's own hours: volumes, deletes, the time of the day, a newcomer's measures."""
    times, deletes = find_unusual_times(activity), score_deletes(activity)
    measured = measure_hours(activity, ActorWindows(activity), volumes["day_changes"].to_numpy(), began)
    return volumes.with_columns(
        deletes=activity.deletes,
        usual_deletes=pl.Series(deletes.usual_share),
        p_deletes=pl.Series(deletes.p),
        time_factor=pl.Series(times.factor),
        time_share=pl.Series(times.share, nan_to_null=True),
        newcomer=measured["newcomer"],
        **{f"measured_{name}": measured[name] for name in MEASURES[:-1]},
    )


def _novelty_columns(activity: ActivityArrays, novelty: NoveltyScores, since: int) -> pl.DataFrame:
    per_hour = pl.LazyFrame(
        {
            "row": np.arange(len(activity.hour)),
            "actor": activity.actors.gather(activity.actor),
            "hour_number": activity.hour,
            "touched_types": np.bincount(activity.touch_row, minlength=len(activity.hour)),
            "p_novelty": novelty.p,
            "p_many_new": novelty.p_many,
            "surprise": novelty.surprise,
        }
    ).filter(pl.col("hour_number") >= since)
    names = (
        pl.LazyFrame(
            {
                "row": activity.touch_row[novelty.new],
                "type": activity.resource_types.gather(activity.touch_type[novelty.new]),
                "new_to_organisation": novelty.new_to_organisation[novelty.new],
            }
        )
        .group_by("row")
        .agg(
            new_resource_types=pl.col("type").sort(),
            new_to_organisation=pl.col("type").filter(pl.col("new_to_organisation")).sort(),
        )
    )
    nothing = pl.lit([], pl.List(pl.String))
    return (
        per_hour.join(names, on="row", how="left")
        .with_columns(pl.col("new_resource_types", "new_to_organisation").fill_null(nothing))
        .collect()
    )
