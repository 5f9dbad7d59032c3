"""What becomes of assessed hours at a budget of tickets a day: streams joined, repeats left out, and who rings.

Three streams share the budget: far more changes than usual, a surprising new resource type, and many new types at
once. Within a stream, what is no more extreme than an earlier hour of the actor within a day is the same ticket
(docs/facts/detection.md, 2.6).
"""

from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.alert_threshold import CLUSTERS, LEARNING_DAYS, limits, severity, tickets_a_day
from audit_assets.detection.schemas import SCORES

REASONS = {"p_volume": "volume", "p_novelty": "new_resource_type", "p_many_new": "many_new_resource_types"}
"""The streams by their names for people."""

HEAVIER = {"p_volume": 0.6, "p_novelty": 1.0, "p_many_new": 0.6}
"""p^0.6 is how often natural hours really have so small a p: on the variants of the development set -ln p of all below
.1 exceeds -ln .1 by 1.4 to 2.2 (volume, from four active hours on), 1.2 to 2 (many new types) and .7 to 1.1 (novelty),
where a true p exceeds it by 1. Without it volume takes the whole of a small budget where there are many types."""

SHARES = {"p_volume": 0.5, "p_novelty": 0.2, "p_many_new": 0.3}
"""How the streams share the budget. On 14 variants of the development set (halves of the year and of the actors, finer
types, actors merged or split) with own injections, 4:2:2 to 6:2:3 have the same mean recall within error, .71 to .72 at
a quarter of a ticket a day and .94 at one; 5:2:3 finds takeovers without losing rare types."""

NO_CORRECTION = 1e-8
"""Below this p, 1 - (1 - p)^(1/share) is p/share to the last digit that a float holds of it."""

SAME_TICKET = timedelta(hours=24)
"""Instead of the 72 hours of 2.6: equal within error on the development set, and a shorter shadow hides less of what
follows a ticket."""


def ranked(scores: pl.DataFrame, *, budget: float, since: datetime | None = None) -> pl.DataFrame:
    """Joins the streams, leaves repeats out and says what rings at a budget, for the hours from `since` on.

    What lies before is the organisation's history (`budget.HISTORY` suffices) and stands. Returns SCORES of the judged
    hours: from the hours of one day and their history the same as from the whole stream.
    """
    judged = pl.lit(value=True) if since is None else pl.col("hour") >= since
    scores = scores.sort("hour", "actor").with_columns(_joined(column).alias(f"joined_{column}") for column in SHARES)
    least = pl.min_horizontal(f"joined_{column}" for column in SHARES)
    scores = scores.with_columns(p=pl.when(judged).then(least).otherwise("p"))
    hour = (scores["hour"].dt.epoch("s") // 3600).to_numpy()
    p, counts = scores["p"].to_numpy(), ~scores["confirmed"].to_numpy()
    first = 0 if since is None else int(since.timestamp()) // 3600
    fresh = pl.Series(tickets_a_day(hour, p, counts, since=first))
    scores = scores.with_columns(tickets_a_day=pl.when(judged).then(fresh).otherwise("tickets_a_day"))
    rings = pl.col("p_limit") >= pl.col("p")
    known_days = (pl.col("hour") - pl.col("hour").min()).dt.total_days()
    return (
        scores.with_columns(p_limit=pl.Series(limits(hour, p, counts, budget / CLUSTERS, since=first)))
        .with_columns(
            flagged=rings,
            reasons=pl.concat_list(
                pl.when(pl.col(f"joined_{column}") <= pl.col("p_limit")).then(pl.lit(name))
                for column, name in REASONS.items()
            ).list.drop_nulls(),
            severity=pl.when(rings).then(severity(pl.col("tickets_a_day"), budget / CLUSTERS)),
            learning=pl.when(known_days < LEARNING_DAYS)
            .then(pl.concat_list("learning", pl.lit(["budget"])))
            .otherwise("learning"),
        )
        .filter(judged)
        .select(SCORES.names())
        .cast(SCORES)
    )


def _joined(column: str) -> pl.Expr:
    """The p of a stream for its share of the budget: P(one of 1/share such p is as small); 1 for a mere repeat."""
    share, p = SHARES[column], pl.col(column) ** HEAVIER[column]
    return (
        pl.when(repeats(column)).then(1.0).when(p < NO_CORRECTION).then(p / share).otherwise(1 - (1 - p) ** (1 / share))
    )


def repeats(column: str) -> pl.Expr:
    """Whether an earlier hour of the actor within a day, no confirmed one, was as extreme; the frame must be in order
    of time."""
    usual = pl.when("confirmed").then(float("inf")).otherwise(column)
    earlier = usual.rolling_min_by("hour", window_size=SAME_TICKET, closed="left").over("actor")
    return (earlier <= pl.col(column)).fill_null(value=False)
