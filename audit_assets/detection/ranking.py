"""Which scored hours alert at a budget of tickets a day.

Three streams share the budget: far more changes than usual, a surprising new resource type, and many new types at
once. Within a stream an hour that is no more extreme than an earlier one of the actor within a day belongs to the same
ticket and does not alert again (docs/facts/detection.md, 2.6).
"""

from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.alert_threshold import LEARNING_DAYS, OVERSHOOT, alert_thresholds, estimate_tickets_a_day
from audit_assets.detection.schemas import SCORES
from audit_assets.detection.severity import severity_by_rarity

REASONS = {"p_volume": "volume", "p_novelty": "new_resource_type", "p_many_new": "many_new_resource_types"}
"""The streams by their names for people."""

EXPONENTS = {"p_volume": 0.6, "p_novelty": 1.0, "p_many_new": 0.6}
"""p^0.6 is how often natural hours really have so small a p: on the variants of the development set -ln p of all below
.1 exceeds -ln .1 by 1.4 to 2.2 (volume, from four active hours on), 1.2 to 2 (many new types) and .7 to 1.1 (novelty),
where an exact p exceeds it by 1. Without it volume takes the whole of a small budget where there are many types."""

SHARES = {"p_volume": 0.5, "p_novelty": 0.2, "p_many_new": 0.3}
"""How the streams share the budget. On 14 variants of the development set (halves of the year and of the actors, finer
types, actors merged or split) with own injections, 4:2:2 to 6:2:3 have the same mean recall within error, .71 to .72 at
a quarter of a ticket a day and .94 at one; 5:2:3 finds takeovers without losing rare types."""

NO_CORRECTION = 1e-8
"""Below this p, 1 - (1 - p)^(1/share) is p/share to the last digit that a float holds of it."""

SAME_TICKET = timedelta(hours=24)
"""Instead of the 72 hours of 2.6: equal within error on the development set, and a shorter time hides less of what
follows a ticket."""


def rank_scores(scores: pl.DataFrame, *, budget: float, since: datetime | None = None) -> pl.DataFrame:
    """Fills RANKED_COLUMNS of the hours from `since` on: joins the streams, leaves repeats out and compares each hour
    with the threshold of a budget of tickets a day.

    Earlier hours are the organisation's history (SCORE_HISTORY suffices) and keep their values. Returns SCORES of the
    hours from `since` on: from the hours of one day and their history the same as from the whole stream.
    """
    judged = pl.lit(value=True) if since is None else pl.col("hour") >= since
    scores = scores.sort("hour", "actor").with_columns(_joined_p(column).alias(f"joined_{column}") for column in SHARES)
    smallest = pl.min_horizontal(f"joined_{column}" for column in SHARES)
    scores = scores.with_columns(p=pl.when(judged).then(smallest).otherwise("p"))
    hour = (scores["hour"].dt.epoch("s") // 3600).to_numpy()
    p, counts = scores["p"].to_numpy(), ~scores["confirmed"].to_numpy()
    first = 0 if since is None else int(since.timestamp()) // 3600
    rates = pl.Series(estimate_tickets_a_day(hour, p, counts, since=first))
    thresholds = pl.Series(alert_thresholds(hour, p, counts, budget / OVERSHOOT, since=first))
    alerts = pl.col("p") <= pl.col("p_threshold")
    known_days = (pl.col("hour") - pl.col("hour").min()).dt.total_days()
    return (
        scores.with_columns(
            tickets_a_day=pl.when(judged).then(rates).otherwise("tickets_a_day"), p_threshold=thresholds
        )
        .with_columns(
            flagged=alerts,
            reasons=pl.concat_list(
                pl.when(pl.col(f"joined_{column}") <= pl.col("p_threshold")).then(pl.lit(name))
                for column, name in REASONS.items()
            ).list.drop_nulls(),
            severity=pl.when(alerts).then(severity_by_rarity(pl.col("tickets_a_day"), budget / OVERSHOOT)),
            learning=pl.when(known_days < LEARNING_DAYS)
            .then(pl.concat_list("learning", pl.lit(["budget"])))
            .otherwise("learning"),
        )
        .filter(judged)
        .select(SCORES.names())
        .cast(SCORES)
    )


def _joined_p(column: str) -> pl.Expr:
    """The p of a stream for its share of the budget: P(one of 1/share such p is as small); 1 for a mere repeat."""
    share, p = SHARES[column], pl.col(column) ** EXPONENTS[column]
    return (
        pl.when(is_repeat(column))
        .then(1.0)
        .when(p < NO_CORRECTION)
        .then(p / share)
        .otherwise(1 - (1 - p) ** (1 / share))
    )


def is_repeat(column: str) -> pl.Expr:
    """Whether an earlier hour of the actor within SAME_TICKET, no confirmed one, was as extreme; the frame must be in
    order of time."""
    unconfirmed = pl.when("confirmed").then(float("inf")).otherwise(column)
    earlier = unconfirmed.rolling_min_by("hour", window_size=SAME_TICKET, closed="left").over("actor")
    return (earlier <= pl.col(column)).fill_null(value=False)
