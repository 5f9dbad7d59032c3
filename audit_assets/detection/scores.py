"""Scores of active hours: how unusual each is, for which reasons, and whether it rings at a budget of tickets a day.

Three streams share the budget: far more changes than usual, a surprising new resource type, and many new types at
once. Within a stream, what is no more extreme than an earlier hour of the actor within a day is the same ticket
(facts/detection.md, 2.6). The hour that has just closed and a stream of years go through the same functions.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from audit_assets.detection.budget import CLUSTERS, LEARNING_DAYS, limits, severity, tickets_a_day
from audit_assets.detection.coding import HOURS_A_DAY, Coded, Flags, Floats, activity_of, coded
from audit_assets.detection.frames import HOUR, MEMORY
from audit_assets.detection.novelty import NoveltyScores, novelty_scores
from audit_assets.detection.volume import (
    DAY,
    DAY_AGAINST_LAST_MONTH,
    HORIZONS,
    HOUR_ALONE,
    SIX_HOURS,
    VolumeScores,
    daily_priors,
    volume_scores,
)

SCORES = pl.Schema(
    {
        "actor": pl.String,
        "actor_type": pl.String,
        "hour": HOUR,
        "confirmed": pl.Boolean,
        "changes": pl.Int64,
        "usual": pl.Float64,
        "ratio": pl.Float64,
        "active_hours": pl.Int64,
        "horizon": pl.String,
        "horizon_changes": pl.Int64,
        "horizon_usual": pl.Float64,
        "p_volume": pl.Float64,
        "new_resource_types": pl.List(pl.String),
        "new_to_organisation": pl.List(pl.String),
        "touched_types": pl.Int64,
        "p_novelty": pl.Float64,
        "p_many_new": pl.Float64,
        "p": pl.Float64,
        "p_limit": pl.Float64,
        "tickets_a_day": pl.Float64,
        "flagged": pl.Boolean,
        "reasons": pl.List(pl.String),
        "severity": pl.String,
        "learning": pl.List(pl.String),
    }
)
"""A row per active actor and hour. `confirmed`: the hour belongs to a confirmed incident, as the activity says.
`usual` and `ratio` are of the hour alone, `horizon` names the span of hours that decided `p_volume`, with its changes.
`active_hours` are those of the 30 days before. `p_volume`, `p_novelty` and `p_many_new` are after damping an actor's
first days; `p` joins them with their shares of the budget, repeats left out (a mere repeat has 1). `tickets_a_day`: how
often a day the organisation has an hour as extreme as this. An hour is `flagged` if p is at most `p_limit`, which keeps
to the budget; `reasons` are the streams that do so by themselves. `learning` names what was judged by defaults for want
of history (LEARNING)."""

LEARNING = {
    "actor": "fewer than 6 active hours of the actor in 30 days: drawn towards usual",
    "prior": "fewer than 200 active hours of the organisation in 90 days: documented defaults",
    "types": "less than 90 days of history: more resource types look new than are",
    "budget": "less than 14 days of scores: probabilities are taken at their word",
}
"""What `learning` says, in words."""

REASONS = {"p_volume": "volume", "p_novelty": "new_resource_type", "p_many_new": "many_new_resource_types"}
"""The streams by their names for people."""

HEAVIER = {"p_volume": 0.6, "p_novelty": 1.0, "p_many_new": 0.6}
"""p^0.6 is how often natural hours really have so small a p: on the variants of the development set -ln p of all below
.1 exceeds -ln .1 by 1.4 to 2.2 (volume, from four active hours on), 1.2 to 2 (many new types) and .7 to 1.1 (novelty),
where a true p exceeds it by 1. Without it volume takes the whole of a small budget where there are many types."""

SHARES = {"p_volume": 0.5, "p_novelty": 0.2, "p_many_new": 0.3}
"""How the streams share the budget. On 14 variants of the development set (halves of the year and of the actors, finer
types, actors merged or split) with own injections, 4:2:2 to 6:2:3 have the same mean recall within error, .71 to .72 at
a quarter of a ticket a day and .94 at one; 5:2:3 finds takeovers without losing rare types."""

HORIZON_SHARES = {HOUR_ALONE: 1.0, SIX_HOURS: 0.1, DAY: 0.1, DAY_AGAINST_LAST_MONTH: 0.1}
"""How much a longer horizon counts within volume: so little that all three together take .02 of mean recall from single
hours at a quarter of a ticket a day, and .002 at one, on the variants of the development set."""

A_MONTH = timedelta(days=30)
"""Against the month before the last only a day larger than all of the last month says something: what has grown once
and stays, as weekly deployments do, is told once."""

TIE = 1e-9
"""Two like hours differ by the rounding of sums over everybody before, and still are like hours."""

NOTICEABLE = 2.0
"""What is not even twice the usual is no burst, however steady its actor: nobody would want to read of it. On the
development set this changes no recall by more than its error."""

NO_CORRECTION = 1e-8
"""Below this p, 1 - (1 - p)^(1/share) is p/share to the last digit that a float holds of it."""

FIRST_DAYS, FIRST_HOUR = 7, 2
"""p^((n + 1)/7) while an actor has n < 6 active hours in the reference, p^(2/7) in its very first. The 9 of
facts/detection.md, 2.6, hides bursts of half-known actors: 6 and 7 find the most on the variants of the development
set, and 7 rings less for newcomers. With p^(1/7) not even 10,000 changes of a newcomer would ring."""

SAME_TICKET = timedelta(hours=24)
"""Instead of the 72 hours of 2.6: equal within error on the development set, and a shorter shadow hides less of what
follows a ticket."""

ACTOR_ACTIVITY = pl.Schema(
    {
        "actor": pl.String,
        "actor_type": pl.String,
        "hour": HOUR,
        "resource_type": pl.String,
        "changes": pl.Int64,
    }
)
"""Tidy rows, as ACTIVITY with the actor's type. A further column `confirmed` (Boolean; without it, or null: no) marks
the hours of confirmed incidents: they are scored, but what follows is judged as if they had not been."""

HISTORY = timedelta(days=121)
"""So much of an actor's activity decides its scores: 60 days of reference, whose hours are weighed by theirs."""


