"""People's verdicts on tickets, marked on the activity that later hours are compared with.

A confirmed hour is no example of what is usual, exactly as an incident of the policy. A dismissed deviation is usual
from then on: the hour counts in full, less than twice as much is no burst for 90 days (hour_scores.py, plain_rule.py),
and a dismissed resource type is known to the actor for a year. A verdict affects neither its own hour nor earlier ones.
"""

from datetime import timedelta

import polars as pl

from audit_assets.detection.schemas import HOUR, MARKS, NEW_RESOURCE_TYPE, VOLUME

CONFIRMED, DISMISSED = "confirmed", "dismissed"

VERDICTS = pl.Schema(
    {
        "actor_key": pl.String,
        "hour": HOUR,
        "kind": pl.String,
        "resource_type": pl.String,
        "verdict": pl.String,
    }
)
"""A verdict on a deviation of an actor's hour: `confirmed` or `dismissed`; every other value is no verdict. `kind` and
`resource_type` are as in DEVIATION."""

DISMISSED_TYPE_KNOWN = timedelta(days=365)
"""A dismissed resource type stays known for so long, used or not: work that comes once a quarter would alert each time
after the 90 days of MEMORY, and one verdict should not hold for ever (judgement)."""

ACTIVE_HOUR = ("actor", "hour")

MARKED_HOURS = ("confirmed_hours", "dismissed_hours", "hours_of_dismissed_types")
"""How many active hours have each of MARKS, by names for people."""


def mark_verdicts(activity: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The activity (ACTOR_ACTIVITY with `confirmed`, `actor` being the key) with the verdicts (VERDICTS) on it.

    `confirmed` is also set for hours that people confirmed on a ticket. `dismissed`: they dismissed the volume of the
    hour; `type_dismissed`: they had dismissed, of an earlier hour of the actor, that it touches this resource type.
    A confirmed hour is never dismissed.
    """
    by_actor = verdicts.lazy().rename({"actor_key": "actor"})
    confirmed = by_actor.filter(pl.col("verdict") == CONFIRMED).select(*ACTIVE_HOUR, by_ticket=True).unique()
    marked = (
        activity.lazy()
        .join(confirmed, on=ACTIVE_HOUR, how="left", maintain_order="left")
        .with_columns(confirmed=pl.col("confirmed") | pl.col("by_ticket").fill_null(value=False))
        .drop("by_ticket")
        .collect()
    )
    attacks = pl.concat([marked.lazy().filter("confirmed").select(*ACTIVE_HOUR), confirmed.select(*ACTIVE_HOUR)])
    dismissed = by_actor.filter(pl.col("verdict") == DISMISSED).join(attacks, on=ACTIVE_HOUR, how="anti")
    volumes = dismissed.filter(pl.col("kind") == VOLUME).select(*ACTIVE_HOUR, dismissed=True).unique()
    types = dismissed.filter(pl.col("kind") == NEW_RESOURCE_TYPE).select(
        "actor", "resource_type", dismissed_hour="hour", type_dismissed=True
    )
    return (
        marked.lazy()
        .join(volumes, on=ACTIVE_HOUR, how="left", maintain_order="left")
        .join(
            _touches_of_dismissed(marked, types), on=[*ACTIVE_HOUR, "resource_type"], how="left", maintain_order="left"
        )
        .with_columns(pl.col("dismissed", "type_dismissed").fill_null(value=False))
        .collect()
    )


def _touches_of_dismissed(activity: pl.DataFrame, types: pl.LazyFrame) -> pl.LazyFrame:
    """The touches of a type that had been dismissed for the actor within a year."""
    touches = activity.lazy().select(*ACTIVE_HOUR, "resource_type").unique()
    since = pl.col("hour") - pl.col("dismissed_hour")
    return (
        touches.join(types, on=["actor", "resource_type"])
        .filter(since > timedelta(0), since <= DISMISSED_TYPE_KNOWN)
        .select(*ACTIVE_HOUR, "resource_type", "type_dismissed")
        .unique()
    )


def count_marked_hours(marked: pl.DataFrame) -> dict[str, int]:
    """MARKED_HOURS of the marked activity: how many active hours count for nothing, of how many the volume was
    dismissed, and in how many a dismissed resource type was touched again."""
    hours = marked.lazy().group_by(ACTIVE_HOUR).agg(pl.col(MARKS).any())
    return dict(zip(MARKED_HOURS, hours.select(pl.col(MARKS).sum()).collect().row(0), strict=True))
