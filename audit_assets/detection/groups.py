"""Actors judged together: newcomers within a day, an owner's credentials within a day, all actors of an hour.

Identities are free to create. Ten tokens in turn, or 25 at once, that each do little look like nobody's unusual hour;
together they are more than this organisation has seen. So is a burst that somebody spreads over tokens. A group has a
threshold of its own, extrapolated from its ordinary days: a few days on which an attacker was loud hardly move it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Floats, Ints
from audit_assets.detection.alert_threshold import LEARNING_DAYS, THRESHOLD_DAYS
from audit_assets.detection.newcomers import EXAMPLE_DAYS, NEWCOMER_HOURS
from audit_assets.detection.owners import unlikelihood_of_owners
from audit_assets.detection.schemas import (
    ALL_ACTORS,
    CREDENTIALS,
    GROUP_ALERTS,
    MANY_ACTORS,
    MANY_CHANGES,
    NEW_ACTORS,
    NEWCOMER,
    OWNER,
)
from audit_assets.detection.severity import severity_by_rarity

MOST_SURPRISE = 4.0
"""An actor adds at most so much -ln p to its group: one that is far out has a ticket of its own."""

OF_A_NEW_ACTOR = 2.0
"""So much more an actor adds when it first appears. Ten new tokens of 5, 30 or 100 changes in turn are found .95 to 1
of the time with 2 to 4; without it those of 5 half as often (the development set, 20 plays a year)."""

FEWEST_MEMBERS = 3
"""Fewer actors are no group; of one owner two are."""

ORDINARY_DAYS = (0.5, 0.15)
"""The threshold follows from the largest values that this share of days exceeds, along an exponential tail. 27 of 180
days would have to be an attacker's to reach the second."""


@dataclass(frozen=True)
class Group:
    """What is judged together: the kind of its findings, and whose they are (None: each owner's own); `hours` up to the
    hour that count; the `share` of the budget; `least_scale`, the least step of the value by which days get e times as
    rare. A quiet organisation's first lively day is no sensation."""

    kind: str
    actor_key: str | None
    hours: int
    share: float
    least_scale: float
    fewest: int = FEWEST_MEMBERS


GROUPS = (
    Group(NEW_ACTORS, NEW_ACTORS, HOURS_A_DAY, share=0.03, least_scale=4.0),
    Group(MANY_ACTORS, ALL_ACTORS, 1, share=0.015, least_scale=1.0),
    Group(MANY_CHANGES, ALL_ACTORS, 1, share=0.01, least_scale=0.5),
    Group(CREDENTIALS, None, HOURS_A_DAY, share=0.05, least_scale=1.0, fewest=2),
)

SHARE_OF_GROUPS = 0.06
"""So much of the budget is kept for groups; the natural days of the development set use half of it. The tail is drawn
with care, so that it is less than the sum of their shares; what owners use (.01 to .02 tickets a day where half of the
actors have several credentials) comes on top."""

A_DAY = timedelta(days=1)


def find_group_alerts(scores: pl.DataFrame, *, budget: float, since: datetime | None = None) -> pl.DataFrame:
    """The hours from `since` on in which a group exceeds its threshold at a budget of tickets a day: GROUP_ALERTS.

    `scores`: SCORES of all actors, ranked (`rank_scores` fills `p`), with SCORE_HISTORY before. Confirmed hours count
    for nothing.
    """
    counted = scores.filter(~pl.col("confirmed")).sort("hour", "actor")
    if counted.is_empty():
        return GROUP_ALERTS.to_frame()
    found = [_alerts_of(group, counted, budget, since) for group in GROUPS]
    return pl.concat([GROUP_ALERTS.to_frame(), *found]).sort("hour", "kind")


