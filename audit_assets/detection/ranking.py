"""Which scored hours alert at a budget of tickets a day.

Five streams share the budget: far more changes than usual, a surprising new resource type, many new types at once or
over two weeks, and many deletes. Actors compete with those that are as well known as they: newcomers, of which anybody
can create any number, take nothing from the budget of the others. Within a stream an hour that is no more extreme than
an earlier one of the actor within a day is a repeat: it alerts too, on the ticket that is open, but costs no budget
(docs/facts/detection.md, 2.6).
"""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Flags, Floats, Ints
from audit_assets.detection.alert_threshold import (
    DEFAULT_ACTIVE_HOURS_A_DAY,
    LEARNING_DAYS,
    MAX_THRESHOLD,
    RECENT_DAYS,
    SCORE_HISTORY,
    THRESHOLD_DAYS,
    PastHours,
)
from audit_assets.detection.groups import SHARE_OF_GROUPS
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY
from audit_assets.detection.schemas import LITTLE_KNOWN, NEWCOMER, SCORES, WELL_KNOWN
from audit_assets.detection.severity import BUDGET_SHARES, severity_by_rarity
from audit_assets.detection.slow_types import add_slow_types

REASONS = {
    "p_volume": "volume",
    "p_novelty": "new_resource_type",
    "p_many_new": "many_new_resource_types",
    "p_slow": "new_resource_types_over_days",
    "p_deletes": "many_deletes",
}
"""The streams by their names for people."""

EXPONENTS = {"p_volume": 0.6, "p_novelty": 1.0, "p_many_new": 0.6, "p_slow": 1.0, "p_deletes": 0.6}
"""Except of newcomers, whose p are exact by the way they are made. p^0.6 is how often natural hours really have so
small a p: on the variants of the development set -ln p of all below
.1 exceeds -ln .1 by 1.4 to 2.2 (volume, from four active hours on), 1.2 to 2 (many new types) and .7 to 1.1 (novelty),
where an exact p exceeds it by 1. Without it volume takes the whole of a small budget where there are many types."""

OF_SLOW_TYPES, OF_DELETES = 0.1, 0.03
_OF_OTHERS = 1 - OF_SLOW_TYPES - OF_DELETES
SHARES = {
    "p_volume": _OF_OTHERS * 3 / 8,
    "p_novelty": _OF_OTHERS * 2 / 8,
    "p_many_new": _OF_OTHERS * 3 / 8,
    "p_slow": OF_SLOW_TYPES,
    "p_deletes": OF_DELETES,
}
"""How the streams share the budget. For the first three 3:2:3 finds .02 more than 5:2:3 on four sets of a year, above
all rare types and takeovers (docs/facts/detection.md, 2.7). Types that come slowly cost these nothing, and .1 more of
eight usual types on as many days are found; of three times the usual changes, all deletes, .6 in place of .3, for .003
of the other kinds; a share of .05 finds .8 for .011 (the development set at 1 ticket a day)."""

SHARES_OF_LESS_KNOWN = {LITTLE_KNOWN: 0.15, NEWCOMER: 0.15}
"""How much of the budget is for actors who are less well known; the rest is for the well-known. The development set has
32 % of its active hours from the well-known, 54 % from the little known and 14 % from newcomers: most of the budget is
for those whose past shows something, and .15 a day shows nearly all loud first hours (docs/detection.md, 4)."""

NO_CORRECTION = 1e-8
"""Below this p, 1 - (1 - p)^(1/share) is p/share to the last digit that a float holds of it."""

CEILINGS = {WELL_KNOWN: MAX_THRESHOLD, LITTLE_KNOWN: 0.25, NEWCOMER: 0.05}
"""No threshold is above these: where newcomers are rare, the first calm hours of one are no reason for a ticket."""

BUDGET_OF_HISTORY = 1.0
"""Tickets a day at which the organisation's past is ranked, whatever the budget of the hours that are judged."""

