"""What people said of deviations on their tickets, marked on the activity that later hours are judged against.

A confirmed hour is no example of what is usual, exactly as an incident of the policy. A dismissed deviation is usual
from then on: the hour counts in full, what is not even twice as much is no burst for 90 days (assessment.py and
plain_rule.py), and a dismissed resource type is known to the actor for a year. No hour sees a verdict on itself or on a
later one.
"""

from datetime import timedelta

import polars as pl

from audit_assets.detection.plain_rule import NEW_RESOURCE_TYPE, VOLUME
from audit_assets.detection.schemas import HOUR

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
"""A verdict on a deviation of an actor's hour: `confirmed` or `dismissed`; whatever else it says is none. `kind` and
`resource_type` as in DEVIATION."""

TYPES_KNOWN = timedelta(days=365)
"""A dismissed resource type stays known for so long, used or not: what comes once a quarter would ring each time after
the 90 days of MEMORY, and what a person said once should not hold for ever (judgement)."""

HOUR_OF_ACTOR = ["actor", "hour"]

APPLIED = ("confirmed_hours", "dismissed_hours", "hours_of_dismissed_types")


def with_verdicts(activity: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The activity (ACTOR_ACTIVITY with `confirmed`, `actor` being the key) with the verdicts (VERDICTS) on it.

    `confirmed` also means what people confirmed on a ticket. `dismissed`: they dismissed the volume of the hour;
    `type_dismissed`: they had dismissed, of an earlier hour of the actor, that it touches this resource type. What is
    confirmed is never dismissed.
    """
    said = verdicts.lazy().rename({"actor_key": "actor"})
    confirmed = said.filter(pl.col("verdict") == CONFIRMED).select(*HOUR_OF_ACTOR, by_ticket=True).unique()
    marked = (
        activity.lazy()
        .join(confirmed, on=HOUR_OF_ACTOR, how="left", maintain_order="left")
        .with_columns(confirmed=pl.col("confirmed") | pl.col("by_ticket").fill_null(value=False))
        .drop("by_ticket")
        .collect()
    )
    attacks = pl.concat([marked.lazy().filter("confirmed").select(HOUR_OF_ACTOR), confirmed.select(HOUR_OF_ACTOR)])
    dismissed = said.filter(pl.col("verdict") == DISMISSED).join(attacks, on=HOUR_OF_ACTOR, how="anti")
    volumes = dismissed.filter(pl.col("kind") == VOLUME).select(*HOUR_OF_ACTOR, dismissed=True).unique()
    types = dismissed.filter(pl.col("kind") == NEW_RESOURCE_TYPE).select(
        "actor", "resource_type", said_of="hour", type_dismissed=True
    )
    return (
        marked.lazy()
        .join(volumes, on=HOUR_OF_ACTOR, how="left", maintain_order="left")
        .join(_known(marked, types), on=[*HOUR_OF_ACTOR, "resource_type"], how="left", maintain_order="left")
        .with_columns(pl.col("dismissed", "type_dismissed").fill_null(value=False))
        .collect()
    )


def _known(activity: pl.DataFrame, types: pl.LazyFrame) -> pl.LazyFrame:
    """The touches of a type that had been dismissed for the actor within a year."""
    touches = activity.lazy().select(*HOUR_OF_ACTOR, "resource_type").unique()
    since = pl.col("hour") - pl.col("said_of")
    return (
        touches.join(types, on=["actor", "resource_type"])
        .filter(since > timedelta(0), since <= TYPES_KNOWN)
        .select(*HOUR_OF_ACTOR, "resource_type", "type_dismissed")
        .unique()
    )


def applied(marked: pl.DataFrame) -> dict[str, int]:
    """How many active hours of the marked activity count for nothing, of how many the volume was dismissed, and in how
    many a dismissed resource type was touched again: the names are those of APPLIED."""
    marks = ("confirmed", "dismissed", "type_dismissed")
    hours = marked.lazy().group_by(HOUR_OF_ACTOR).agg(pl.col(marks).any())
    return dict(zip(APPLIED, hours.select(pl.col(marks).sum()).collect().row(0), strict=True))


def without_verdicts() -> pl.DataFrame:
    """No verdicts."""
    return pl.DataFrame(schema=VERDICTS)
