"""What would have been flagged among many hours of changes under a team's policy: nothing is pulled, sent or opened.

The hours go through the functions that the hourly assets run, many hours at a time: scored, ranked at a budget, and
flagged under the policy with its incidents, allowances and severities, and under people's verdicts on tickets. The
input names the resource types that were touched but not the actions: rows of the policy about actions, or about deletes
alone, raise no severity here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from audit_assets.config import policy
from audit_assets.config.policy_tables import Policy
from audit_assets.detection.baselines import build_baselines
from audit_assets.detection.confirmed_incidents import mark_incidents
from audit_assets.detection.flagging import flag_deviations
from audit_assets.detection.groups import find_group_alerts
from audit_assets.detection.hour_scores import score_stream
from audit_assets.detection.judged_hours import COLLEAGUES, JudgedHours
from audit_assets.detection.ranking import BUDGET_OF_HISTORY, rank_scores
from audit_assets.detection.schemas import (
    ACTIVITY,
    BEYOND_DISMISSED,
    GROUP_ALERTS,
    HOUR_OF_ACTOR,
    MARKS,
    MEMORY,
    NEW_RESOURCE_TYPE,
    ORGANISATION,
    ORGANISATION_HOURS,
    ORGANISATION_TYPES,
    SCORES,
)
from audit_assets.detection.severity import TOUCHES, severity_of_rank, severity_rank
from audit_assets.detection.threshold_falls import find_threshold_falls
from audit_assets.detection.verdict_marks import mark_verdicts
from audit_assets.reports.backtest_input import BacktestError, BacktestInput
from audit_assets.reports.backtest_tickets import OF_SEVERAL, list_tickets, tickets_of_hours, tickets_of_members
from audit_assets.storage.hours import day_of

Rule = Literal["calibrated", "plain"]

BUDGETS = (0.25, 0.5, BUDGET_OF_HISTORY, 2.0)
"""Tickets a day that are shown beside the requested budget. A fall of the threshold is found as the hourly assets find
it, at one of them."""

BACKTEST_SCORES = pl.Schema(
    {
        **SCORES,
        "actor_key": pl.String,
        "budgets": pl.List(pl.Float64),
        "disposition": pl.Enum(["ticket", "organisation", "allowed", "below_threshold"]),
        "ticket": pl.String,
        "allowed_because": pl.String,
        "shared_types": pl.List(pl.String),
    }
)
"""SCORES with the name as `actor`, and with what becomes of the hour at the requested budget. `disposition` is the most
important of its deviations' (FLAG; null without any), `allowed_because` the reason if one is allowed. An hour is
`flagged` if it is on a `ticket`: its own (a new credential's is its owner's), one that was opened within SAME_TICKET of
it, or (`disposition` is `organisation`) the organisation's, about each of the `shared_types`, or that of a group which
it is a member of; `severity` is that ticket's. Hours on one ticket have the same `ticket`; it is null for an hour that
is on none. `budgets`: those of BUDGETS and the requested one at which it would be flagged."""

KEYED_SCORES = pl.Schema({"actor_key" if name == "actor" else name: kind for name, kind in SCORES.items()})


@dataclass(frozen=True)
class Backtest:
    """`scores` (BACKTEST_SCORES), a row per active actor and judged hour, by hour and actor, and `tickets`
    (BACKTEST_TICKETS). With the plain rule all columns that only the calibrated rule fills, such as the probabilities,
    are null."""

    scores: pl.DataFrame
    tickets: pl.DataFrame


def backtest_policy(rule: str | None, tickets_per_day: float | None) -> Policy:
    """The policy in force, with the requested rule and budget instead of its own.

    A budget without a rule selects the calibrated rule, as the plain one has no budget. Raises `BacktestError` for an
    unknown rule, and `SettingError`.
    """
    if rule is not None and rule not in get_args(Rule):
        raise BacktestError(f"--rule is {' or '.join(get_args(Rule))}, not {rule!r}.")
    in_force = policy.policy("plain" if rule == "plain" else None, tickets_per_day)
    if in_force.preset == "plain" and (rule == "calibrated" or (rule is None and tickets_per_day is not None)):
        return policy.policy("balanced", tickets_per_day)
    return in_force


def rule_of(in_force: Policy) -> Rule:
    """Which rule a policy uses."""
    return "plain" if in_force.preset == "plain" else "calibrated"


def budgets_of(in_force: Policy) -> list[float]:
    """The budgets that are shown, smallest first: BUDGETS and the policy's own. The plain rule has none."""
    return [] if rule_of(in_force) == "plain" else sorted({*BUDGETS, in_force.tickets_a_day})


