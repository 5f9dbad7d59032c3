"""What is said of a backtest: the span, the tickets at each budget, and what was allowed; plain values, as JSON."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.alert_threshold import LEARNING_DAYS, THRESHOLD_DAYS
from audit_assets.detection.schemas import HOUR_OF_ACTOR, LEARNING
from audit_assets.reports.backtest import BACKTESTED, Backtest, budgets_of, rule_of
from audit_assets.reports.backtest_sources import Stream

TOLD = pl.Schema(
    {
        **{
            name: BACKTESTED[name]
            for name in (
                *("hour", "actor", "actor_key", "severity", "changes", "baseline_mean", "ratio", "new_resource_types"),
                *("horizon", "horizon_changes", "horizon_baseline_mean", "reasons"),
                *("p_volume", "p_novelty", "p_many_new", "tickets_a_day", "budgets", "allowed_because"),
            )
        },
        "resource_type": pl.String,
        "members": pl.List(pl.String),
    }
)
"""What is told of a ticket, or of an hour that was allowed."""


def summary_of(backtest: Backtest, stream: Stream, in_force: Policy) -> dict[str, Any]:
    """What `audit-assets backtest --json` prints: the span, the tickets a day asked for and realised, the tickets.

    A ticket of the organisation has the resource type that it is about and its `members` by name, the others have none.
    Tickets a day are counted once the threshold is learned (60 days into the known history: `counted_from`).
    With the calibrated rule `budgets` says what each budget would have realised, `trade_off` also how many tickets that
    is in the whole span, and `tickets_at_other_budgets` lists those that the budget asked for leaves out. `allowed` are
    the hours that would have rung, had the policy not allowed it. `learning`: so many active hours were judged by which
    default (LEARNING).
    """
    scores, tickets = backtest.scores, backtest.tickets
    first, last = scores.select(pl.col("hour").min(), pl.col("hour").max().alias("last")).row(0)
    known_since = stream.activity["hour"].min()
    counted_from = _counted_from(stream, known_since if isinstance(known_since, datetime) else first)
    days = max((stream.until - counted_from) / timedelta(days=1), 1.0)

    def row(budget: float, opened: pl.Expr) -> dict[str, float]:
        of_budget = tickets.filter(opened)
        counted = of_budget.filter(pl.col("hour") >= counted_from).height
        return {"asked": budget, "realised": round(counted / days, 3), "tickets": of_budget.height}

    asked, at_asked = in_force.tickets_a_day, pl.col("severity").is_not_null()
    trade_off = [row(budget, pl.col("budgets").list.contains(budget)) for budget in budgets_of(in_force)]
    learning = {name: scores["learning"].list.contains(name).sum() for name in LEARNING}
    return {
        "rule": rule_of(in_force),
        "plain_rule": {"ratio": in_force.plain.ratio, "minimum": in_force.plain.minimum},
        "from": stream.since.isoformat(),
        "to": stream.until.isoformat(),
        "first_hour": first.isoformat(),
        "last_hour": last.isoformat(),
        "counted_from": counted_from.isoformat(),
        "actors": scores["actor_key"].n_unique(),
        "active_hours": scores.height,
        "learning": {name: hours for name, hours in learning.items() if hours},
        "tickets_per_day": {"asked": asked, "realised": row(asked, at_asked)["realised"]},
        "budgets": {f"{each['asked']:g}": each["realised"] for each in trade_off},
        "trade_off": trade_off,
        "tickets": _told(backtest, stream, tickets.filter(at_asked)),
        "tickets_at_other_budgets": _told(backtest, stream, tickets.filter(~at_asked)),
        "allowed": _as_json(scores.filter(disposition="allowed").filter(_would_ring())),
    }


def _counted_from(stream: Stream, known_since: datetime) -> datetime:
    learned = known_since + timedelta(days=THRESHOLD_DAYS)
    if learned <= stream.since or learned + timedelta(days=LEARNING_DAYS) > stream.until:
        return stream.since
    return learned


def _would_ring() -> pl.Expr:
    """Whether the budget has a ticket for the hour, whatever the policy allows. The plain rule has one for each."""
    return (pl.col("p") <= pl.col("p_threshold")).fill_null(value=True)


def _told(backtest: Backtest, stream: Stream, tickets: pl.DataFrame) -> list[dict[str, Any]]:
    """Some TICKETS with what is known of their hours."""
    of_organisation = pl.col("resource_type").is_not_null()
    known = backtest.scores.drop("severity", "budgets")
    of_actors = tickets.filter(~of_organisation).select(*HOUR_OF_ACTOR, "severity", "budgets")
    shared = tickets.filter(of_organisation)
    names = stream.actors.select("name", members="actor_key")
    members = shared.select("hour", "resource_type", "members").explode("members").join(names, on="members")
    named = members.group_by("hour", "resource_type").agg(members=pl.col("name").sort())
    of_all = shared.drop("members").join(named, on=["hour", "resource_type"])
    return _as_json(
        pl.concat(
            [
                of_actors.join(known, on=HOUR_OF_ACTOR).select(pl.exclude("disposition", "shared_types")),
                of_all.with_columns(actor=pl.lit("the organisation")),
            ],
            how="diagonal",
        )
    )


def _as_json(told: pl.DataFrame) -> list[dict[str, Any]]:
    """TOLD rows by hour and actor; their lists are never null, times are ISO 8601."""
    rows = pl.concat([TOLD.to_frame(), told], how="diagonal").select(TOLD.names())
    lists = pl.col("new_resource_types", "reasons", "members", "budgets").fill_null([])
    in_order = rows.sort("hour", "actor_key", "resource_type").with_columns(lists)
    return in_order.with_columns(pl.col("hour").dt.to_string("iso:strict")).to_dicts()
