"""Whether an actor's new resource types of one and two weeks are too many, each of which surprised little by itself.

Over the active hours of a window, S is the sum of -ln p of those that brought new types. By chance an hour brings any
with the probability rho, and then has -ln p = -ln rho + an exponential; so P(S or more) is the sum over j of
Bin(j; n, rho) Q(j, S + j ln rho), Q being the upper incomplete gamma function (docs/facts/detection.md, 2.7).
"""

import numpy as np
import polars as pl
from scipy.special import gammaincc

from audit_assets.detection.activity_arrays import Flags, Floats
from audit_assets.detection.binomials import binomial_p
from audit_assets.detection.novelty import share_of_hours_with_new_types

WINDOWS = ("7d", "14d")

FEWEST_HOURS = 2
"""One hour with new types is judged by novelty.py."""

MOST_HOURS = 40
"""Hours with new types in a window; more are hardly ever there by chance, and add nothing that a float shows."""


def add_slow_types(scores: pl.DataFrame, judged: pl.Expr) -> pl.DataFrame:
    """SCORES, in order of time, with `p_slow` and `new_type_days` of the `judged` hours: P(so much novelty in a window
    up to the hour), 1 if the hour itself brings nothing new; and on how many days of the 14 it did. Other hours keep
    their values."""
    counted = ~pl.col("confirmed")
    brings = (pl.col("p_novelty") < 1) & counted
    hours = scores.select(
        "actor",
        "hour",
        here=pl.col("p_novelty") < 1,
        surprise=pl.when(brings).then(-pl.col("p_novelty").clip(1e-300).log()).otherwise(0.0),
        brings=brings.cast(pl.Float64),
        active=counted.cast(pl.Float64),
    )
    p = np.ones(len(scores))
    for window in WINDOWS:
        sums = hours.select(
            *(
                pl.col(name).rolling_sum_by("hour", window_size=window).over("actor")
                for name in ("surprise", "active", "brings")
            ),
            *(
                pl.col(name).rolling_sum_by("hour", window_size="30d").over("actor").alias(f"{name}_of_month")
                for name in ("active", "brings")
            ),
        )
        surprise, active, brought, of_month, brought_in_month = (column.to_numpy() for column in sums)
        rate = share_of_hours_with_new_types(of_month - active, brought_in_month - brought)
        is_such = hours["here"].to_numpy() & (brought >= FEWEST_HOURS)
        p[is_such] = np.minimum(
            p[is_such], len(WINDOWS) * _tail(surprise, np.maximum(np.rint(active), 1), rate, is_such)
        )
    day = pl.col("hour").dt.truncate("1d").alias("day")
    of_days = hours.filter("here").group_by("actor", day).agg(days=pl.lit(1, pl.Int64)).sort("day")
    of_days = of_days.with_columns(pl.col("days").rolling_sum_by("day", window_size="14d").over("actor"))
    return (
        scores.with_columns(day, now=pl.Series(p))
        .join(of_days, on=["actor", "day"], how="left", maintain_order="left")
        .with_columns(
            p_slow=pl.when(judged).then("now").otherwise("p_slow"),
            new_type_days=pl.when(judged).then(pl.when(pl.col("now") < 1).then("days")).otherwise("new_type_days"),
        )
        .drop("day", "now", "days")
    )


def _tail(surprise: Floats, active: Floats, rate: Floats, which: Flags) -> Floats:
    """P(S or more) of `which` hours."""
    surprise, active, rate = surprise[which], active[which], rate[which]
    p = np.zeros(len(surprise))
    for hours in range(1, MOST_HOURS + 1):
        beyond = gammaincc(hours, np.maximum(surprise + hours * np.log(rate), 0))
        p += binomial_p(hours, active, rate) * beyond
    return np.minimum(p, 1.0)
