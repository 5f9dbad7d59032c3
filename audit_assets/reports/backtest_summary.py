"""The summary of a backtest: its span, the tickets at each budget, and what was allowed; plain values, as JSON."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.alert_threshold import LEARNING_DAYS, RECENT_DAYS
from audit_assets.detection.schemas import HOUR_OF_ACTOR, LEARNING, NAMES_OF_SEVERAL, THRESHOLD_FALL
from audit_assets.detection.severity import SEVERITIES
from audit_assets.reports.backtest import BACKTEST_SCORES, Backtest, budgets_of, rule_of
from audit_assets.reports.backtest_input import BacktestInput
from audit_assets.tickets.formatting import number, pluralize

LISTED_HOUR = pl.Schema(
    {
        **{
            name: BACKTEST_SCORES[name]
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
"""A ticket, or an hour that was allowed, in the summary. Of the horizon `active hours`, `horizon_changes` and
`horizon_baseline_mean` count hours."""

SPANS = {
    "6h": "{} changes in 6 hours, usual is {}",
    "24h": "{} changes in 24 hours, usual is {}",
    "24h, lagged": "{} changes in 24 hours, usual was {} a month before",
    "active hours": "active in {} of 24 hours, usual is {}",
    "14d": "{} changes in 14 days without the busiest, usual was {} a month before",
}
"""By horizon: what was summed up, and what is usual; all but the hour alone."""


def summarize_backtest(backtest: Backtest, data: BacktestInput, in_force: Policy) -> dict[str, Any]:
    """What `audit-assets backtest --json` prints: the span, the tickets a day as requested and realised, the tickets.

    A ticket of the organisation or of a group has its `members` by name, the organisation's also its resource type.
    Tickets a day are counted once the threshold is learned (60 days into the known history: `counted_from`). With the
    calibrated rule `budgets` has what each budget would have realised, `trade_off` also the number of tickets in the
    whole span, and `tickets_at_other_budgets` the tickets that only other budgets open. `allowed` are the hours above
    the threshold that the policy allows. `learning`: how many active hours were judged by each default (LEARNING).
    """
    scores, tickets = backtest.scores, backtest.tickets
    first, last = scores.select(pl.col("hour").min(), pl.col("hour").max().alias("last")).row(0)
    known_since = data.activity["hour"].min()
    counted_from = _counted_from(data, known_since if isinstance(known_since, datetime) else first)
    days = max((data.until - counted_from) / timedelta(days=1), 1.0)

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
        "from": data.since.isoformat(),
        "to": data.until.isoformat(),
        "first_hour": first.isoformat(),
        "last_hour": last.isoformat(),
        "counted_from": counted_from.isoformat(),
        "unreadable": data.unreadable,
        "actors": scores["actor_key"].n_unique(),
        "active_hours": scores.height,
        "learning": {name: hours for name, hours in learning.items() if hours},
        "tickets_per_day": {"asked": asked, "realised": row(asked, at_asked)["realised"]},
        "budgets": {f"{each['asked']:g}": each["realised"] for each in trade_off},
        "trade_off": trade_off,
        "tickets": _listed(backtest, data, tickets.filter(at_asked)),
        "tickets_at_other_budgets": _listed(backtest, data, tickets.filter(~at_asked)),
        "allowed": _as_json(scores.filter(disposition="allowed").filter(_is_above_threshold())),
    }


def describe_span(ticket: Mapping[str, Any]) -> str | None:
    """What made a ticket's hours unusual together; None if that is the hour alone, or no volume."""
    if ticket["horizon"] not in SPANS or "volume" not in ticket["reasons"]:
        return None
    usual = number(ticket["horizon_baseline_mean"], digits=0)
    return SPANS[ticket["horizon"]].format(f"{ticket['horizon_changes']:,}", usual)


def count_of_several(ticket: Mapping[str, Any]) -> str:
    """What a ticket with `members` counts: `320 changes`, or the `61 unusual hours` that lowered the threshold."""
    return pluralize(ticket["changes"], "unusual hour" if ticket["actor_key"] == THRESHOLD_FALL else "change")


def rarest(tickets: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """At most so many tickets of a summary, the most severe first and among these the rarest."""

    def rank(ticket: Mapping[str, Any]) -> tuple[int, float, float]:
        severity = SEVERITIES.index(ticket["severity"]) if ticket["severity"] else -1
        return -severity, ticket["tickets_a_day"] or 0.0, -(ticket["ratio"] or 0.0)

    return sorted(tickets, key=rank)[:most]


def _counted_from(data: BacktestInput, known_since: datetime) -> datetime:
    learned = known_since + timedelta(days=RECENT_DAYS)
    if learned <= data.since or learned + timedelta(days=LEARNING_DAYS) > data.until:
        return data.since
    return learned


def _is_above_threshold() -> pl.Expr:
    """Whether the budget has a ticket for the hour, whatever the policy allows; the plain rule has one for each."""
    return (pl.col("p") <= pl.col("p_threshold")).fill_null(value=True)


def _listed(backtest: Backtest, data: BacktestInput, tickets: pl.DataFrame) -> list[dict[str, Any]]:
    """Some BACKTEST_TICKETS with the scores of their hours."""
    of_several = pl.col("members").is_not_null()
    known = backtest.scores.drop("severity", "budgets")
    of_actors = tickets.filter(~of_several).select(*HOUR_OF_ACTOR, "severity", "budgets")
    shared = tickets.filter(of_several)
    names = data.actors.select("name", members="actor_key")
    key = [*HOUR_OF_ACTOR, "resource_type"]
    members = shared.select(*key, "members").explode("members").join(names, on="members")
    named = members.group_by(key).agg(members=pl.col("name").sort())
    of_all = shared.drop("members").join(named, on=key, nulls_equal=True)
    return _as_json(
        pl.concat(
            [
                of_actors.join(known, on=HOUR_OF_ACTOR).select(pl.exclude("disposition", "shared_types")),
                of_all.join(data.actors.select("actor_key", owner="name"), on="actor_key", how="left").with_columns(
                    actor=pl.coalesce(
                        pl.col("actor_key").replace_strict(NAMES_OF_SEVERAL, default=None), "owner", "actor_key"
                    )
                ),
            ],
            how="diagonal",
        )
    )


def _as_json(hours: pl.DataFrame) -> list[dict[str, Any]]:
    """LISTED_HOUR rows by hour and actor; their lists are never null, times are ISO 8601."""
    rows = pl.concat([LISTED_HOUR.to_frame(), hours], how="diagonal").select(LISTED_HOUR.names())
    lists = pl.col("new_resource_types", "reasons", "members", "budgets").fill_null([])
    in_order = rows.sort("hour", "actor_key", "resource_type").with_columns(lists)
    return in_order.with_columns(pl.col("hour").dt.to_string("iso:strict")).to_dicts()
