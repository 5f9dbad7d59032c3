"""What would have been flagged, over a file of events: nothing is pulled, sent or opened.

Two rules can be asked for: `calibrated`, which scores every active hour and keeps to a budget of tickets a day, and
`plain`, the very functions that the hourly assets flag with.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from audit_assets.detection.baselines import baselines
from audit_assets.detection.budget import LEARNING_DAYS, MEMORY_DAYS
from audit_assets.detection.coding import activity_of
from audit_assets.detection.frames import ACTIVITY, MEMORY, ORGANISATION_HOURS, ORGANISATION_TYPES
from audit_assets.detection.plain_rule import NEW_RESOURCE_TYPE, PlainRule, deviations
from audit_assets.detection.scores import SCORES, ranked, score_activity
from audit_assets.errors import AuditAssetsError

Rule = Literal["calibrated", "plain"]

EVENT_COLUMNS = ("time", "actor", "actor_type", "resource_type")

BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Tickets a day that are shown beside the one that was asked for."""


class BacktestError(AuditAssetsError):
    """The events could not be scored."""


READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, infer_schema_length=None),
    ".ndjson": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
}


def read_events(path: Path) -> pl.DataFrame:
    """Events with the columns time (UTC), actor, actor_type and resource_type; others are left out.

    Reads Parquet, NDJSON and CSV, by the file's ending; a time is a timestamp or text in ISO 8601, without a zone
    taken for UTC. Raises `BacktestError` with one sentence for anything else.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BacktestError(
            f"{path}: events are read from {', '.join(READERS)} files, not from {path.suffix or 'this'}."
        )
    try:
        events = reader(path)
    except FileNotFoundError:
        raise BacktestError(f"{path} does not exist.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be read as {path.suffix[1:]}: {str(error).splitlines()[0]}.") from None
    if missing := [name for name in EVENT_COLUMNS if name not in events.columns]:
        raise BacktestError(f"{path} lacks the columns {', '.join(missing)}: events have {', '.join(EVENT_COLUMNS)}.")
    events = events.select(EVENT_COLUMNS).with_columns(
        _utc(events["time"]), pl.col("actor", "actor_type", "resource_type").cast(pl.String).fill_null("unknown")
    )
    if untimed := events["time"].null_count():
        raise BacktestError(f"{path}: {untimed:,} events have no time that can be read: give it in ISO 8601.")
    if events.is_empty():
        raise BacktestError(f"{path} holds no event.")
    return events


def _utc(time: pl.Series) -> pl.Series:
    """The times in UTC; null where a text is none."""
    if time.dtype == pl.String:
        iso = time.str.replace(" ", "T", literal=True)
        zoned = iso.str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
        bare = (iso + "Z").str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
        return zoned.zip_with(zoned.is_not_null(), bare).alias("time")
    if not isinstance(time.dtype, pl.Datetime):
        return pl.Series("time", [None] * len(time), pl.Datetime("us", "UTC"))
    in_utc = time.dt.replace_time_zone("UTC") if time.dtype.time_zone is None else time.dt.convert_time_zone("UTC")
    return in_utc.dt.cast_time_unit("us").alias("time")


def rule_of(name: str) -> Rule:
    """The rule of that name. Raises `BacktestError` if there is none."""
    for rule in get_args(Rule):
        if rule == name:
            return rule
    raise BacktestError(f"--rule knows {' and '.join(get_args(Rule))}, not {name!r}.")


def write_scores(scores: pl.DataFrame, path: Path) -> None:
    """Write SCORES to a Parquet file. Raises `BacktestError` if it can't be written."""
    try:
        scores.write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be written: {str(error).splitlines()[0]}.") from None


def scores_of(events: pl.DataFrame, *, tickets_per_day: float, rule: Rule = "calibrated") -> pl.DataFrame:
    """A row per active actor and hour, in SCORES, by hour and actor.

    With the rule `plain` there are no probabilities: they are null, and so is what only the calibrated rule knows.
    """
    activity = activity_of(events)
    return score_activity(activity, budget=tickets_per_day) if rule == "calibrated" else _plain(activity)


