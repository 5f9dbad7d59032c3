"""Which of an hour's flagged actors get a ticket of their own, when there are more of them than people can read."""

import polars as pl

from audit_assets.detection.severity import severity_rank

FOR_PRIVILEGED = 5
"""Of the places so many are kept for actors who touched what the policy calls sensitive: a flood of grave findings
must not drown them."""

PLACES = pl.Schema({"actor_key": pl.String, "single": pl.Boolean})
"""A row per flagged actor, the most severe first; `single`: it gets a ticket of its own."""


def places(flagged: pl.DataFrame, most: int) -> pl.DataFrame:
    """Who gets one of at most so many tickets: a PLACES frame.

    `flagged`: the deviations of one hour that ring, of which a privileged actor's have `severity_because`. The most severe
    first, then the rarest, the busiest, and by key: the same findings always have the same places.
    """
    privileged = pl.col("severity_because").list.len().fill_null(0) > 0
    kept = pl.col("privileged") & (pl.col("privileged").cum_sum() <= min(FOR_PRIVILEGED, most))
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
        .with_columns(others=(~pl.col("kept")).cum_sum(), left=most - pl.col("kept").sum())
        .select("actor_key", single=pl.col("kept") | (pl.col("others") <= pl.col("left").cast(pl.Int64)))
        .collect()
    )