FLOORS = {WELL_KNOWN: 1e-2, LITTLE_KNOWN: 1e-2, NEWCOMER: 4e-3}
"""No past lowers the threshold of a budget of 1 a day below these: whatever an attacker does to the history, an hour
as extreme alerts. As extreme are .02, .004 and .17 natural hours a day of the development set; the last is what the
budget of newcomers allows, so that attacks by newcomers hardly tighten it for the next."""

MOST_OF_A_DAY = {WELL_KNOWN: 4, LITTLE_KNOWN: 2, NEWCOMER: 1}
"""Of the past so many hours a UTC day count in a threshold, the most extreme. Few natural days of the development set
have more, so that the rate stays what was requested; whoever is loud with many identities on one day moves it no
further than this."""

SAME_TICKET = timedelta(hours=24)
"""Instead of the 72 hours of 2.6: equal within error on the development set, and a shorter time hides less of what
follows a ticket."""


REACH = SCORE_HISTORY + ACTIVITY_HISTORY
"""So far back all looks that decides whether an hour alerts: scores, each made from the activity before it."""


def rank_scores(scores: pl.DataFrame, *, budget: float, since: datetime | None = None) -> pl.DataFrame:
    """Fills RANKED_COLUMNS of the hours from `since` on: joins the streams, marks what is no repeat and
    compares each hour with the threshold of a budget of tickets a day.

    Earlier hours are the organisation's history (SCORE_HISTORY suffices) and keep their values. Returns SCORES of the
    hours from `since` on: from the hours of one day and their history the same as from the whole stream.
    """
    judged = pl.lit(value=True) if since is None else pl.col("hour") >= since
    scores = add_slow_types(scores.sort("hour", "actor"), judged)
    scores = scores.with_columns(_joined_p(column).alias(f"joined_{column}") for column in SHARES)
    first = [pl.when(is_repeat(column)).then(1.0).otherwise(f"joined_{column}") for column in SHARES]
    scores = scores.with_columns(
        p=pl.when(judged).then(pl.min_horizontal(f"joined_{column}" for column in SHARES)).otherwise("p"),
        p_first=pl.when(judged).then(pl.min_horizontal(first)).otherwise("p_first"),
    )
    rates, thresholds = _compared(scores, budget, since)
    alerts = pl.col("p") <= pl.col("p_threshold")
    floors = {name: _floor(floor, budget) for name, floor in FLOORS.items()}
    floor = pl.col("familiarity").replace_strict(floors, return_dtype=pl.Float64)
    extreme = pl.when(pl.col("p") <= floor).then(budget * BUDGET_SHARES["high"])
    as_rare_as = pl.min_horizontal("tickets_a_day", extreme)  # whatever the past was made to look like
    known_days = (pl.col("hour") - pl.col("hour").min()).dt.total_days()
    return (
        scores.with_columns(
            tickets_a_day=pl.when(judged).then(rates).otherwise("tickets_a_day"), p_threshold=thresholds
        )
        .with_columns(
            flagged=alerts,
            reasons=pl.concat_list(
                pl.when(pl.col(f"joined_{column}") <= pl.col("p_threshold")).then(pl.lit(name))
                for column, name in REASONS.items()
            ).list.drop_nulls(),
            severity=pl.when(alerts).then(severity_by_rarity(as_rare_as, budget)),
            learning=pl.when(known_days < LEARNING_DAYS)
            .then(pl.concat_list("learning", pl.lit(["budget"])))
            .otherwise("learning"),
        )
        .filter(judged)
        .select(SCORES.names())
        .cast(SCORES)
    )