def _alerts_of(group: Group, scores: pl.DataFrame, budget: float, since: datetime | None) -> pl.DataFrame:
    members = scores.filter(MEMBERS.get(group.kind, pl.lit(value=True)))
    if members.is_empty():
        return GROUP_ALERTS.to_frame()
    values = VALUES[group.kind](members)
    began = int(scores["hour"][0].timestamp()) // 3600 // HOURS_A_DAY
    hour = (values["hour"].dt.epoch("s") // 3600).to_numpy()
    first = 0 if since is None else int(since.timestamp()) // 3600 // HOURS_A_DAY
    of_past = values["of_day" if "of_day" in values.columns else "value"].to_numpy()
    edge, scale = _ordinary_days(hour // HOURS_A_DAY, of_past, began, first, group.least_scale)
    beyond = (values["value"].to_numpy() - edge) / scale
    rates = np.where(beyond > 0, ORDINARY_DAYS[1] * np.exp(-np.maximum(beyond, 0)), np.inf)
    judged = pl.lit(value=True) if since is None else pl.col("hour") >= since
    least = edge + scale * max(np.log(ORDINARY_DAYS[1] / (budget * group.share)), 0.0)
    if group.kind == MANY_CHANGES:
        least = np.exp(least)
    alerts = values.with_columns(tickets_a_day=pl.Series(rates), threshold=pl.Series(least)).filter(
        judged, pl.col("tickets_a_day") <= budget * group.share
    )
    rows = [row | _described(group, members, row) for row in alerts.iter_rows(named=True)]
    severity = severity_by_rarity(pl.col("tickets_a_day"), budget * group.share)
    found = pl.DataFrame(rows, schema=GROUP_ALERTS).with_columns(severity=severity)
    return found.filter(pl.col("members").list.len() >= group.fewest)


def _surprise_of_newcomers(newcomers: pl.DataFrame) -> pl.DataFrame:
    """Per hour with an active newcomer the sum, over all that were active in the 24 hours up to it, of how surprising
    each was at most (-ln p), and more for those that first appeared. An hour adds what exceeds the actor's others of a
    day, so that a sum over time is one over actors. `of_day`: the same of the UTC day, as the days of the past count:
    what is loud for ten hours is loud on one day or two, and not for as long as 24 hours reach."""
    day = pl.col("hour").dt.truncate("1d")
    return (
        newcomers.with_columns(surprise=_surprise())
        .with_columns(adds=_adds())
        .group_by("hour")
        .agg(pl.col("adds").sum())
        .sort("hour")
        .select(
            "hour",
            value=pl.col("adds").rolling_sum_by("hour", window_size="24h", closed="right"),
            of_day=pl.col("adds").sum().over(day),
        )
    )


def _unlikelihood_of_credentials(scores: pl.DataFrame) -> pl.DataFrame:
    return unlikelihood_of_owners(scores.with_columns(surprise=_surprise()).with_columns(surprise=_adds()))


def _adds() -> pl.Expr:
    """What an actor's hour adds: its surprise beyond that of the others within a day before, and more if it is new."""
    before = pl.col("surprise").rolling_max_by("hour", window_size="24h", closed="left").over("actor").fill_null(0.0)
    since_last = pl.col("hour") - pl.col("hour").shift().over("actor")
    appears = (since_last > timedelta(hours=NEWCOMER_HOURS)).fill_null(value=True)
    is_new = appears & (pl.col("familiarity") == NEWCOMER)
    return (pl.col("surprise") - before).clip(0) + pl.when(is_new).then(OF_A_NEW_ACTOR).otherwise(0.0)


def _surprise() -> pl.Expr:
    return (-pl.col("p").clip(1e-9, 1.0).log()).clip(0.0, MOST_SURPRISE)


def _count_actors(scores: pl.DataFrame) -> pl.DataFrame:
    return scores.group_by("hour").agg(value=pl.len().cast(pl.Float64)).sort("hour")


def _count_changes(scores: pl.DataFrame) -> pl.DataFrame:
    """The logarithm of the changes: days differ by factors."""
    return scores.group_by("hour").agg(value=pl.col("changes").sum().cast(pl.Float64).log()).sort("hour")


VALUES: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    NEW_ACTORS: _surprise_of_newcomers,
    MANY_ACTORS: _count_actors,
    MANY_CHANGES: _count_changes,
    CREDENTIALS: _unlikelihood_of_credentials,
}

MEMBERS: Mapping[str, pl.Expr] = {
    NEW_ACTORS: pl.col("familiarity") == NEWCOMER,
    CREDENTIALS: pl.col("actor").n_unique().over(OWNER) > 1,
}
"""Whose hours count; those of everybody where it is not in here."""


def _ordinary_days(day: Ints, value: Floats, began: int, since: int, least_scale: float) -> tuple[Floats, Floats]:
    """Per hour, by its UTC day from `since` on: the value that 15 % of the 180 days before exceed at some hour, and the
    scale of the tail beyond. Infinite before, and in the first days, of which too few are known (`began`)."""
    edges, scales = np.full(len(day), np.inf), np.ones(len(day))
    if not len(day):
        return edges, scales
    most = np.zeros(int(day.max()) - began + 1)
    np.maximum.at(most, day - began, value)
    often, seldom = ORDINARY_DAYS
    for today in np.unique(day[day >= since]):
        past = most[max(0, today - began - THRESHOLD_DAYS) : today - began]
        if len(past) >= LEARNING_DAYS:
            usual, edge = np.quantile(past, [1 - often, 1 - seldom])
            edges[day == today] = edge
            scales[day == today] = max((edge - usual) / np.log(often / seldom), least_scale)
    return edges, scales


def _described(group: Group, scores: pl.DataFrame, row: Mapping[str, Any]) -> dict[str, object]:
    """By the hours of the value that was unlikely, if that many did it; else by those of the group."""
    by_value = _describe(group, scores, row["hour"], row.get(OWNER), row.get("hours", group.hours))
    is_group = len(by_value["members"]) >= group.fewest
    return by_value if is_group else _describe(group, scores, row["hour"], row.get(OWNER), group.hours)


def _describe(group: Group, scores: pl.DataFrame, hour: datetime, owner: str | None, hours: int) -> dict[str, Any]:
    """What GROUP_ALERTS have of an hour besides how rare it is. What is usual is a mean: of days, or of active
    hours."""
    span = timedelta(hours=hours)
    scores = scores if owner is None else scores.filter(pl.col(OWNER) == owner)
    acting = scores.filter(pl.col("hour") > hour - span, pl.col("hour") <= hour)
    by_actor = acting.group_by("actor").agg(pl.col("changes").sum(), surprise=_surprise().max())
    past = scores.filter(pl.col("hour") < hour, pl.col("hour") >= hour - timedelta(days=EXAMPLE_DAYS))
    of_span = past.group_by(pl.col("hour").dt.truncate("1d" if hours > 1 else "1h"))
    usual = of_span.agg(pl.col("actor").n_unique(), pl.col("changes").sum()).select(pl.col("actor", "changes").mean())
    usual_actors, usual_changes = usual.row(0)
    return {
        "kind": group.kind,
        "actor_key": owner or group.actor_key,
        "horizon_hours": hours,
        "members": by_actor.sort("surprise", "changes", "actor", descending=[True, True, False])["actor"].to_list(),
        "changes": by_actor["changes"].sum(),
        "usual_members": usual_actors,
        "baseline_mean": usual_changes,
    }
