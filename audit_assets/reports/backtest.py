"""What would have been flagged in a stream of changes under a team's policy: nothing is pulled, sent or opened.

The hours go through the very functions that the hourly assets run, many hours at a time: scored, ranked at a budget,
and flagged under the policy with its incidents, allowances and severities, and by what people said on tickets. A stream
says which resource types were touched, not by which action: what a policy says of actions, or of deletes alone, raises
no severity here.
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
from audit_assets.detection.flagging import COLLEAGUES, JudgedHours, flag_deviations
from audit_assets.detection.hour_scores import score_stream
from audit_assets.detection.ranking import rank_scores
from audit_assets.detection.schemas import (
    ACTIVITY,
    HOUR,
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
from audit_assets.detection.verdict_marks import mark_verdicts
from audit_assets.reports.backtest_sources import BacktestError, Stream

Rule = Literal["calibrated", "plain"]

BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Tickets a day that are shown beside the one that was asked for."""

BACKTESTED = pl.Schema(
    {
        **SCORES,
        "actor_key": pl.String,
        "budgets": pl.List(pl.Float64),
        "disposition": pl.Enum(["ticket", "organisation", "allowed", "below_threshold"]),
        "allowed_because": pl.String,
        "shared_types": pl.List(pl.String),
    }
)
"""SCORES with `actor` being the name, `actor_key` what it is known by, and what becomes of the hour at the budget asked
for. `disposition` is the most telling of its deviations' (FLAG; null without any), `allowed_because` the reason if any of
them is allowed. An hour is `flagged` if it rings and a ticket tells of it: its own, or (`disposition` is `organisation`)
the organisation's, about each of the `shared_types`; `severity` is that ticket's. `budgets`: those of BUDGETS and the
one asked for at which it would be flagged."""

TICKETS = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "resource_type": pl.String,
        "changes": pl.Int64,
        "tickets_a_day": pl.Float64,
        "members": pl.List(pl.String),
        "severity": pl.String,
        "budgets": pl.List(pl.Float64),
    }
)
"""The tickets at any budget, with the budgets at which each opens and its severity at the one asked for (null if it
opens none). Those of the organisation (ORGANISATION) also have the resource type that they are about, its changes, how
rare the rarest of their hours is, and whose these are (actor keys)."""


KEYED_SCORES = pl.Schema({"actor_key" if name == "actor" else name: kind for name, kind in SCORES.items()})


@dataclass(frozen=True)
class Backtest:
    """`scores` (BACKTESTED), a row per active actor and hour that is asked about, by hour and actor, and `tickets`
    (TICKETS). With the plain rule there are no probabilities: they are null, and so is what only the calibrated rule
    knows."""

    scores: pl.DataFrame
    tickets: pl.DataFrame


def policy_of(rule: str | None, tickets_per_day: float | None) -> Policy:
    """The policy in force, with the rule and the budget that are asked for in place of its own. Who asks for a budget
    and no rule asks for the calibrated one, which alone has a budget. Raises `BacktestError` for a rule that is none,
    and `SettingError`."""
    if rule is not None and rule not in get_args(Rule):
        raise BacktestError(f"--rule knows {' and '.join(get_args(Rule))}, not {rule!r}.")
    in_force = policy.policy("plain" if rule == "plain" else None, tickets_per_day)
    if in_force.preset == "plain" and (rule == "calibrated" or (rule is None and tickets_per_day is not None)):
        return policy.policy("balanced", tickets_per_day)
    return in_force


def rule_of(in_force: Policy) -> Rule:
    """Which rule rings under a policy."""
    return "plain" if in_force.preset == "plain" else "calibrated"


def budgets_of(in_force: Policy) -> list[float]:
    """The budgets that are shown, smallest first: BUDGETS and the policy's own. The plain rule knows none."""
    return [] if rule_of(in_force) == "plain" else sorted({*BUDGETS, in_force.tickets_a_day})


def backtest_of(stream: Stream, in_force: Policy) -> Backtest:
    """What would have become of every active hour of the stream that is asked about."""
    by_policy = mark_incidents(stream.activity, in_force.incidents, stream.actors)
    activity = mark_verdicts(by_policy, stream.verdicts)
    judged, asked = _judged(activity, stream), in_force.tickets_a_day
    scores_at = _scores_at(activity, judged, stream.since, in_force)
    found_at = {
        budget: flag_deviations(replace(judged, scores=scores), replace(in_force, tickets_a_day=budget))
        for budget, scores in scores_at.items()
    }
    told_at = {budget: _told(scores_at[budget], found) for budget, found in found_at.items()}
    flagged_at = [
        told.filter("flagged").select(*HOUR_OF_ACTOR, budget=pl.lit(budget)) for budget, told in told_at.items()
    ]
    shown = pl.col("budget").filter(pl.col("budget").is_in(budgets_of(in_force))).unique().sort()
    scores = (
        told_at[asked]
        .join(pl.concat(flagged_at).group_by(HOUR_OF_ACTOR).agg(budgets=shown), on=HOUR_OF_ACTOR, how="left")
        .with_columns(pl.col("budgets", "shared_types").fill_null([]))
        .join(stream.actors.select("actor_key", actor="name"), on="actor_key", how="left")
        .with_columns(pl.coalesce("actor", "actor_key"))
        .select(BACKTESTED.names())
        .cast(BACKTESTED)
        .sort("hour", "actor_key")
    )
    return Backtest(scores, _tickets(found_at, asked, shown))