def run_backtest(data: BacktestInput, in_force: Policy) -> Backtest:
    """Judge every active hour of the span, at every budget that is shown."""
    activity = mark_verdicts(mark_incidents(data.activity, in_force.incidents, data.actors), data.verdicts)
    judged, requested = _judged(activity, data), in_force.tickets_a_day
    judged_at = _judged_at(activity, judged, data, in_force)
    scores_at = {budget: each.scores for budget, each in judged_at.items()}
    flags_at = {
        budget: flag_deviations(each, replace(in_force, tickets_a_day=budget)) for budget, each in judged_at.items()
    }
    dispositions_at = {budget: _with_dispositions(scores_at[budget], found) for budget, found in flags_at.items()}
    flagged_at = [
        scores.filter("flagged").select(*HOUR_OF_ACTOR, budget=pl.lit(budget))
        for budget, scores in dispositions_at.items()
    ]
    shown = pl.col("budget").filter(pl.col("budget").is_in(budgets_of(in_force))).unique().sort()
    scores = (
        dispositions_at[requested]
        .join(pl.concat(flagged_at).group_by(HOUR_OF_ACTOR).agg(budgets=shown), on=HOUR_OF_ACTOR, how="left")
        .with_columns(pl.col("budgets", "shared_types").fill_null([]))
        .join(data.actors.select("actor_key", actor="name"), on="actor_key", how="left")
        .with_columns(pl.coalesce("actor", "actor_key"))
        .select(BACKTEST_SCORES.names())
        .cast(BACKTEST_SCORES)
        .sort("hour", "actor_key")
    )
    return Backtest(scores, list_tickets(flags_at, requested, shown))


def write_scores(scores: pl.DataFrame, path: Path) -> None:
    """Write BACKTEST_SCORES to a Parquet file. Raises `BacktestError` if it can't be written."""
    try:
        scores.cast({"disposition": pl.String}).write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be written: {str(error).splitlines()[0]}.") from None


def _judged(activity: pl.DataFrame, data: BacktestInput) -> JudgedHours:
    """The hours of the span with their baselines, a month of them at a time; without scores."""
    in_span = _by_key(activity.filter(pl.col("hour") >= data.since)).select(ACTIVITY.names())
    months = in_span["hour"].dt.truncate("1mo").unique().sort()
    usual, touched = zip(*(_baselines(activity, month, data.since) for month in months), strict=True)
    return JudgedHours(
        activity=in_span,
        baselines=pl.concat(usual),
        touched=pl.concat(touched),
        scores=KEYED_SCORES.to_frame(),
        groups=GROUP_ALERTS.to_frame(),
        colleagues=COLLEAGUES.to_frame(),
        touches=pl.concat([TOUCHES.to_frame(), in_span.drop("changes")], how="diagonal"),
        names=data.actors.select("actor_key", "actor", "actor_type"),
    )


