"""People's verdicts on tickets, marked on the activity that later hours are compared with.

A confirmed hour is no example of what is usual, exactly as an incident of the policy. A dismissed deviation is usual
from then on, for this actor and these resource types, up to twice as many changes, and as long as nothing more severe
is touched: a burst for 90 days (hour_scores.py, plain_rule.py), a resource type for a year. A verdict affects neither
its own hour nor earlier ones.
"""

from datetime import timedelta

import polars as pl

from audit_assets.detection.schemas import (
    BEYOND_DISMISSED,
    CHANGES_BY_TYPE,
    HOUR,
    MARKS,
    MEMORY,
    MIN_BURST_RATIO,
    NEW_RESOURCE_TYPE,
    VOLUME,
)

CONFIRMED, DISMISSED = "confirmed", "dismissed"

VERDICTS = pl.Schema(
    {
        "actor_key": pl.String,
        "hour": HOUR,
        "kind": pl.String,
        "resource_type": pl.String,
        "verdict": pl.String,
        "changes": pl.Int64,
        "changes_by_type": CHANGES_BY_TYPE,
        "severity_because": pl.List(pl.String),
    }
)
"""A verdict on a deviation of an actor's hour: `confirmed` or `dismissed`; every other value is no verdict. `kind`,
`resource_type`, `changes` and `changes_by_type` are as in FLAG, as they were when the deviation was first found on its
ticket; `severity_because`: what raised the severity of the hour. Tables of earlier versions lack the last three. What
is null: the changes are taken from the activity, and nothing had raised the severity."""

DISMISSED_TYPE_KNOWN = timedelta(days=365)
"""A dismissed resource type stays known for so long, used or not: work that comes once a quarter would alert each time
after the 90 days of MEMORY, and one verdict should not hold for ever (judgement)."""

ACTIVE_HOUR = ("actor", "hour")

TOUCH = (*ACTIVE_HOUR, "resource_type")

MARKED_HOURS = ("confirmed_hours", "dismissed_hours", "hours_of_dismissed_types")
"""How many active hours have each of MARKS, by names for people."""


def mark_verdicts(activity: pl.DataFrame, verdicts: pl.DataFrame, raises: pl.DataFrame | None = None) -> pl.DataFrame:
    """The activity (ACTOR_ACTIVITY with `confirmed`, `actor` being the key) with the verdicts (VERDICTS) on it.

    `confirmed` is also set for hours that people confirmed on a ticket. `dismissed`: they dismissed the volume of the
    hour; `type_dismissed`: they had dismissed, of an earlier hour of the actor, that it touches this resource type.
    BEYOND_DISMISSED: how many changes are beyond what they had dismissed. A confirmed hour is never dismissed.
    `raises` (SEVERITY_RAISES): what raises the severity of some hours; of others nothing is known, nor assumed.
    """
    known = pl.concat([VERDICTS.to_frame(), verdicts], how="diagonal")
    by_actor = known.lazy().rename({"actor_key": "actor"})
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
    volumes = dismissed.filter(pl.col("kind") == VOLUME)
    touches = _touches(marked, dismissed, raises)
    of_volumes = _covered(touches, _changes_of_volumes(marked, volumes), MEMORY)
    of_types = _covered(touches, _changes_of_types(marked, dismissed), DISMISSED_TYPE_KNOWN)
    return (
        marked.lazy()
        .join(volumes.select(*ACTIVE_HOUR, dismissed=True).unique(), on=ACTIVE_HOUR, how="left", maintain_order="left")
        .join(of_volumes, on=TOUCH, how="left", maintain_order="left")
        .join(of_types, on=TOUCH, how="left", maintain_order="left", suffix="_of_type")
        .with_columns(
            pl.col("dismissed").fill_null(value=False),
            type_dismissed=(pl.col("changes") <= MIN_BURST_RATIO * pl.col("covered_of_type")).fill_null(value=False),
        )
        .with_columns(_beyond(pl.col("changes"), pl.col("covered")).alias(BEYOND_DISMISSED))
        .drop("covered", "covered_of_type")
        .collect()
    )


def _beyond(changes: pl.Expr, dismissed: pl.Expr) -> pl.Expr:
    """How many changes are beyond twice those that were dismissed."""
    return (changes - MIN_BURST_RATIO * dismissed.fill_null(0)).clip(lower_bound=0).cast(pl.Int64)


def _touches(marked: pl.DataFrame, dismissed: pl.LazyFrame, raises: pl.DataFrame | None) -> pl.LazyFrame:
    """Which resource types the actors touched of whom anything was dismissed, and what raises the hour's severity."""
    theirs = marked.lazy().select(TOUCH).unique().join(dismissed.select("actor").unique(), on="actor", how="semi")
    if raises is None:
        return theirs.with_columns(raised_by=pl.lit([], pl.List(pl.String)))
    known = raises.lazy().select("hour", actor="actor_key", raised_by="severity_because")
    return theirs.join(known, on=ACTIVE_HOUR, how="left").with_columns(pl.col("raised_by").fill_null([]))


def _changes_of_volumes(marked: pl.DataFrame, volumes: pl.LazyFrame) -> pl.LazyFrame:
    """Of each dismissed burst how many changes went to which type."""
    is_known = pl.col("changes_by_type").is_not_null()
    stored = volumes.filter(is_known).select(*ACTIVE_HOUR, "changes_by_type", "severity_because")
    stored = stored.explode("changes_by_type").unnest("changes_by_type")
    of_activity = marked.lazy().select(*TOUCH, "changes")
    unknown = volumes.filter(~is_known).select(*ACTIVE_HOUR, "severity_because")
    columns = (*TOUCH, "changes", "severity_because")
    return pl.concat([stored.select(columns), unknown.join(of_activity, on=ACTIVE_HOUR).select(columns)])


def _changes_of_types(marked: pl.DataFrame, dismissed: pl.LazyFrame) -> pl.LazyFrame:
    """Of each dismissed new type how many changes went to it."""
    of_activity = marked.lazy().select(*TOUCH, counted="changes")
    return (
        dismissed.filter(pl.col("kind") == NEW_RESOURCE_TYPE)
        .join(of_activity, on=TOUCH, how="left")
        .select(*TOUCH, pl.coalesce("changes", "counted"), "severity_because")
    )


def _covered(touches: pl.LazyFrame, dismissed: pl.LazyFrame, within: timedelta) -> pl.LazyFrame:
    """Per touch the most changes (`covered`) to its type that had been dismissed of the actor so long before, in an
    hour whose severity was raised by all that raises the severity of this one."""
    since = pl.col("hour") - pl.col("dismissed_hour")
    more_severe = pl.col("raised_by").list.set_difference(pl.col("severity_because").fill_null([])).list.len() > 0
    return (
        touches.join(dismissed.rename({"hour": "dismissed_hour"}), on=["actor", "resource_type"])
        .filter(since > timedelta(0), since <= within, ~more_severe)
        .group_by(TOUCH)
        .agg(covered=pl.col("changes").max())
    )


def count_marked_hours(marked: pl.DataFrame) -> dict[str, int]:
    """MARKED_HOURS of the marked activity: how many active hours count for nothing, of how many the volume was
    dismissed, and in how many a dismissed resource type was touched again."""
    hours = marked.lazy().group_by(ACTIVE_HOUR).agg(pl.col(MARKS).any())
    return dict(zip(MARKED_HOURS, hours.select(pl.col(MARKS).sum()).collect().row(0), strict=True))