@dataclass(frozen=True)
class Organisation:
    """What an hour's scores need of everybody, as it stood at the start of the hour's UTC day.

    `priors` (PRIORS) hold the days of the history too; `touched` (ACTOR_ACTIVITY) has a row for every actor and type
    of the last 90 days, at the hour of the last touch. `since`: the oldest active hour that is known.
    """

    priors: pl.DataFrame
    touched: pl.DataFrame
    since: datetime


def organisation(activity: pl.DataFrame, day: datetime) -> Organisation:
    """The organisation at the start of a day, from everybody's activity (ACTOR_ACTIVITY) of the 211 days before:
    121 of history, with priors that look back on 90. Less makes the oldest weights a little less exact."""
    before = activity.filter(pl.col("hour") < day)
    today = int(day.timestamp()) // 3600 // HOURS_A_DAY
    stream = coded(before)
    if "confirmed" in before.columns:
        before = before.filter(~pl.col("confirmed").fill_null(value=False).any().over("actor", "hour"))
    days = np.unique(np.append(stream.hour // HOURS_A_DAY, today))
    touched = (
        before.lazy()
        .filter(pl.col("hour") >= day - MEMORY)
        .group_by("actor", "resource_type")
        .agg(pl.col("actor_type").min(), pl.col("hour").max(), changes=pl.lit(0, pl.Int64))
        .select(ACTOR_ACTIVITY.names())
        .collect()
    )
    since = before["hour"].min()
    return Organisation(daily_priors(stream, days), touched, since if isinstance(since, datetime) else day)


def score(events: pl.DataFrame, *, budget: float = 1.0) -> pl.DataFrame:
    """Scores a whole stream of events (time, actor, actor_type, resource_type; more columns are ignored, but an
    `entry_id` drops duplicates) at a budget of tickets a day. Returns SCORES by hour and actor."""
    return score_activity(activity_of(events), budget=budget)


def score_activity(activity: pl.DataFrame, *, budget: float = 1.0) -> pl.DataFrame:
    """As `score`, from everybody's tidy rows (ACTOR_ACTIVITY)."""
    stream = coded(activity)
    since = activity["hour"].min()
    scores = _assess(stream, daily_priors(stream), stream, judged_from=0, history_from=since)
    return ranked(scores, budget=budget)


def assess_hours(activity: pl.DataFrame, everybody: Organisation, *, since: datetime) -> pl.DataFrame:
    """The hours from `since` on, all of one UTC day, as far as they can be judged each by itself: SCORES without what
    `ranked` fills. `activity` (ACTOR_ACTIVITY) is that of the active actors, HISTORY and the hours themselves."""
    first = int(since.timestamp()) // 3600
    together = coded(pl.concat([activity, everybody.touched], how="diagonal"))
    return _assess(coded(activity), everybody.priors, together, judged_from=first, history_from=everybody.since)


def ranked(scores: pl.DataFrame, *, budget: float, since: datetime | None = None) -> pl.DataFrame:
    """Joins the streams, leaves repeats out and says what rings at a budget, for the hours from `since` on.

    What lies before is the organisation's history (`budget.HISTORY` suffices) and stands. Returns SCORES of the judged
    hours: from the hours of one day and their history the same as from the whole stream.
    """
    judged = pl.lit(value=True) if since is None else pl.col("hour") >= since
    scores = scores.sort("hour", "actor").with_columns(_joined(column).alias(f"joined_{column}") for column in SHARES)
    least = pl.min_horizontal(f"joined_{column}" for column in SHARES)
    scores = scores.with_columns(p=pl.when(judged).then(least).otherwise("p"))
    hour = (scores["hour"].dt.epoch("s") // 3600).to_numpy()
    p, counts = scores["p"].to_numpy(), ~scores["confirmed"].to_numpy()
    first = 0 if since is None else int(since.timestamp()) // 3600
    fresh = pl.Series(tickets_a_day(hour, p, counts, since=first))
    scores = scores.with_columns(tickets_a_day=pl.when(judged).then(fresh).otherwise("tickets_a_day"))
    rings = pl.col("p_limit") >= pl.col("p")
    known_days = (pl.col("hour") - pl.col("hour").min()).dt.total_days()
    return (
        scores.with_columns(p_limit=pl.Series(limits(hour, p, counts, budget / CLUSTERS, since=first)))
        .with_columns(
            flagged=rings,
            reasons=pl.concat_list(
                pl.when(pl.col(f"joined_{column}") <= pl.col("p_limit")).then(pl.lit(name))
                for column, name in REASONS.items()
            ).list.drop_nulls(),
            severity=pl.when(rings).then(severity(pl.col("tickets_a_day"), budget / CLUSTERS)),
            learning=pl.when(known_days < LEARNING_DAYS)
            .then(pl.concat_list("learning", pl.lit(["budget"])))
            .otherwise("learning"),
        )
        .filter(judged)
        .select(SCORES.names())
        .cast(SCORES)
    )


def _joined(column: str) -> pl.Expr:
    """The p of a stream for its share of the budget: P(one of 1/share such p is as small); 1 for a mere repeat."""
    share, p = SHARES[column], pl.col(column) ** HEAVIER[column]
    return (
        pl.when(repeats(column)).then(1.0).when(p < NO_CORRECTION).then(p / share).otherwise(1 - (1 - p) ** (1 / share))
    )


def repeats(column: str) -> pl.Expr:
    """Whether an earlier hour of the actor within a day, no confirmed one, was as extreme; the frame must be in order
    of time."""
    usual = pl.when("confirmed").then(float("inf")).otherwise(column)
    earlier = usual.rolling_min_by("hour", window_size=SAME_TICKET, closed="left").over("actor")
    return (earlier <= pl.col(column) * (1 + TIE)).fill_null(value=False)


def damped(p: Floats, active_hours: Floats) -> Floats:
    """p of an actor's first days, drawn towards 1 as long as little is known of it."""
    return p ** (np.clip(active_hours + 1, FIRST_HOUR, FIRST_DAYS) / FIRST_DAYS)


def _assess(
    stream: Coded, priors: pl.DataFrame, together: Coded, *, judged_from: int, history_from: object
) -> pl.DataFrame:
    """SCORES without what `ranked` fills. `together` holds the touches of everybody, `stream` those to be judged."""
    by_horizon = {horizon: volume_scores(stream, priors, horizon) for horizon in HORIZONS}
    volumes = _volume_columns(stream, by_horizon).filter(pl.col("hour_code") >= judged_from)
    novelties = _novelty_columns(together, novelty_scores(together, since=judged_from), judged_from)
    return (
        volumes.lazy()
        .join(novelties.lazy(), on=["actor", "hour_code"], how="left")
        .with_columns(
            hour=pl.from_epoch(pl.col("hour_code") * 3600, "s").cast(HOUR),
            p_novelty=_damped("p_novelty"),
            p_many_new=_damped("p_many_new"),
        )
        .with_columns(
            learning=pl.concat_list(
                pl.when(pl.col("active_hours") < FIRST_DAYS - 1).then(pl.lit("actor")),
                pl.when(pl.col("by_default")).then(pl.lit("prior")),
                pl.when(pl.col("hour") - MEMORY < pl.lit(history_from, HOUR)).then(pl.lit("types")),
            ).list.drop_nulls(),
        )
        .with_columns(pl.lit(None, SCORES[name]).alias(name) for name in FILLED_BY_RANKED)
        .select(SCORES.names())
        .collect()
        .cast(SCORES)
    )


FILLED_BY_RANKED = ("p", "p_limit", "tickets_a_day", "flagged", "reasons", "severity")


def _damped(column: str) -> pl.Expr:
    return pl.col(column) ** ((pl.col("active_hours") + 1).clip(FIRST_HOUR, FIRST_DAYS) / FIRST_DAYS)


def _volume_columns(stream: Coded, by_horizon: dict) -> pl.DataFrame:
    alone: VolumeScores = by_horizon[HOUR_ALONE]
    lagged = by_horizon[DAY_AGAINST_LAST_MONTH]
    by_horizon |= {DAY_AGAINST_LAST_MONTH: replace(lagged, p=np.where(_highest(stream, lagged.changes), lagged.p, 1.0))}
    shared = np.vstack([damped(scores.p, scores.n) / HORIZON_SHARES[horizon] for horizon, scores in by_horizon.items()])
    best = shared.argmin(axis=0)
    rows = np.arange(len(best))
    changes = np.vstack([scores.changes for scores in by_horizon.values()])[best, rows]
    usual = np.vstack([scores.usual for scores in by_horizon.values()])[best, rows]
    names = pl.Series([horizon.name for horizon in by_horizon], dtype=pl.String)
    return pl.DataFrame(
        {
            "actor": stream.actors.gather(stream.actor),
            "actor_type": stream.kinds.gather(stream.kind),
            "hour_code": stream.hour,
            "confirmed": stream.confirmed,
            "changes": stream.changes,
            "usual": alone.usual,
            "ratio": stream.changes / alone.usual,
            "active_hours": alone.n,
            "horizon": names.gather(best),
            "horizon_changes": np.rint(changes).astype(np.int64),
            "horizon_usual": usual,
            "p_volume": np.where(changes < NOTICEABLE * usual, 1.0, np.minimum(shared[best, rows], 1.0)),
            "by_default": alone.by_default,
        }
    )


def _highest(stream: Coded, changes: Floats) -> Flags:
    """Per active hour whether `changes` are more than in any of the actor's last month, but for confirmed hours."""
    months = pl.DataFrame({"actor": stream.actor, "hour": stream.hour, "changes": changes, "usual": ~stream.confirmed})
    before = (
        pl.when("usual")
        .then("changes")
        .rolling_max_by(pl.from_epoch(pl.col("hour") * 3600, "s"), window_size=A_MONTH, closed="left")
        .over("actor")
    )
    return months.select(pl.col("changes") > before.fill_null(0.0)).to_series().to_numpy()


def _novelty_columns(stream: Coded, novelty: NoveltyScores, since: int) -> pl.DataFrame:
    per_hour = pl.LazyFrame(
        {
            "row": np.arange(len(stream.hour)),
            "actor": stream.actors.gather(stream.actor),
            "hour_code": stream.hour,
            "touched_types": np.bincount(stream.touch_row, minlength=len(stream.hour)),
            "p_novelty": novelty.p,
            "p_many_new": novelty.p_many,
        }
    ).filter(pl.col("hour_code") >= since)
    names = (
        pl.LazyFrame(
            {
                "row": stream.touch_row[novelty.new],
                "type": stream.types.gather(stream.touch_type[novelty.new]),
                "unheard": novelty.unheard[novelty.new],
            }
        )
        .group_by("row")
        .agg(
            new_resource_types=pl.col("type").sort(),
            new_to_organisation=pl.col("type").filter(pl.col("unheard")).sort(),
        )
    )
    nothing = pl.lit([], pl.List(pl.String))
    return (
        per_hour.join(names, on="row", how="left")
        .with_columns(pl.col("new_resource_types", "new_to_organisation").fill_null(nothing))
        .collect()
    )