def _plain(activity: pl.DataFrame) -> pl.DataFrame:
    """The hourly rule over all hours, a month of them at a time with the history that they may see."""
    keyed = activity.rename({"actor": "actor_key"}).select(ACTIVITY.names()).cast(ACTIVITY)
    months = keyed["hour"].dt.truncate("1mo").unique().sort()
    judged = pl.concat([_plain_month(keyed, month) for month in months])
    hours = activity.group_by("hour", "actor").agg(pl.col("actor_type").first(), pl.col("changes").sum())
    rows = (
        hours.join(judged, on=["hour", "actor"], how="left")
        .with_columns(
            ratio=pl.col("changes") / pl.col("usual"),
            flagged=pl.col("severity").is_not_null(),
            new_resource_types=pl.col("new_resource_types").fill_null([]),
        )
        .sort("hour", "actor")
    )
    return pl.concat([pl.DataFrame(schema=SCORES), rows], how="diagonal_relaxed")


def _plain_month(activity: pl.DataFrame, month: datetime) -> pl.DataFrame:
    """Per judged hour and actor: usual, active_hours, and severity and new_resource_types if it is flagged."""
    of_month = pl.col("hour").dt.truncate("1mo") == month
    seen = activity.filter(pl.col("hour") >= month - MEMORY, pl.col("hour").dt.truncate("1mo") <= month)
    by_hour = seen.group_by("hour").agg(active_actors=pl.col("actor_key").n_unique(), changes=pl.col("changes").sum())
    by_type = seen.group_by("hour", "resource_type").agg(pl.col("changes").sum())
    judged = seen.filter(of_month)
    usual, touched = baselines(
        seen,
        by_hour.select(ORGANISATION_HOURS.names()).cast(ORGANISATION_HOURS),
        by_type.cast(ORGANISATION_TYPES),
        judged=judged.select("hour", "actor_key").unique(),
        hours=judged["hour"].unique().sort().to_list(),
    )
    reasons = deviations(judged, usual, touched, PlainRule())
    by_actor = reasons.group_by("hour", "actor_key").agg(
        pl.col("severity").first(),
        new_resource_types=pl.col("resource_type").filter(pl.col("kind") == NEW_RESOURCE_TYPE).sort(),
    )
    known = usual.drop_nulls("actor_key").select("hour", "actor_key", "usual", "active_hours")
    return known.join(by_actor, on=["hour", "actor_key"], how="left").rename({"actor_key": "actor"})


def summary_of(scores: pl.DataFrame, *, tickets_per_day: float, rule: Rule) -> dict[str, Any]:
    """What `audit-assets backtest --json` prints: the span, the tickets a day asked for and realised, the tickets.

    Tickets a day are counted once the threshold is learned (60 days into a longer stream: `counted_from`). With the
    calibrated rule `budgets` says what other budgets would have realised.
    """
    first, last = scores.select(pl.col("hour").min(), pl.col("hour").max().alias("last")).row(0)
    learned = first + timedelta(days=MEMORY_DAYS)
    counted_from = learned if learned + timedelta(days=LEARNING_DAYS) <= last else first
    days = max((last - counted_from) / timedelta(days=1), 1.0)

    def realised(judged: pl.DataFrame) -> float:
        return round(judged.filter("flagged", pl.col("hour") >= counted_from).height / days, 3)

    budgets = BUDGETS if rule == "calibrated" else ()
    return {
        "rule": rule,
        "first_hour": first.isoformat(),
        "last_hour": last.isoformat(),
        "counted_from": counted_from.isoformat(),
        "actors": scores["actor"].n_unique(),
        "active_hours": scores.height,
        "tickets_per_day": {"asked": tickets_per_day, "realised": realised(scores)},
        "budgets": {f"{budget:g}": realised(ranked(scores, budget=budget)) for budget in budgets},
        "tickets": _tickets(scores.filter("flagged")),
    }


def _tickets(flagged: pl.DataFrame) -> list[dict[str, Any]]:
    columns = [*("hour", "actor", "severity", "changes", "usual", "ratio", "new_resource_types")]
    chances = [*("p_volume", "p_novelty", "p_many_new", "tickets_a_day")]
    in_text = pl.col("hour").dt.to_string("iso:strict")
    return flagged.select(*columns, *chances).with_columns(in_text).to_dicts()
