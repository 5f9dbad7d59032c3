"""The baselines: what is usual before an hour, for each actor that is active in it and for the organisation.

Whatever history is passed in, an hour sees only earlier hours, so that one query of Axiom serves all hours of a run.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.schemas import (
    BASELINE,
    BEYOND_DISMISSED,
    ELSEWHERE,
    HOUR,
    HOUR_OF_ACTOR,
    MEMORY,
    TOUCHED,
    WINDOW,
)

LEARNING = timedelta(days=7)
"""With less history than this nearly everything is new: chosen as the shortest span that has every weekday."""

AN_HOUR_BEFORE = pl.col("past") < pl.col("hour")
WITHIN_WINDOW = pl.col("past") >= pl.col("hour") - WINDOW
WITHIN_MEMORY = pl.col("past") >= pl.col("hour") - MEMORY


def build_baselines(
    activity: pl.DataFrame,
    organisation_hours: pl.DataFrame,
    organisation_types: pl.DataFrame,
    *,
    judged: pl.DataFrame,
    hours: Sequence[datetime],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is usual before each of some hours.

    `activity` (ACTIVITY, with or without MARKS, ELSEWHERE and BEYOND_DISMISSED), `organisation_hours` and
    `organisation_types` are the history; `judged` has a row (hour, actor_key) for each actor that is active in one of
    the `hours`. Returns a BASELINE frame with a row for each of these and one for the organisation per hour, and a
    TOUCHED frame.
    """
    each_hour = pl.DataFrame({"hour": hours}, schema={"hour": HOUR})
    activity = _with_marks(activity)
    return (
        pl.concat(
            [_baselines_of_actors(activity, judged), _baseline_of_organisation(organisation_hours, each_hour)]
        ).sort("hour", "actor_key", nulls_last=True),
        pl.concat([_touched_by_actors(activity, judged), _touched(organisation_types, each_hour)]).sort(
            "hour", "actor_key", "resource_type", nulls_last=True
        ),
    )


def history_since(baselines: pl.DataFrame) -> datetime | None:
    """The oldest active hour that the organisation's baseline covers, from the BASELINE frame of one hour."""
    since = baselines.filter(pl.col("actor_key").is_null())["known_since"].min()
    return since if isinstance(since, datetime) else None


def is_learning(baselines: pl.DataFrame, hour: datetime) -> bool:
    """Whether too little history is known before the hour to open tickets without being asked."""
    since = history_since(baselines)
    return since is None or hour - since < LEARNING


def _baselines_of_actors(activity: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """What people dismissed counts for an hour that hardly goes beyond it in its types and severity: by no more than an
    active hour has."""
    by_hour = activity.lazy().group_by("actor_key", past=pl.col("hour"))
    beyond = activity.lazy().group_by(HOUR_OF_ACTOR).agg(beyond=pl.col(BEYOND_DISMISSED).sum())
    is_covered = pl.col("beyond") <= pl.col("baseline_mean").fill_null(0)
    active_hours = by_hour.agg(pl.col("changes").sum(), pl.col("dismissed").any(), pl.col(ELSEWHERE).drop_nulls())
    remembered = judged.lazy().join(active_hours, on="actor_key").filter(AN_HOUR_BEFORE, WITHIN_MEMORY)
    in_window = pl.col("changes").filter(WITHIN_WINDOW)
    usual = remembered.group_by(HOUR_OF_ACTOR).agg(
        active_hours=in_window.len().cast(pl.Int64),
        baseline_mean=in_window.mean(),
        baseline_max=in_window.max(),
        known_since=pl.col("past").min(),
        dismissed=pl.col("changes").filter("dismissed").max(),
        hours_elsewhere=(pl.col(ELSEWHERE).list.len() > 0).filter(WITHIN_WINDOW).sum(),
        other_accounts=pl.col(ELSEWHERE).explode().drop_nulls().unique().sort(),
    )
    accounts = pl.col("other_accounts")
    return (
        judged.lazy()
        .join(usual, on=HOUR_OF_ACTOR, how="left")
        .join(beyond, on=HOUR_OF_ACTOR, how="left")
        .with_columns(
            pl.col("active_hours", "hours_elsewhere").fill_null(0),
            dismissed=pl.when(is_covered).then("dismissed"),
            other_accounts=pl.when(accounts.list.len() > 0).then(accounts),
        )
        .select(BASELINE.names())
        .collect()
        .cast(BASELINE)
    )


def _baseline_of_organisation(organisation_hours: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    remembered = (
        hours.lazy()
        .join(organisation_hours.lazy().rename({"hour": "past"}), how="cross")
        .filter(AN_HOUR_BEFORE, WITHIN_MEMORY)
    )
    actor_hours = pl.col("active_actors").filter(WITHIN_WINDOW).sum()
    changes = pl.col("changes").filter(WITHIN_WINDOW).sum()
    usual = remembered.group_by("hour").agg(
        active_hours=actor_hours,
        baseline_mean=pl.when(actor_hours > 0).then(changes / actor_hours),
        known_since=pl.col("past").min(),
    )
    return (
        hours.lazy()
        .join(usual, on="hour", how="left")
        .with_columns(
            pl.col("active_hours").fill_null(0),
            actor_key=pl.lit(None, pl.String),
            baseline_max=pl.lit(None, pl.Int64),
            dismissed=pl.lit(None, pl.Int64),
            hours_elsewhere=pl.lit(None, pl.Int64),
            other_accounts=pl.lit(None, pl.List(pl.String)),
        )
        .select(BASELINE.names())
        .collect()
        .cast(BASELINE)
    )


def _with_marks(activity: pl.DataFrame) -> pl.DataFrame:
    """ACTIVITY with its marks; without any, people have dismissed nothing, and all of it was here."""
    nothing = {
        ELSEWHERE: pl.lit(None, pl.String),
        "dismissed": pl.lit(value=False),
        "type_dismissed": pl.lit(value=False),
        BEYOND_DISMISSED: pl.col("changes"),
    }
    return activity.with_columns(**{name: value for name, value in nothing.items() if name not in activity.columns})


def _touched_by_actors(activity: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """TOUCHED of the judged actors, with the types of their hours that people had dismissed before."""
    key = [*HOUR_OF_ACTOR, "resource_type"]
    of_judged = activity.filter("type_dismissed").join(judged, on=HOUR_OF_ACTOR, how="semi")
    dismissed = of_judged.select(*key, dismissed=True).unique()
    touched = (
        _touched(activity, judged, "actor_key").drop("dismissed").join(dismissed, on=key, how="full", coalesce=True)
    )
    return touched.with_columns(pl.col("dismissed").fill_null(value=False)).select(TOUCHED.names())


def _touched(history: pl.DataFrame, judged: pl.DataFrame, *by: str) -> pl.DataFrame:
    past = history.lazy().select(*by, "resource_type", past=pl.col("hour").cast(HOUR)).unique().sort("past")
    known = past.select(*by, "resource_type").unique()
    pairs = judged.lazy().join(known, on=list(by)) if by else judged.lazy().join(known, how="cross")
    touched = (
        pairs.sort("hour")
        .join_asof(
            past,
            left_on="hour",
            right_on="past",
            by=[*by, "resource_type"],
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(WITHIN_MEMORY)
        .rename({"past": "last_touched"})
    )
    if not by:
        touched = touched.with_columns(actor_key=pl.lit(None, pl.String))
    return touched.with_columns(dismissed=pl.lit(value=False)).select(TOUCHED.names()).collect().cast(TOUCHED)
