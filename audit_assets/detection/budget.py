"""How often a day an hour as extreme as this comes, from the scores of the last 60 days, and so what rings.

People say how many tickets a day they can read; the threshold follows from the stream's own scores, not from the
probabilities being right (facts/detection.md, 2.4, "Multiple testing = alert budget"). Beyond the smallest scores of
the 60 days an exponential tail of -ln p goes on (a generalised Pareto of shape 0).
"""

from datetime import timedelta

import numpy as np
import polars as pl

from audit_assets.detection.coding import HOURS_A_DAY, Floats, Ints

MEMORY_DAYS = 60
LEARNING_DAYS = 14
"""Before so much history the scores are taken at their word: p times the active hours of a day."""

TAIL = 10
"""So many of the smallest scores make the tail."""

KEPT = 5000
"""Of more scores than this only the smallest are looked at: budgets end below 80 tickets a day."""

USUAL_LOAD = 20.0
"""Active actor-hours a day before any are known."""

SEVERITIES = {"urgent": 0.1, "high": 1 / 3, "medium": 0.75, "low": 1.0}
"""Shares of the budget, editable: of the tickets a tenth is urgent, a third urgent or high."""


HISTORY = timedelta(days=MEMORY_DAYS + LEARNING_DAYS + 1)
"""So many days of scores before an hour decide what rings in it."""

TRUST_DAYS = 10
"""So many days of a budget kept exactly stand beside what was realised: a first ticket does not halve the next."""


def tickets_a_day(hour: Ints, p: Floats, *, since: int = 0) -> Floats:
    """Per active hour from `since` on (infinite before): how many tickets a day a threshold at its p would have
    opened in the 60 days before its UTC day. `hour` (since 1970) must be in order."""
    rates = np.full(len(p), np.inf)
    day = hour // HOURS_A_DAY
    for today in np.unique(day[hour >= since]):
        start, end = np.searchsorted(day, [today, today + 1])
        past = slice(int(np.searchsorted(day, today - MEMORY_DAYS)), int(start))
        days = min(int(today - day[0]), MEMORY_DAYS)
        rates[start:end] = rate_at(p[start:end], p[past], days)
    rates[hour < since] = np.inf
    return rates


def rate_at(p: Floats, past: Floats, days: int) -> Floats:
    """How many of `past` a day are as small as p: counted, and interpolated in ln p; an exponential tail beyond."""
    if days < LEARNING_DAYS or len(past) <= 2 * TAIL:
        return p * (len(past) / days if days else USUAL_LOAD)
    least = np.sort(np.partition(past, KEPT)[:KEPT]) if len(past) > KEPT else np.sort(past)
    x = -np.log(np.maximum(least, 1e-300))
    asked = -np.log(np.maximum(p, 1e-300))
    counted = np.interp(-asked, -x, np.arange(1, len(x) + 1))
    edge = x[TAIL - 1]
    scale = max(float((x[:TAIL] - edge).mean()), 1e-9)
    beyond = TAIL * np.exp(-np.maximum(asked - edge, 0) / scale)
    return np.where(asked > edge, beyond, counted) / days


def realised(hour: Ints, rates: Floats, budget: float) -> Floats:
    """Per active hour: tickets in the 60 days before its day over those that the budget allowed.

    A threshold from the past is exceeded a little more often than asked, since unusual days come in clusters;
    multiplied with this, the rate keeps to the budget.
    """
    day = hour // HOURS_A_DAY
    rung = np.concatenate([[0], np.cumsum(rates <= budget)])
    learnt = day.min(initial=0) + LEARNING_DAYS
    since = np.searchsorted(day, np.maximum(day - MEMORY_DAYS, learnt))
    until = np.maximum(np.searchsorted(day, day), since)
    days = np.clip(day - learnt, 0, MEMORY_DAYS)
    return (rung[until] - rung[since] + budget * TRUST_DAYS) / (budget * (days + TRUST_DAYS))


def severity(rate: pl.Expr, budget: float) -> pl.Expr:
    """The severity of a ticket from how rare its like is; null for what does not ring."""
    chosen = pl.lit(None, pl.String)
    for name, share in reversed(SEVERITIES.items()):
        chosen = pl.when(rate <= budget * share).then(pl.lit(name)).otherwise(chosen)
    return chosen
