"""How new an actor is, and how large its hour is among all hours of the organisation: numbers that a person can verify.

They decide nothing; they are for the text of tickets.
"""

from datetime import datetime

import polars as pl

from audit_assets.detection.schemas import HOUR, MEMORY, NEWCOMER

FIRST_HOURS = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "hours_since_first": pl.Int64,
        "smaller_hours": pl.Int64,
        "known_hours": pl.Int64,
    }
)
"""A newcomer's hour: how many hours before it the actor was first seen (0: in it), and how many of the `known_hours`,
the active hours of all actors in the 90 days before, had fewer changes."""


def describe_first_hours(scores: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """FIRST_HOURS of the newcomers of an hour, from the organisation's scores (SCORES) up to it."""
    first = scores.lazy().group_by("actor").agg(first_hour=pl.col("hour").min())
    newcomers = (
        scores.lazy()
        .filter(pl.col("hour") == hour, pl.col("familiarity") == NEWCOMER)
        .join(first, on="actor")
        .sort("actor")
        .collect()
    )
    before = scores.filter(pl.col("hour").is_between(hour - MEMORY, hour, closed="left"))["changes"].sort()
    return newcomers.select(
        "hour",
        actor_key="actor",
        hours_since_first=(pl.col("hour") - pl.col("first_hour")).dt.total_hours(),
        smaller_hours=before.search_sorted(newcomers["changes"], side="left"),
        known_hours=pl.lit(before.len()),
    ).cast(FIRST_HOURS)
