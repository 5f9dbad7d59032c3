"""What would have been flagged in a stream of changes: nothing is pulled, sent or opened.

Two rules can be asked for: `calibrated`, which scores every active hour and keeps to a budget of tickets a day, and
`plain`, the ratio and the never-touched type. Both run the very functions that the hourly assets run.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from audit_assets.backtest_sources import BacktestError, Stream
from audit_assets.detection.baselines import baselines
from audit_assets.detection.budget import LEARNING_DAYS, MEMORY_DAYS
from audit_assets.detection.frames import ACTIVITY, LEARNING, MEMORY, ORGANISATION_HOURS, ORGANISATION_TYPES, SCORES
from audit_assets.detection.plain_rule import NEW_RESOURCE_TYPE, PlainRule, deviations
from audit_assets.detection.ranking import ranked
from audit_assets.detection.scores import score_activity

Rule = Literal["calibrated", "plain"]

BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Tickets a day that are shown beside the one that was asked for."""

BACKTESTED = pl.Schema({**SCORES, "actor_key": pl.String, "budgets": pl.List(pl.Float64)})
"""SCORES with `actor` being the name, `actor_key` what it is known by, and `budgets` those (BUDGETS and the one asked
for) at which the hour would have opened a ticket; `flagged`, `reasons` and `severity` are at the one asked for."""


def rule_of(name: str) -> Rule:
    """The rule of that name. Raises `BacktestError` if there is none."""
    for rule in get_args(Rule):
        if rule == name:
            return rule
    raise BacktestError(f"--rule knows {' and '.join(get_args(Rule))}, not {name!r}.")


def budgets_of(tickets_per_day: float) -> list[float]:
    """The budgets that are shown: BUDGETS and the one asked for, smallest first."""
    return sorted({*BUDGETS, tickets_per_day})


def scores_of(stream: Stream, *, tickets_per_day: float, rule: Rule = "calibrated") -> pl.DataFrame:
    """BACKTESTED: a row per active actor and hour that is asked about, by hour and actor.

    With the rule `plain` there are no probabilities: they are null, and so is what only the calibrated rule knows.
    """
    if rule == "calibrated":
        scores = score_activity(stream.activity, budget=tickets_per_day)
        scores = _opened(scores, budgets_of(tickets_per_day), tickets_per_day)
    else:
        scores = _plain(stream.activity, stream.since)
    return (
        scores.filter(pl.col("hour") >= stream.since)
        .rename({"actor": "actor_key"})
        .join(stream.names, on="actor_key", how="left", maintain_order="left")
        .with_columns(actor=pl.coalesce("name", "actor_key"))
        .select(BACKTESTED.names())
        .cast(BACKTESTED)
    )


def write_scores(scores: pl.DataFrame, path: Path) -> None:
    """Write BACKTESTED to a Parquet file. Raises `BacktestError` if it can't be written."""
    try:
        scores.write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be written: {str(error).splitlines()[0]}.") from None


def _opened(scores: pl.DataFrame, budgets: Sequence[float], asked: float) -> pl.DataFrame:
    """SCORES with the budgets at which each hour would have opened a ticket."""
    flagged = [
        (scores if budget == asked else ranked(scores, budget=budget))["flagged"].alias(f"{budget}")
        for budget in budgets
    ]  # `ranked` keeps the order, by hour and actor
    opening = pl.concat_list(
        pl.when(series).then(pl.lit(budget)) for series, budget in zip(flagged, budgets, strict=True)
    )
    return scores.with_columns(budgets=opening.list.drop_nulls())


