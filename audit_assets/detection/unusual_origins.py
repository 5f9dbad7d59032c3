"""How usual it is that an actor acts from elsewhere than before: an intruder often does (docs/facts/threats.md, 3).

People travel, providers renumber and browsers are changed, so that a new origin alone is no deviation: how often this
actor's hours bring one, and how often one that nobody had, makes other deviations weigh more.
"""

from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.origin_columns import ORIGIN_COLUMNS
from audit_assets.detection.origin_uses import CUT, NETWORK
from audit_assets.detection.schemas import HOUR

REMEMBERED = timedelta(days=60)
"""So long an actor is known to use a part of an origin; with the 30 days that are counted, ORIGIN_HISTORY."""

COUNTED = timedelta(days=30)
NEWCOMER_TIME = timedelta(days=7)
"""Everything is new to a newcomer."""

LEARNING_TIME = "14d"
"""After the oldest use that is known: before it too much looks new."""

PRIOR_HOURS = 12.0
"""Hours with the organisation's share of new origins that are added to the actor's own."""

USUAL_P, LEAST_P = 0.6, 0.02
"""From a p of .6 on a new origin is usual, and below .02 none gets more unusual. 1 in place of .6 finds .01 to .02 more
from new networks, and loses .017 in place of .007 of an intruder on the victim's own machine at 1 ticket a day, where
.01 is acceptable (simulated origins of the development set)."""

UNUSUAL_ORIGINS = pl.Schema({"actor": pl.String, "hour": HOUR, "origin_factor": pl.Float64, **ORIGIN_COLUMNS})
"""Per active hour that brings something new, by how much its p get smaller: `origin_factor`."""


def find_unusual_origins(uses: pl.DataFrame, confirmed: pl.DataFrame, *, since: datetime | None = None) -> pl.DataFrame:
    """UNUSUAL_ORIGINS of the hours from `since` on, all if it is None, in which actors with a past did something new.

    `uses`: ORIGIN_USES of everybody, ORIGIN_HISTORY before `since` too. `confirmed` has the actor and hour of confirmed
    incidents: nothing is learned from them. An actor of whom more was used than is listed has none.
    """
    of_changes = uses.lazy().filter(pl.col("changed"), pl.col("part") != CUT).drop("changed")
    incidents = confirmed.lazy().select("actor", "hour", confirmed=pl.lit(value=True)).unique()
    known = of_changes.join(incidents, on=["actor", "hour"], how="left").with_columns(
        pl.col("confirmed").fill_null(False)
    )
    hours = _count_past(_new_hours(known)).collect()
    if hours.is_empty():
        return UNUSUAL_ORIGINS.to_frame()
    learnt = hours["hour"].dt.offset_by(LEARNING_TIME).min()
    cut = uses.filter(pl.col("part") == CUT).select("actor").unique()
    shares = _shares_of_days(hours)
    own = (pl.col("new_hours") + PRIOR_HOURS * pl.col("new_share")) / (pl.col("hours") + PRIOR_HOURS)
    p = own * pl.when("new_network_here").then("unheard_share").otherwise(1.0)
    return (
        hours.filter(pl.col("is_new"), "has_past", pl.col("hour") >= learnt)
        .filter(pl.lit(value=True) if since is None else pl.col("hour") >= since)
        .join(cut, on="actor", how="anti")
        .with_columns(day=pl.col("hour").dt.truncate("1d"))
        .join(shares, on="day", how="left")
        .with_columns(p_origin=p)
        .with_columns(origin_factor=(pl.col("p_origin") / USUAL_P).clip(LEAST_P, 1.0).sqrt())
        .select(UNUSUAL_ORIGINS.names())
        .cast(UNUSUAL_ORIGINS)
        .sort("hour", "actor")
    )


def _new_hours(known: pl.LazyFrame) -> pl.LazyFrame:
    """Per actor and hour what was new in it, to the actor and, of networks, to everybody."""
    networks = known.filter(pl.col("part") == NETWORK).group_by("value", "hour").agg(pl.col("confirmed").all())
    unheard = networks.sort("hour").select("value", "hour", part=pl.lit(NETWORK), unheard=_is_new("value"))
    is_new = pl.col("new")
    return (
        known.sort("hour")
        .with_columns(new=_is_new("actor", "part", "value"))
        .join(unheard, on=["part", "value", "hour"], how="left")
        .group_by("actor", "hour")
        .agg(
            pl.col("confirmed").any(),
            is_new=is_new.any(),
            new_origins=pl.col("part").filter(is_new).unique().sort(),
            new_network_here=(is_new & pl.col("unheard").fill_null(value=False)).any(),
        )
    )


def _is_new(*group: str) -> pl.Expr:
    """Whether what the group names was not used in REMEMBERED before, confirmed incidents aside; in order of time."""
    before = pl.when(~pl.col("confirmed")).then("hour").shift(1).forward_fill().over(group)
    return (pl.col("hour") - before > REMEMBERED).fill_null(value=True)


def _count_past(hours: pl.LazyFrame) -> pl.LazyFrame:
    """With the actor's `hours` of 30 days before, and `new_hours` of these; whether it `has_past`."""
    counts = (~pl.col("confirmed")).cast(pl.Int64)

    def within(time: timedelta, what: pl.Expr = counts) -> pl.Expr:
        return what.rolling_sum_by("hour", window_size=time, closed="left").over("actor").fill_null(0)

    return hours.sort("hour", "actor").with_columns(
        hours=within(COUNTED),
        new_hours=within(COUNTED, counts * pl.col("is_new")),
        has_past=within(REMEMBERED) > within(NEWCOMER_TIME),
    )


def _shares_of_days(hours: pl.DataFrame) -> pl.DataFrame:
    """By UTC day, of the hours of everybody with a past in the 30 days before: the share with something new, and of
    these the share with a network that nobody had."""
    day = pl.col("hour").dt.truncate("1d")
    known = (
        hours.filter("has_past", ~pl.col("confirmed"))
        .group_by(day=day)
        .agg(
            hours=pl.len().cast(pl.Int64),
            new=pl.col("is_new").sum().cast(pl.Int64),
            unheard=pl.col("new_network_here").sum().cast(pl.Int64),
        )
    )
    days = hours.select(pl.datetime_range(day.min(), day.max(), "1d").alias("day"))
    counts = pl.col("hours", "new", "unheard").fill_null(0)
    before = (
        days.join(known, on="day", how="left")
        .sort("day")
        .with_columns(counts.rolling_sum_by("day", window_size=COUNTED, closed="left").fill_null(0))
    )
    return before.select(
        "day",
        new_share=(pl.col("new") + 1) / (pl.col("hours") + 2),
        unheard_share=(pl.col("unheard") + 1) / (pl.col("new") + 2),
    )
