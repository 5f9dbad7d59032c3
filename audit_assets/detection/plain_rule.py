"""The plain rule: far more changes than usual, or a resource type that was not touched in 30 days.

"Usual" is the mean *active* hour: with the empty hours in the mean, four of five active hours would be flagged
(docs/facts/detection.md, 2.2). An actor without history is judged against the organisation; an organisation without
history judges nobody. What people called usual for an actor does not deviate.
"""

from dataclasses import dataclass

import polars as pl

from audit_assets.detection.schemas import ACTIVITY, BASELINE, DEVIATION, NOTICEABLE, TOUCHED, WINDOW

VOLUME = "volume"
NEW_RESOURCE_TYPE = "new_resource_type"


@dataclass(frozen=True)
class PlainRule:
    """An hour deviates in volume from `ratio` times the usual changes on, if there are at least `minimum`."""

    ratio: float = 10.0
    minimum: float = 10.0


def deviations(
    activity: pl.DataFrame, baselines: pl.DataFrame, touched: pl.DataFrame, rule: PlainRule | None = None
) -> pl.DataFrame:
    """The deviations of some hours.

    `activity` (ACTIVITY) holds the judged hours themselves, `baselines` (BASELINE) and `touched` (TOUCHED) what was
    usual before them. Returns a DEVIATION frame, most severe first.
    """
    activity = activity.select(ACTIVITY.names())
    # Frames that lie in a store from before people's verdicts counted lack what they dismissed
    baselines = pl.concat([BASELINE.to_frame(), baselines], how="diagonal")
    touched = pl.concat([TOUCHED.to_frame(), touched], how="diagonal")
    found = pl.concat(
        [_in_volume(activity, baselines, rule or PlainRule()), _in_resource_type(activity, baselines, touched)],
        how="diagonal",
    )
    return (
        found.lazy()
        .with_columns(severity=_severity().over("hour", "actor_key"))
        .sort(
            pl.col("severity").replace_strict({"urgent": 0, "high": 1, "medium": 2}, return_dtype=pl.Int8),
            pl.col("hour"),
            pl.col("actor_key"),
            pl.col("kind") == NEW_RESOURCE_TYPE,
            pl.col("changes") * -1,
            pl.col("resource_type"),
        )
        .select(DEVIATION.names())
        .collect()
        .cast(DEVIATION)
    )


def _severity() -> pl.Expr:
    """Both kinds together are urgent; either a burst or a type new to everybody is high; the rest is medium."""
    burst = (pl.col("kind") == VOLUME).any()
    new_type = (pl.col("kind") == NEW_RESOURCE_TYPE).any()
    unheard_of = pl.col("new_to_organisation").fill_null(value=False).any()
    return (
        pl.when(burst & new_type)
        .then(pl.lit("urgent"))
        .when(burst | unheard_of)
        .then(pl.lit("high"))
        .otherwise(pl.lit("medium"))
    )


def _in_volume(activity: pl.DataFrame, baselines: pl.DataFrame, rule: PlainRule) -> pl.DataFrame:
    own_history = pl.col("active_hours") > 0
    return (
        activity.lazy()
        .group_by("hour", "actor_key")
        .agg(pl.col("changes").sum())
        .join(_of_actors(baselines), on=["hour", "actor_key"])
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
            pl.col("changes") >= NOTICEABLE * pl.col("dismissed").fill_null(0),
        )
        .select(
            "hour",
            "actor_key",
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


def _in_resource_type(activity: pl.DataFrame, baselines: pl.DataFrame, touched: pl.DataFrame) -> pl.DataFrame:
    of_organisation = (
        touched.lazy()
        .filter(pl.col("actor_key").is_null(), _within_window())
        .select("hour", "resource_type", known_to_organisation=pl.lit(value=True))
    )
    own_history = pl.col("known_since").is_not_null()
    unknown_to_actor = pl.col("last_touched").is_null() | ~_within_window()
    return (
        activity.lazy()
        .group_by("hour", "actor_key", "resource_type")
        .agg(pl.col("changes").sum())
        .join(_of_actors(baselines), on=["hour", "actor_key"])
        .join(_of_organisation(baselines), on="hour")
        .join(
            touched.lazy().drop_nulls("actor_key").rename({"dismissed": "dismissed_type"}),
            on=["hour", "actor_key", "resource_type"],
            how="left",
        )
        .join(of_organisation, on=["hour", "resource_type"], how="left")
        .with_columns(new_to_organisation=pl.col("known_to_organisation").is_null())
        .filter(
            pl.col("organisation_baseline_mean").is_not_null(),
            pl.when(own_history).then(unknown_to_actor).otherwise("new_to_organisation"),
            ~pl.col("dismissed_type").fill_null(value=False),
        )
        .with_columns(
            kind=pl.lit(NEW_RESOURCE_TYPE),
            judged_against=pl.when(own_history).then(pl.lit("actor")).otherwise(pl.lit("organisation")),
            first_ever=pl.col("last_touched").is_null(),
        )
        .select(
            "hour",
            "actor_key",
            "kind",
            "resource_type",
            "changes",
            "active_hours",
            "judged_against",
            "first_ever",
            "last_touched",
            "new_to_organisation",
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
