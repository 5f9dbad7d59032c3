"""A fall of the alert threshold that is larger than natural history shows: the detector may be made less sensitive.

Unusual hours lower the threshold below which later ones alert (alert_threshold.py), and so do many more active actors,
who share one budget. What one day can do is bounded; weeks of it, each on a ticket that somebody closes, would go on
until the floor. So the fall itself is a finding. No budget limits it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import Floats
from audit_assets.detection.alert_threshold import SCORE_HISTORY, THRESHOLD_DAYS
from audit_assets.detection.schemas import (
    FLAG,
    HOUR,
    LITTLE_KNOWN,
    NAMES_OF_SEVERAL,
    ORGANISATION,
    THRESHOLD_FALL,
    WELL_KNOWN,
)

SPAN = timedelta(days=14)
"""The threshold is compared with that of so long before."""

LARGE_FALL = 2.0
"""A threshold that is divided by so much within SPAN is a finding. In the development set's natural year it is divided
by at most 1.48 (of the well-known) and 1.39 (of the little known), in parts of that set and in invented organisations
without attacks by at most 1.65 (docs/detection.md, 10)."""

SETTLED_DAYS = 45
"""Of the 180 days before either threshold, so many must have scores. A younger threshold still moves by itself: from 20
days on by up to 2.1 times, from 10 on by up to 25."""

WATCHED = (WELL_KNOWN, LITTLE_KNOWN)
"""Newcomers have a floor that is what their budget allows: their threshold hardly falls."""

SEVERITY = "high"
"""Nothing has happened yet beyond the tickets of the hours themselves, but what comes next may not be seen. A
judgement."""

THRESHOLD_FALLS = pl.Schema(
    {
        "hour": HOUR,
        "familiarity": pl.String,
        "threshold_before": pl.Float64,
        "threshold": pl.Float64,
        "members": pl.List(pl.String),
        "hours": pl.Int64,
        "hours_before": pl.Int64,
    }
)
"""A fall that is seen at the `hour` with which a UTC day begins: from which p to which the threshold fell of actors
who are as well known (`familiarity`). `hours`: so many of the 14 days before were at or below the older threshold,
those of `members` (keys), the most extreme first; `hours_before`: as many of the 14 days before these."""


def find_threshold_falls(scores: pl.DataFrame, hours: Iterable[datetime]) -> pl.DataFrame:
    """The falls that are seen at any of these hours, each once: THRESHOLD_FALLS.

    `scores`: SCORES, ranked at one budget, with SCORE_HISTORY before each hour. Only those of days before an hour
    count for it, and only hours with which a day begins have falls: whether anybody acts in them or not.
    """
    days = pl.Series(values=list(hours), dtype=HOUR).unique().sort()
    days = days.filter(days == days.dt.truncate("1d"))
    found = [_falls_of(scores.filter(pl.col("familiarity") == each), days) for each in WATCHED]
    return pl.concat(found).sort("hour", "familiarity")


def flag_threshold_falls(falls: pl.DataFrame) -> pl.DataFrame:
    """A FLAG row for each of THRESHOLD_FALLS: hours are in place of changes, those of the 14 days before in place of
    what is usual."""
    rows = falls.select(
        "hour",
        "threshold_before",
        "threshold",
        "members",
        actor_key=pl.lit(THRESHOLD_FALL),
        actor=pl.lit(NAMES_OF_SEVERAL[THRESHOLD_FALL]),
        actor_type=pl.lit(ORGANISATION),
        kind=pl.lit(THRESHOLD_FALL),
        severity=pl.lit(SEVERITY),
        disposition=pl.lit("ticket"),
        horizon_hours=pl.lit(SPAN // timedelta(hours=1), pl.Int64),
        changes="hours",
        baseline_mean=pl.col("hours_before").cast(pl.Float64),
        judged_against="familiarity",
    )
    return pl.concat([FLAG.to_frame(), rows], how="diagonal")


def compare_thresholds(scores: pl.DataFrame, midnights: pl.Series, *, days_back: int = 0) -> tuple[Floats, Floats]:
    """Per hour with which a day begins, from the days before it (less `days_back`): the threshold of SPAN before the
    newest, and the newest. NaN, which is no fall, where one of them follows from too few days.

    `scores`: SCORES of actors who are equally well known, ranked at one budget.
    """
    by_day = scores.group_by(day=_day(pl.col("hour"))).agg(pl.col("p_threshold").first()).sort("day")
    day, threshold = by_day["day"].to_numpy(), by_day["p_threshold"].to_numpy()
    today = midnights.to_frame("hour").select(_day(pl.col("hour"))).to_series().to_numpy()
    newest = np.searchsorted(day, today - days_back) - 1
    older = np.searchsorted(day, day[newest] - SPAN.days, side="right") - 1
    is_known = older >= 0
    for each in (newest, older):
        since = np.searchsorted(day, np.maximum(day[each] - THRESHOLD_DAYS, today - SCORE_HISTORY.days))
        is_known &= each - since >= SETTLED_DAYS
    return np.where(is_known, threshold[older], np.nan), np.where(is_known, threshold[newest], np.nan)


def _falls_of(scores: pl.DataFrame, midnights: pl.Series) -> pl.DataFrame:
    """The falls among actors who are equally well known. Of those that last several days the first is one."""
    if scores.is_empty() or midnights.is_empty():
        return THRESHOLD_FALLS.to_frame()
    before, now = compare_thresholds(scores, midnights)
    yesterday_before, yesterday = compare_thresholds(scores, midnights, days_back=1)
    falls = (before >= LARGE_FALL * now) & ~(yesterday_before >= LARGE_FALL * yesterday)
    rows = [
        {"hour": hour, "threshold_before": older, "threshold": newer, **_unusual_hours(scores, hour, older)}
        for hour, older, newer in zip(midnights.filter(falls), before[falls], now[falls], strict=True)
    ]
    return pl.DataFrame(rows, schema=THRESHOLD_FALLS).with_columns(familiarity=pl.lit(scores["familiarity"][0]))


def _unusual_hours(scores: pl.DataFrame, until: datetime, threshold: float) -> dict[str, object]:
    """Who had hours at or below a threshold in the 14 days up to a moment, how many, and how many in the 14 before."""
    unusual = scores.filter(~pl.col("confirmed"), pl.col("p_first") <= threshold, pl.col("hour") < until)
    recent = unusual.filter(pl.col("hour") >= until - SPAN)
    earlier = unusual.filter(pl.col("hour").is_between(until - 2 * SPAN, until - SPAN, closed="left"))
    by_actor = recent.group_by("actor").agg(pl.col("p_first").min()).sort("p_first", "actor")
    return {"members": by_actor["actor"].to_list(), "hours": recent.height, "hours_before": earlier.height}


def _day(hour: pl.Expr) -> pl.Expr:
    return hour.dt.epoch("d").cast(pl.Int64)