def _baselines(activity: pl.DataFrame, month: datetime, since: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """BASELINE and TOUCHED of the hours of a month from `since` on, from the history that counts for them."""
    in_month = pl.col("hour").dt.truncate("1mo")
    seen = activity.filter(pl.col("hour") >= month - MEMORY, in_month <= month)
    by_hour = seen.group_by("hour").agg(active_actors=pl.col("actor").n_unique(), changes=pl.col("changes").sum())
    by_type = seen.group_by("hour", "resource_type").agg(pl.col("changes").sum())
    judged = _by_key(seen.filter(in_month == month, pl.col("hour") >= since))
    return build_baselines(
        _by_key(seen.filter(~pl.col("confirmed"))),
        by_hour.select(ORGANISATION_HOURS.names()).cast(ORGANISATION_HOURS),
        by_type.cast(ORGANISATION_TYPES),
        judged=judged.select(HOUR_OF_ACTOR).unique(),
        hours=judged["hour"].unique().sort().to_list(),
    )


def _by_key(activity: pl.DataFrame) -> pl.DataFrame:
    keyed = activity.rename({"actor": "actor_key"})
    return keyed.select(*ACTIVITY.names(), *MARKS, BEYOND_DISMISSED).cast({"changes": pl.Int64})


def _judged_at(
    activity: pl.DataFrame, judged: JudgedHours, data: BacktestInput, in_force: Policy
) -> Mapping[float, JudgedHours]:
    """The hours of the span with their scores, and what groups did, as they rank at each budget."""
    since = data.since
    if rule_of(in_force) == "plain":
        return {in_force.tickets_a_day: replace(judged, scores=_unscored(activity, judged, since))}
    assessed, judged_at = score_stream(activity, data.origins), {}
    ranked_at = {budget: rank_scores(assessed, budget=budget) for budget in budgets_of(in_force)}
    days = activity.select(pl.datetime_range(pl.lit(day_of(since)), pl.col("hour").max(), "1d")).to_series()
    falls = find_threshold_falls(ranked_at[BUDGET_OF_HISTORY], days.filter(days >= since))
    for budget, ranked in ranked_at.items():
        scores = ranked.filter(pl.col("hour") >= since).rename({"actor": "actor_key"})
        groups = find_group_alerts(ranked, budget=budget, since=since)
        judged_at[budget] = replace(judged, scores=scores, groups=groups, threshold_falls=falls)
    return judged_at


def _unscored(activity: pl.DataFrame, judged: JudgedHours, since: datetime) -> pl.DataFrame:
    """The columns that the plain rule has instead of scores: each of its deviations is above its threshold."""
    rows = (
        activity.filter(pl.col("hour") >= since)
        .group_by("hour", actor_key="actor")
        .agg(pl.col("actor_type").min(), pl.col("confirmed").any(), pl.col("changes").sum())
        .join(judged.baselines.select(*HOUR_OF_ACTOR, "baseline_mean", "active_hours"), on=HOUR_OF_ACTOR, how="left")
        .with_columns(ratio=pl.col("changes") / pl.col("baseline_mean"), flagged=pl.lit(value=True))
    )
    return pl.concat([KEYED_SCORES.to_frame(), rows], how="diagonal")


def _with_dispositions(scores: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Scores at a budget, with what becomes of each hour by its FLAG rows."""
    ticket = pl.col("disposition") == "ticket"
    tickets = tickets_of_hours(found)
    own = (
        found.filter(~OF_SEVERAL)
        .group_by(HOUR_OF_ACTOR)
        .agg(
            pl.col("disposition").cast(BACKTEST_SCORES["disposition"]).min(),
            pl.col("allowed_because").drop_nulls().first(),
            pl.col("ticket_key").first(),
            severity_rank=severity_rank(pl.col("severity").filter(ticket)).max(),
            new_types=pl.col("resource_type").filter(pl.col("kind") == NEW_RESOURCE_TYPE).sort(),
        )
    )
    has_own = (pl.col("flagged") & ticket).fill_null(value=False)
    is_shared = pl.col("shared_ticket").is_not_null()
    return (
        scores.join(own, on=HOUR_OF_ACTOR, how="left")
        .join(tickets.rename({"ticket": "own_ticket"}), on=["hour", "ticket_key"], how="left")
        .join(tickets_of_members(found, tickets), on=HOUR_OF_ACTOR, how="left")
        .with_columns(
            flagged=has_own | is_shared,
            disposition=pl.when(is_shared & ~has_own).then(pl.lit(ORGANISATION)).otherwise("disposition"),
            new_resource_types=pl.coalesce("new_resource_types", "new_types", pl.lit([], pl.List(pl.String))),
            severity=severity_of_rank(pl.when(has_own).then("severity_rank").otherwise("shared_rank")),
            ticket=pl.coalesce(pl.when(has_own).then("own_ticket"), "shared_ticket"),
        )
        .sort("hour", "actor_key")
    )