def _plain(activity: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """The hourly rule over the hours from `since` on, a month of them at a time with the history that they may see."""
    keyed = activity.rename({"actor": "actor_key"}).select(ACTIVITY.names()).cast(ACTIVITY)
    asked = activity.filter(pl.col("hour") >= since)
    months = asked["hour"].dt.truncate("1mo").unique().sort()
    judged = pl.concat([_plain_month(keyed, month, since) for month in months])
    hours = asked.group_by("hour", "actor").agg(pl.col("actor_type").first(), pl.col("changes").sum())
    rows = (
        hours.join(judged, on=["hour", "actor"], how="left")
        .with_columns(
            ratio=pl.col("changes") / pl.col("usual"),
            flagged=pl.col("severity").is_not_null(),
            new_resource_types=pl.col("new_resource_types").fill_null([]),
            budgets=pl.lit([], pl.List(pl.Float64)),
        )
        .sort("hour", "actor")
    )
    return pl.concat([pl.DataFrame(schema=SCORES), rows], how="diagonal_relaxed")


def _plain_month(activity: pl.DataFrame, month: datetime, since: datetime) -> pl.DataFrame:
    """Per judged hour and actor: usual, active_hours, and severity and new_resource_types if it is flagged."""
    of_month = pl.col("hour").dt.truncate("1mo") == month
    seen = activity.filter(pl.col("hour") >= month - MEMORY, pl.col("hour").dt.truncate("1mo") <= month)
    by_hour = seen.group_by("hour").agg(active_actors=pl.col("actor_key").n_unique(), changes=pl.col("changes").sum())
    by_type = seen.group_by("hour", "resource_type").agg(pl.col("changes").sum())
    judged = seen.filter(of_month, pl.col("hour") >= since)
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


def summary_of(scores: pl.DataFrame, stream: Stream, *, tickets_per_day: float, rule: Rule) -> dict[str, Any]:
    """What `audit-assets backtest --json` prints: the span, the tickets a day asked for and realised, the tickets.

    Tickets a day are counted once the threshold is learned (60 days into the known history: `counted_from`). With the
    calibrated rule `budgets` says what each budget would have realised, `trade_off` also how many tickets that is in
    the whole span, and `tickets_at_other_budgets` lists those that the budget asked for leaves out. `learning`: so
    many active hours were judged by which default (LEARNING).
    """
    first, last = scores.select(pl.col("hour").min(), pl.col("hour").max().alias("last")).row(0)
    known_since = stream.activity["hour"].min()
    counted_from = _counted_from(stream, known_since if isinstance(known_since, datetime) else first)
    days = max((stream.until - counted_from) / timedelta(days=1), 1.0)

    def row(asked: float, opened: pl.Expr) -> dict[str, float]:
        tickets = scores.filter(opened)
        counted = tickets.filter(pl.col("hour") >= counted_from).height
        return {"asked": asked, "realised": round(counted / days, 3), "tickets": tickets.height}

    budgets = budgets_of(tickets_per_day) if rule == "calibrated" else []
    trade_off = [row(budget, pl.col("budgets").list.contains(budget)) for budget in budgets]
    learning = {name: scores["learning"].list.contains(name).sum() for name in LEARNING}
    return {
        "rule": rule,
        "from": stream.since.isoformat(),
        "to": stream.until.isoformat(),
        "first_hour": first.isoformat(),
        "last_hour": last.isoformat(),
        "counted_from": counted_from.isoformat(),
        "actors": scores["actor_key"].n_unique(),
        "active_hours": scores.height,
        "learning": {name: hours for name, hours in learning.items() if hours},
        "tickets_per_day": {"asked": tickets_per_day, "realised": row(tickets_per_day, pl.col("flagged"))["realised"]},
        "budgets": {f"{each['asked']:g}": each["realised"] for each in trade_off},
        "trade_off": trade_off,
        "tickets": _tickets(scores.filter("flagged")),
        "tickets_at_other_budgets": _tickets(scores.filter(pl.col("budgets").list.len() > 0, ~pl.col("flagged"))),
    }


def _counted_from(stream: Stream, known_since: datetime) -> datetime:
    learned = known_since + timedelta(days=MEMORY_DAYS)
    if learned <= stream.since or learned + timedelta(days=LEARNING_DAYS) > stream.until:
        return stream.since
    return learned


def _tickets(opened: pl.DataFrame) -> list[dict[str, Any]]:
    columns = [*("hour", "actor", "actor_key", "severity", "changes", "usual", "ratio", "new_resource_types")]
    span = [*("horizon", "horizon_changes", "horizon_usual", "reasons")]
    chances = [*("p_volume", "p_novelty", "p_many_new", "tickets_a_day", "budgets")]
    in_text = pl.col("hour").dt.to_string("iso:strict")
    return opened.select(*columns, *span, *chances).with_columns(in_text).to_dicts()