def _compared(scores: pl.DataFrame, budget: float, since: datetime | None) -> tuple[pl.Series, pl.Series]:
    """Per hour how many tickets a day there are for hours as extreme, and the threshold of the budget, both among the
    actors who are as well known; an actor's past counts once a day, for what it is first in."""
    hour = (scores["hour"].dt.epoch("s") // 3600).to_numpy()
    p, p_first = scores["p"].to_numpy(), scores.select(_once_a_day()).to_series().to_numpy()
    familiarity, counts = scores["familiarity"].to_numpy(), ~scores["confirmed"].to_numpy()
    first = 0 if since is None else int(since.timestamp()) // 3600
    began = int(hour[0]) // HOURS_A_DAY if len(hour) else 0
    seen, day = np.concatenate([[0], np.cumsum(counts)]), hour // HOURS_A_DAY
    known = np.clip(day - began, 0, THRESHOLD_DAYS)
    before = seen[np.searchsorted(day, day)] - seen[np.searchsorted(day, day - THRESHOLD_DAYS)]
    hours_a_day = np.where(known > 0, before / np.maximum(known, 1), DEFAULT_ACTIVE_HOURS_A_DAY)
    shares = _shares_of_budget(day, familiarity, counts, budget, began)
    rates, thresholds = np.full(len(p), np.inf), np.zeros(len(p))
    for name, floor in FLOORS.items():
        here = np.flatnonzero(familiarity == name)
        past = PastHours(
            hour[here],
            p_first[here],
            counts[here],
            hours_a_day[here],
            began=began,
            most_of_a_day=MOST_OF_A_DAY[name],
        )
        of_budget = past.thresholds(shares[here], since=first)
        thresholds[here] = np.clip(of_budget, _floor(floor, budget), CEILINGS[name])
        rates[here] = past.tickets_a_day(p[here], since=first) * budget / shares[here]
    return pl.Series(rates), pl.Series(thresholds)


def _once_a_day() -> pl.Expr:
    """Of an actor's hours of a UTC day the smallest `p_first`, else 1: sums over a day grow from hour to hour, so that
    each is more extreme than the one before, and the day is one ticket all the same."""
    unconfirmed = pl.when("confirmed").then(2.0).otherwise("p_first")
    smallest = unconfirmed.rank("ordinal").over("actor", pl.col("hour").dt.truncate("1d")) == 1
    return pl.when(smallest).then("p_first").otherwise(1.0)


def _floor(floor: float, budget: float) -> float:
    """The floor at a budget: with less than 1 a day it falls as fast as the p of natural hours, by its square."""
    return floor * min(budget, 1.0) ** 2


def _shares_of_budget(day: Ints, familiarity: np.ndarray, counts: Flags, budget: float, began: int) -> Floats:
    """Per hour, by its UTC day, how much of the budget is for actors who are as well known. What newcomers and the
    little known can't use, since there are few of them, is for the well-known."""
    shares, rest = np.zeros(len(day)), np.full(len(day), budget * (1 - SHARE_OF_GROUPS))
    for name, share in SHARES_OF_LESS_KNOWN.items():
        is_such = familiarity == name
        seen = np.concatenate([[0], np.cumsum(is_such & counts)])
        start, end = (np.searchsorted(day, day - before) for before in (RECENT_DAYS, 0))
        known_days = np.clip(day - began, 1, RECENT_DAYS)
        used = np.minimum(budget * share, CEILINGS[name] * (seen[end] - seen[start]) / known_days)
        shares, rest = np.where(is_such, budget * share, shares), rest - used
    return np.where(familiarity == WELL_KNOWN, rest, shares)


def _joined_p(column: str) -> pl.Expr:
    """The p of a stream for its share of the budget: P(one of 1/share such p is as small)."""
    exponent = pl.when(pl.col("familiarity") == NEWCOMER).then(1.0).otherwise(EXPONENTS[column])
    share, p = SHARES[column], pl.col(column) ** exponent
    return pl.when(p < NO_CORRECTION).then(p / share).otherwise(1 - (1 - p) ** (1 / share))


def is_repeat(column: str) -> pl.Expr:
    """Whether an earlier hour of the actor within SAME_TICKET, no confirmed one, was as extreme; the frame must be in
    order of time."""
    unconfirmed = pl.when("confirmed").then(float("inf")).otherwise(column)
    earlier = unconfirmed.rolling_min_by("hour", window_size=SAME_TICKET, closed="left").over("actor")
    return (earlier <= pl.col(column)).fill_null(value=False)
