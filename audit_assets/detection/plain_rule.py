"""The plain rule: far more changes than usual, or a resource type that was not touched in 30 days.

"Usual" is the mean *active* hour: with the empty hours in the mean, four of five active hours would be flagged
(docs/facts/detection.md, 2.2). An actor without history is compared with the organisation; an organisation without
history flags nobody. What people dismissed as usual for an actor does not deviate.
"""

import polars as pl

from audit_assets.config.policy_tables import PlainRule
from audit_assets.detection.schemas import (
    ACTIVITY,
    BASELINE,
    DEVIATION,
    HOUR_OF_ACTOR,
    MIN_BURST_RATIO,
    NEW_RESOURCE_TYPE,
    TOUCHED,
    VOLUME,
    WINDOW,
)


def find_plain_deviations(
    activity: pl.DataFrame, baselines: pl.DataFrame, touched: pl.DataFrame, rule: PlainRule
) -> pl.DataFrame:
    """The deviations of some hours, as a DEVIATION frame.

    `activity` (ACTIVITY) is that of the hours themselves, `baselines` (BASELINE) and `touched` (TOUCHED) are what was
    usual before them.
    """
    activity = activity.select(ACTIVITY.names())
    # Frames stored by versions that knew no verdicts lack the columns of what people dismissed
    baselines = pl.concat([BASELINE.to_frame(), baselines], how="diagonal")
    touched = pl.concat([TOUCHED.to_frame(), touched], how="diagonal")
    found = pl.concat(
        [_find_bursts(activity, baselines, rule), _find_new_types(activity, baselines, touched)], how="diagonal"
    )
    return found.with_columns(severity=_severity().over(HOUR_OF_ACTOR)).select(DEVIATION.names()).cast(DEVIATION)


def _severity() -> pl.Expr:
    """Both kinds together are urgent; either a burst or a type new to all actors is high; the rest is medium."""
    burst = (pl.col("kind") == VOLUME).any()
    new_type = (pl.col("kind") == NEW_RESOURCE_TYPE).any()
    new_to_organisation = pl.col("new_to_organisation").fill_null(value=False).any()
    return (
        pl.when(burst & new_type)
        .then(pl.lit("urgent"))
        .when(burst | new_to_organisation)
        .then(pl.lit("high"))
        .otherwise(pl.lit("medium"))
    )


def _find_bursts(activity: pl.DataFrame, baselines: pl.DataFrame, rule: PlainRule) -> pl.DataFrame:
    own_history = pl.col("active_hours") > 0
    return (
        activity.lazy()
        .group_by(HOUR_OF_ACTOR)
        .agg(pl.col("changes").sum())
        .join(_of_actors(baselines), on=HOUR_OF_ACTOR)
        .join(_of_organisation(baselines), on="hour")
        .with_columns(
            baseline_mean=pl.when(own_history).then("baseline_mean").otherwise("organisation_baseline_mean"),
            judged_against=pl.when(own_history).then(pl.lit("actor")).otherwise(pl.lit("organisation")),
            kind=pl.lit(VOLUME),
        )
        .with_columns(ratio=pl.col("changes") / pl.col("baseline_mean"))
        .filter(
            pl.col("changes") >= rule.minimum,
            pl.col("ratio") >= rule.ratio,
            pl.col("changes") > MIN_BURST_RATIO * pl.col("dismissed").fill_null(0),
        )
        .select(
            *HOUR_OF_ACTOR,
            "kind",
            "changes",
            "baseline_mean",
            "ratio",
            "baseline_max",
            "active_hours",
            "judged_against",
        )
        .collect()
    )


def _find_new_types(activity: pl.DataFrame, baselines: pl.DataFrame, touched: pl.DataFrame) -> pl.DataFrame:
    of_organisation = (
        touched.lazy()
        .filter(pl.col("actor_key").is_null(), _within_window())
        .select("hour", "resource_type", known_to_organisation=pl.lit(value=True))
    )
    own_history = pl.col("known_since").is_not_null()
    unknown_to_actor = pl.col("last_touched").is_null() | ~_within_window()
    return (
        activity.lazy()
        .group_by(*HOUR_OF_ACTOR, "resource_type")
        .agg(pl.col("changes").sum())
        .join(_of_actors(baselines), on=HOUR_OF_ACTOR)
        .join(_of_organisation(baselines), on="hour")
        .join(
            touched.lazy().drop_nulls("actor_key").rename({"dismissed": "dismissed_type"}),
            on=[*HOUR_OF_ACTOR, "resource_type"],
            how="left",
        )
        .join(of_organisation, on=["hour", "resource_type"], how="left")
        .with_columns(new_to_organisation=pl.col("known_to_organisation").is_null())
        .filter(
            pl.col("organisation_baseline_mean").is_not_null(),
            pl.when(own_history).then(unknown_to_actor).otherwise("new_to_organisation"),
            ~pl.col("dismissed_type").fill_null(value=False),
        )
        .select(
            *HOUR_OF_ACTOR,
            "resource_type",
            "changes",
            "active_hours",
            "last_touched",
            "new_to_organisation",
            kind=pl.lit(NEW_RESOURCE_TYPE),
            judged_against=pl.when(own_history).then(pl.lit("actor")).otherwise(pl.lit("organisation")),
            first_ever=pl.col("last_touched").is_null(),
        )
        .collect()
    )


def _within_window() -> pl.Expr:
    return pl.col("last_touched") >= pl.col("hour") - WINDOW


def _of_actors(baselines: pl.DataFrame) -> pl.LazyFrame:
    return baselines.lazy().drop_nulls("actor_key")


def _of_organisation(baselines: pl.DataFrame) -> pl.LazyFrame:
    return (
        baselines.lazy()
        .filter(pl.col("actor_key").is_null())
        .select("hour", organisation_baseline_mean="baseline_mean")
    )
