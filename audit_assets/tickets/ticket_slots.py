"""Which of an hour's flagged actors get a ticket of their own, when there are more of them than people can read."""

import polars as pl

from audit_assets.detection.schemas import THRESHOLD_FALL
from audit_assets.detection.severity import severity_rank
from audit_assets.detection.watch_columns import WATCH_RULE

SLOTS_FOR_PRIVILEGED = 5
"""So many tickets are kept for actors who touched what the policy calls sensitive, or matched a watch rule: many severe
findings at once must not hide them."""

TICKET_SLOTS = pl.Schema({"actor_key": pl.String, "single": pl.Boolean})
"""A row per flagged actor, the most severe first; `single`: it gets a ticket of its own."""


def assign_slots(flagged: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Who gets one of at most so many tickets: a TICKET_SLOTS frame.

    `flagged`: the deviations of one hour that alert, of which a privileged actor's have `severity_because`. The most
    severe first, then the rarest, the busiest, and by key: the same findings always have the same slots. A fall of the
    alert threshold has a ticket besides: those who lower it must not push it out.
    """
    besides = pl.col("actor_key") == THRESHOLD_FALL
    privileged = (pl.col("severity_because").list.len().fill_null(0) > 0) | (pl.col("kind") == WATCH_RULE)
    kept = pl.col("privileged") & (pl.col("privileged").cum_sum() <= min(SLOTS_FOR_PRIVILEGED, limit))
    return (
        flagged.lazy()
        .group_by("actor_key")
        .agg(
            severity_rank(pl.col("severity")).max().alias("rank"),
            pl.col("tickets_a_day").min(),
            pl.col("changes").max(),
            privileged.any().alias("privileged"),
        )
        .sort(-pl.col("rank"), "tickets_a_day", -pl.col("changes"), "actor_key", nulls_last=True)
        .with_columns(kept=kept)
        .with_columns(others=(~pl.col("kept") & ~besides).cum_sum(), left=limit - pl.col("kept").sum())
        .select("actor_key", single=pl.col("kept") | besides | (pl.col("others") <= pl.col("left").cast(pl.Int64)))
        .collect()
    )
