"""The volumes of all horizons as one: which is the most unusual and by how much, without what people dismissed."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import ActivityArrays, ActorWindows, Flags, Floats
from audit_assets.detection.schemas import MEMORY, MIN_BURST_RATIO, WELL_KNOWN_HOURS
from audit_assets.detection.volume import (
    ACTIVE_HOURS,
    DAY,
    DAY_AGAINST_LAST_MONTH,
    FORTNIGHT_AGAINST_LAST_MONTH,
    HORIZONS,
    HOUR_ALONE,
    SIX_HOURS,
    Horizon,
    VolumeScores,
    score_volume,
)

HORIZON_SHARES = {
    HOUR_ALONE: 1.0,
    SIX_HOURS: 0.1,
    DAY: 0.1,
    DAY_AGAINST_LAST_MONTH: 0.1,
    ACTIVE_HOURS: 0.1,
    FORTNIGHT_AGAINST_LAST_MONTH: 0.1,
}
"""How much a longer horizon counts within volume: so little that all three together take .02 of mean recall from single
hours at a quarter of a ticket a day, and .002 at one, on the variants of the development set."""

LAGGED = (DAY_AGAINST_LAST_MONTH, FORTNIGHT_AGAINST_LAST_MONTH)

A_MONTH = timedelta(days=30)
"""Against the month before the last only what is larger than every other of the last month counts: what has grown once
and stays, as weekly deployments do, alerts once. A fortnight needs a month before, since none of it is usual in advance
for an actor that has just begun."""


def volume_columns(activity: ActivityArrays, priors: pl.DataFrame) -> pl.DataFrame:
    """Per active hour, in the order of `activity`: the volume columns of SCORES, by_default (the prior was the
    documented one), the changes of the day up to it, and the most changes of an hour and of a day that people dismissed
    of the actor. `priors`: PRIORS."""
    scores = {
        horizon: _without_dismissed(activity, score_volume(activity, priors, horizon), horizon) for horizon in HORIZONS
    }
    alone = scores[HOUR_ALONE]
    for horizon in LAGGED:
        lagged = scores[horizon]
        is_highest = lagged.changes > _most_before(activity, lagged.changes, ~activity.confirmed, A_MONTH)
        is_known = lagged.active_hours >= (WELL_KNOWN_HOURS if horizon == FORTNIGHT_AGAINST_LAST_MONTH else 0)
        scores[horizon] = replace(lagged, p=np.where(is_highest & is_known, lagged.p, 1.0))
    # A horizon that is no burst must not hide another that is one, however rare it is
    bursts = {
        horizon: np.where(each.changes < MIN_BURST_RATIO * each.baseline_mean, 1.0, each.p)
        for horizon, each in scores.items()
    }
    shared_p = np.vstack([p / HORIZON_SHARES[horizon] for horizon, p in bursts.items()])
    best = shared_p.argmin(axis=0)
    rows = np.arange(len(best))
    changes = np.vstack([each.changes for each in scores.values()])[best, rows]
    usual = np.vstack([each.baseline_mean for each in scores.values()])[best, rows]
    names = pl.Series([horizon.name for horizon in scores], dtype=pl.String)
    return pl.DataFrame(
        {
            "actor": activity.actors.gather(activity.actor),
            "actor_type": activity.actor_types.gather(activity.actor_type),
            "hour_number": activity.hour,
            "confirmed": activity.confirmed,
            "changes": activity.changes,
            "baseline_mean": alone.baseline_mean,
            "ratio": activity.changes / alone.baseline_mean,
            "active_hours": alone.active_hours,
            "horizon": names.gather(best),
            "horizon_changes": np.rint(changes).astype(np.int64),
            "horizon_baseline_mean": usual,
            "p_volume": np.minimum(shared_p[best, rows], 1.0),
            "by_default": alone.by_default,
            "day_changes": np.rint(scores[DAY].changes).astype(np.int64),
            "dismissed_changes": _most_dismissed(activity, alone, HOUR_ALONE),
            "dismissed_day_changes": _most_dismissed(activity, scores[DAY], DAY),
        }
    )


def _without_dismissed(activity: ActivityArrays, scores: VolumeScores, horizon: Horizon) -> VolumeScores:
    """Up to MIN_BURST_RATIO times the changes that people dismissed for the actor are no burst, however rare."""
    if horizon.without_peaks or not activity.dismissed.any():
        return scores
    usual = _most_dismissed(activity, scores, horizon)
    return replace(scores, p=np.where(scores.changes <= MIN_BURST_RATIO * usual, 1.0, scores.p))


def _most_dismissed(activity: ActivityArrays, scores: VolumeScores, horizon: Horizon) -> Floats:
    """Per active hour the most changes of a horizon that people dismissed of the actor before: 0 where more of the
    horizon's changes than are usual go beyond that in their resource types, number or severity."""
    if not activity.dismissed.any():
        return np.zeros(len(activity.hour))
    windows, beyond = ActorWindows(activity), activity.beyond_dismissed
    of_earlier_hours = np.where(activity.dismissed | activity.elsewhere, 0, beyond).astype(float)
    earlier = windows.sums(of_earlier_hours, windows.bounds(horizon.hours - 1, 0))
    is_covered = earlier + beyond <= scores.baseline_mean
    return np.where(is_covered, _most_before(activity, scores.changes, activity.dismissed, MEMORY), 0.0)


def _most_before(activity: ActivityArrays, changes: Floats, which: Flags, within: timedelta) -> Floats:
    """Per active hour the most `changes` of the hours `which` that the actor had so long before, else 0."""
    hours = pl.DataFrame({"actor": activity.actor, "hour": activity.hour, "changes": changes, "which": which})
    before = (
        pl.when("which")
        .then("changes")
        .rolling_max_by(pl.from_epoch(pl.col("hour") * 3600, "s"), window_size=within, closed="left")
        .over("actor")
    )
    return hours.select(before.fill_null(0.0)).to_series().to_numpy()
