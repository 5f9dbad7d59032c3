"""How often a day an hour as extreme as this comes, from the scores of the last 60 days, and so what rings.

People say how many tickets a day they can read; the threshold follows from the stream's own scores, not from the
probabilities being right (docs/facts/detection.md, 2.4, "Multiple testing = alert budget"). Beyond the smallest scores of
the 60 days an exponential tail of -ln p goes on (a generalised Pareto of shape 0).
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Flags, Floats, Ints

MEMORY_DAYS = 60
LEARNING_DAYS = 14
"""Before so much history the scores are taken at their word: p times the active hours of a day."""

TAIL = 10
"""So many of the smallest scores make the tail."""

LEAST_SCALE = 1.0
"""Of the tail of -ln p. Right probabilities have 1; where the past is all alike it would be 0, and the first hour that
is not would look like none before."""

KEPT = 5000
"""Of more scores than this only the smallest are looked at: budgets end below 80 tickets a day."""

USUAL_LOAD = 20.0
"""Active actor-hours a day before any are known."""

LEAST_UNUSUAL = 0.99
"""No threshold lies above it: a repeat, which has 1, never rings."""

SEVERITIES = {"urgent": 0.1, "high": 1 / 3, "medium": 0.75, "low": 1.0}
"""Shares of the budget, editable: of the tickets a tenth is urgent, a third urgent or high."""


HISTORY = timedelta(days=MEMORY_DAYS + LEARNING_DAYS + 1)
"""So many days of scores before an hour decide what rings in it: the memory, and a fortnight that tells a memory which
begins with quiet days from one that is not full yet."""

CLUSTERS = 1.05
"""A threshold from the past is exceeded a little more often than asked, since unusual days come in clusters: on 12
streams without attacks (variants of the development set) 1.08, 1.07, 1.05 and 1.02 times at budgets of .25, .5, 1
and 2. Correcting by each stream's own past overshoot made it worse, 1.13 to 1.05."""


def tickets_a_day(hour: Ints, p: Floats, counts: Flags, *, since: int = 0) -> Floats:
    """Per active hour from `since` on (infinite before): how many tickets a day a threshold at its p would have
    opened in the 60 days before its UTC day. `hour` (since 1970) must be in order; only what `counts` is the past."""
    rates = np.full(len(p), np.inf)
    for here, past, days in _days(hour, since):
        rates[here] = Past(p[past][counts[past]], days).rate_at(p[here])
    rates[hour < since] = np.inf
    return rates


def limits(hour: Ints, p: Floats, counts: Flags, rate: float, *, since: int = 0) -> Floats:
    """Per active hour from `since` on (0 before): the p at which so many tickets a day (`rate`) would have been opened
    in the 60 days before its UTC day. The inverse of `tickets_a_day`."""
    at = np.zeros(len(p))
    for here, past, days in _days(hour, since):
        at[here] = Past(p[past][counts[past]], days).limit_at(rate)
    at[hour < since] = 0
    return at


def _days(hour: Ints, since: int) -> Iterator[tuple[slice, slice, int]]:
    """Per UTC day from `since` on: its active hours, those of the 60 days before, and how many of these are known."""
    day = hour // HOURS_A_DAY
    for today in np.unique(day[hour >= since]):
        start, end = np.searchsorted(day, [today, today + 1])
        past = slice(int(np.searchsorted(day, today - MEMORY_DAYS)), int(start))
        yield slice(int(start), int(end)), past, min(int(today - day[0]), MEMORY_DAYS)


class Past:
    """The p of some days: counted, and interpolated in ln p; an exponential tail beyond the smallest."""

    def __init__(self, p: Floats, days: int) -> None:
        self._days = days
        self.learning = days < LEARNING_DAYS or len(p) <= 2 * TAIL
        self._load = len(p) / days if days else USUAL_LOAD
        if self.learning:
            return
        least = np.sort(np.partition(p, KEPT)[:KEPT]) if len(p) > KEPT else np.sort(p)
        self._x = -np.log(np.maximum(least, 1e-300))
        self._edge = self._x[TAIL - 1]
        self._at_edge = float((self._x >= self._edge).sum())
        self._scale = max(float((self._x[:TAIL] - self._edge).mean()), LEAST_SCALE)

    def rate_at(self, p: Floats) -> Floats:
        """How many a day are as small as p."""
        if self.learning:
            return p * self._load
        asked = -np.log(np.maximum(p, 1e-300))
        counted = np.interp(-asked, -self._x, np.arange(1, len(self._x) + 1))
        beyond = self._at_edge * np.exp(-np.maximum(asked - self._edge, 0) / self._scale)
        return np.where(asked > self._edge, beyond, counted) / self._days

    def limit_at(self, rate: float) -> float:
        """The p that so many a day are as small as; at most LEAST_UNUSUAL."""
        if self.learning:
            return min(rate / max(self._load, 1e-9), LEAST_UNUSUAL)
        count = rate * self._days
        if count < self._at_edge:
            x = self._edge - self._scale * np.log(max(count, 1e-300) / self._at_edge)
        else:
            x = np.interp(count, np.arange(1, len(self._x) + 1), self._x)
        return min(float(np.exp(-x)), LEAST_UNUSUAL)


def severity(rate: pl.Expr, budget: float) -> pl.Expr:
    """The severity of a ticket from how rare its like is; null for what does not ring."""
    chosen = pl.lit(None, pl.String)
    for name, share in reversed(SEVERITIES.items()):
        chosen = pl.when(rate <= budget * share).then(pl.lit(name)).otherwise(chosen)
    return chosen