def write_scores(scores: pl.DataFrame, path: Path) -> None:
    """Write BACKTESTED to a Parquet file. Raises `BacktestError` if it can't be written."""
    try:
        scores.cast({"disposition": pl.String}).write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be written: {str(error).splitlines()[0]}.") from None


def _judged(activity: pl.DataFrame, stream: Stream) -> JudgedHours:
    """The hours that are asked about and what was usual before them, a month of them at a time; without scores."""
    asked = _by_key(activity.filter(pl.col("hour") >= stream.since)).select(ACTIVITY.names())
    months = asked["hour"].dt.truncate("1mo").unique().sort()
    usual, touched = zip(*(_before(activity, month, stream.since) for month in months), strict=True)
    return JudgedHours(
        activity=asked,
        baselines=pl.concat(usual),
        touched=pl.concat(touched),
        scores=KEYED_SCORES.to_frame(),
        colleagues=COLLEAGUES.to_frame(),
        touches=pl.concat([TOUCHES.to_frame(), asked.drop("changes")], how="diagonal"),
        names=stream.actors.select("actor_key", "actor", "actor_type"),
    )


def _before(activity: pl.DataFrame, month: datetime, since: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """BASELINE and TOUCHED of the hours of a month from `since` on, from the history that they may see."""
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
    return activity.rename({"actor": "actor_key"}).select(*ACTIVITY.names(), *MARKS).cast({"changes": pl.Int64})


def _scores_at(
    activity: pl.DataFrame, judged: JudgedHours, since: datetime, in_force: Policy
) -> Mapping[float, pl.DataFrame]:
    """The scores of the hours from `since` on (SCORES, by actor key), as they rank at each budget."""
    if rule_of(in_force) == "plain":
        return {in_force.tickets_a_day: _unscored(activity, judged, since)}
    assessed = score_stream(activity)
    return {
        budget: rank_scores(assessed, budget=budget).filter(pl.col("hour") >= since).rename({"actor": "actor_key"})
        for budget in budgets_of(in_force)
    }


def _unscored(activity: pl.DataFrame, judged: JudgedHours, since: datetime) -> pl.DataFrame:
    """In place of scores what the plain rule knows: it rings wherever it finds something."""
    rows = (
        activity.filter(pl.col("hour") >= since)
        .group_by("hour", actor_key="actor")
        .agg(pl.col("actor_type").min(), pl.col("confirmed").any(), pl.col("changes").sum())
        .join(judged.baselines.select(*HOUR_OF_ACTOR, "baseline_mean", "active_hours"), on=HOUR_OF_ACTOR, how="left")
        .with_columns(ratio=pl.col("changes") / pl.col("baseline_mean"), flagged=pl.lit(value=True))
    )
    return pl.concat([KEYED_SCORES.to_frame(), rows], how="diagonal")


def _told(scores: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Scores at a budget, with what becomes of each hour by its FLAG rows."""
    of_organisation = pl.col("kind") == ORGANISATION
    ticket = pl.col("disposition") == "ticket"
    own = (
        found.filter(~of_organisation)
        .group_by(HOUR_OF_ACTOR)
        .agg(
            pl.col("disposition").cast(BACKTESTED["disposition"]).min(),
            pl.col("allowed_because").drop_nulls().first(),
            gravity=severity_rank(pl.col("severity").filter(ticket)).max(),
            news=pl.col("resource_type").filter(pl.col("kind") == NEW_RESOURCE_TYPE).sort(),
        )
    )
    shared = (
        found.filter(of_organisation)
        .explode("members")
        .group_by("hour", actor_key="members")
        .agg(shared_types=pl.col("resource_type").sort(), shared_gravity=severity_rank(pl.col("severity")).max())
    )
    rings = pl.col("flagged") & pl.col("disposition").is_in(["ticket", "organisation"])
    gravity = pl.when(ticket).then("gravity").otherwise("shared_gravity")
    return (
        scores.join(own, on=HOUR_OF_ACTOR, how="left")
        .join(shared, on=HOUR_OF_ACTOR, how="left")
        .with_columns(
            flagged=rings.fill_null(value=False),
            new_resource_types=pl.coalesce("new_resource_types", "news", pl.lit([], pl.List(pl.String))),
        )
        .with_columns(severity=pl.when("flagged").then(severity_of_rank(gravity)))
    )


def _tickets(found_at: Mapping[float, pl.DataFrame], asked: float, budgets: pl.Expr) -> pl.DataFrame:
    """TICKETS of the FLAG rows at each budget."""
    of_organisation = pl.col("kind") == ORGANISATION
    at_asked_first = sorted(found_at.items(), key=lambda each: each[0] != asked)
    rung = pl.concat(
        found.filter(pl.col("disposition") == "ticket").with_columns(budget=pl.lit(budget))
        for budget, found in at_asked_first
    )
    return (
        rung.with_columns(pl.when(of_organisation).then(pl.col("resource_type", "changes", "tickets_a_day", "members")))
        .group_by(*HOUR_OF_ACTOR, "resource_type")
        .agg(
            pl.col("changes", "tickets_a_day", "members").first(),
            pl.col("severity").filter(pl.col("budget") == asked).first(),
            budgets=budgets,
        )
        .select(TICKETS.names())
        .cast(TICKETS)
        .sort("hour", "actor_key", "resource_type")
    )
