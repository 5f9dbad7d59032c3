"""How unusual it is what an owner's credentials did together, compared with what they did together before.

Somebody who spreads a burst over five tokens makes five small bursts. All credentials of an owner, its own actions
too, are summed up: the changes of an hour, those of a day, and how surprising the day was.
"""

import numpy as np
import polars as pl
from scipy.special import stdtr

from audit_assets.detection.activity_arrays import Floats
from audit_assets.detection.schemas import OWNER

PAST = "90d"
"""An owner's hours are compared with those of so long before."""

HOURS_BEFORE_TRUST = 10.0
"""They are drawn to the hours of all owners as by so many hours."""

MIN_VARIANCE = 0.25
"""The least variance of a measure, all of which are logarithms: as of newcomers."""

LEAST_RATIO = 3.0
"""Fewer times the usual changes are nothing unusual: what is summed up differs more than what one actor does."""

BEFORE_ANY = (2.0, 1.0)
"""Mean and variance before any hour is known."""

MEASURES = {"changes": 1, "changes_of_day": 24, "surprise_of_day": 24}
"""And of how many hours each is."""


def unlikelihood_of_owners(hours: pl.DataFrame) -> pl.DataFrame:
    """Per owner and hour at the end of a day in which at least two credentials acted: hour, owner, and -ln p of the
    most unlikely of MEASURES (`value`), with the hours that it is of (`hours`).

    `hours` (in order of time) need actor, hour, owner, changes, surprise and flagged. What alerts by itself has its own
    ticket: it is part of what is usual later, and adds nothing now.
    """
    counted = pl.when(~pl.col("flagged")).then(pl.col("changes", "surprise")).otherwise(0)
    summed = (
        hours.lazy()
        .group_by("hour", OWNER)
        .agg(pl.col("changes", "surprise").sum(), counted.sum().name.prefix("now_"))
        .sort("hour", OWNER)
        .with_columns(
            _in_a_day(name).alias(f"{name}_of_day") for name in ("changes", "surprise", "now_changes", "now_surprise")
        )
        .collect()
    )
    unlikelihoods = np.array([_unlikelihood(summed, name) for name in MEASURES])
    hours_of_measure = np.array([*MEASURES.values()])[unlikelihoods.argmax(axis=0)]
    active = hours.filter(~pl.col("flagged")).rolling("hour", period="24h", group_by=OWNER)
    several = active.agg(pl.col("actor").n_unique()).filter(pl.col("actor") > 1).unique(["hour", OWNER])
    values = summed.select("hour", OWNER, value=pl.Series(unlikelihoods.max(axis=0)), hours=pl.Series(hours_of_measure))
    return values.join(several, on=["hour", OWNER], how="semi", maintain_order="left")


def _in_a_day(name: str) -> pl.Expr:
    return pl.col(name).rolling_sum_by("hour", window_size="24h", closed="right").over(OWNER)


def _unlikelihood(summed: pl.DataFrame, name: str) -> Floats:
    """-ln P(at least this) of a Student-t about the owner's hours before."""
    usual, now = ((pl.col(column).cast(pl.Float64) + 2.5).log() for column in (name, f"now_{name}"))
    measured = summed.select("hour", OWNER, usual=usual, now=now, square=usual**2, one=1.0)
    own, of_all = (
        measured.select(
            pl.col(column).rolling_sum_by("hour", window_size=PAST, closed="left").over(whose).fill_null(0.0)
            for column in ("one", "usual", "square")
        ).to_numpy()
        for whose in (OWNER, pl.lit(1))
    )
    mean_of_all, variance_of_all = _moments(of_all, *BEFORE_ANY, trust=1.0)
    mean, variance = _moments(own, mean_of_all, variance_of_all, trust=HOURS_BEFORE_TRUST)
    x, hours = measured["now"].to_numpy(), own[:, 0] + HOURS_BEFORE_TRUST
    p = stdtr(hours, -(x - mean) / np.sqrt(variance * (1 + 1 / hours)))
    is_large = np.exp(x) - 2.5 >= LEAST_RATIO * (np.exp(mean) - 2.5) if name != "surprise_of_day" else x > 0
    return np.where(is_large, -np.log(np.maximum(p, 1e-300)), 0.0)


def _moments(
    sums: Floats, mean_before: Floats | float, variance_before: Floats | float, *, trust: float
) -> tuple[Floats, Floats]:
    """Mean and variance of hours of which the number, sum and sum of squares are known, drawn to others."""
    number, total, squares = sums.T
    hours = number + trust
    mean = (total + trust * mean_before) / hours
    square = (squares + trust * (variance_before + np.square(mean_before))) / hours
    return mean, np.maximum(square - np.square(mean), MIN_VARIANCE)
