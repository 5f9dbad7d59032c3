"""The alert threshold: the p below which an hour alerts, so that about as many tickets a day open as people can read.

The threshold follows from the organisation's own scores of the last 60 days, so that the number of tickets stays near
the budget even where the probabilities are not exact (docs/facts/detection.md, 2.4, "Multiple testing = alert budget").
Beyond the smallest of these scores it continues along an exponential tail of -ln p (a generalised Pareto of shape 0).
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Flags, Floats, Ints

THRESHOLD_DAYS = 60
"""The threshold follows from the scores of so many days."""

LEARNING_DAYS = 14
"""With fewer days of scores, probabilities are taken as exact: the rate is p times the active hours of a day."""

TAIL_SIZE = 10
"""So many of the smallest scores make the tail."""

MIN_TAIL_SCALE = 1.0
"""The smallest scale of the tail of -ln p. Exact probabilities have 1; where all past hours are alike it would be 0,
and the first hour that differs would look rarer than any before."""

MOST_SCORES = 5000
"""Of more scores only so many of the smallest are read: budgets are below 80 tickets a day."""

DEFAULT_ACTIVE_HOURS_A_DAY = 20.0
"""Active hours of all actors in a day before any are known."""

MAX_THRESHOLD = 0.99
"""No threshold is above this: a repeat has the p 1, and never alerts."""

SCORE_HISTORY = timedelta(days=THRESHOLD_DAYS + LEARNING_DAYS + 1)
"""Scores of so long before an hour decide what alerts in it: the days of the threshold, and a fortnight that shows
whether these only begin with quiet days or are not yet so many."""

OVERSHOOT = 1.05
"""A threshold from the past is exceeded a little more often than requested, since unusual days come in clusters: on 12
streams without attacks (variants of the development set) 1.08, 1.07, 1.05 and 1.02 times at budgets of .25, .5, 1
and 2. Correcting by each stream's own past overshoot made it worse, 1.13 to 1.05."""


def estimate_tickets_a_day(hour: Ints, p: Floats, counts: Flags, *, since: int = 0) -> Floats:
    """Per active hour from `since` on (infinite before): how many tickets a day a threshold at its p would have
    opened in the 60 days before its UTC day. `hour` (since 1970) must be in order; hours that `counts` leaves out are
    no part of the past."""
    rates = np.full(len(p), np.inf)
    for here, past, days in _days(hour, since):
        rates[here] = PastScores(p[past][counts[past]], days).tickets_a_day_at(p[here])
    rates[hour < since] = np.inf
    return rates


def alert_thresholds(hour: Ints, p: Floats, counts: Flags, tickets_a_day: float, *, since: int = 0) -> Floats:
    """Per active hour from `since` on (0 before): the p at which so many tickets a day would have been opened in the
    60 days before its UTC day. The inverse of `estimate_tickets_a_day`."""
    thresholds = np.zeros(len(p))
    for here, past, days in _days(hour, since):
        thresholds[here] = PastScores(p[past][counts[past]], days).threshold_at(tickets_a_day)
    thresholds[hour < since] = 0
    return thresholds


def _days(hour: Ints, since: int) -> Iterator[tuple[slice, slice, int]]:
    """Per UTC day from `since` on: its active hours, those of the 60 days before, and how many of these are known."""
    day = hour // HOURS_A_DAY
    for today in np.unique(day[hour >= since]):
        start, end = np.searchsorted(day, [today, today + 1])
        past = slice(int(np.searchsorted(day, today - THRESHOLD_DAYS)), int(start))
        yield slice(int(start), int(end)), past, min(int(today - day[0]), THRESHOLD_DAYS)


class PastScores:
    """The p of some days: counted, interpolated in ln p, and continued by an exponential tail beyond the smallest."""

    def __init__(self, p: Floats, days: int) -> None:
        self._days = days
        self.learning = days < LEARNING_DAYS or len(p) <= 2 * TAIL_SIZE
        self._active_hours_a_day = len(p) / days if days else DEFAULT_ACTIVE_HOURS_A_DAY
        if self.learning:
            return
        smallest = np.sort(np.partition(p, MOST_SCORES)[:MOST_SCORES]) if len(p) > MOST_SCORES else np.sort(p)
        self._x = -np.log(np.maximum(smallest, 1e-300))
        self._edge = self._x[TAIL_SIZE - 1]
        self._count_at_edge = float((self._x >= self._edge).sum())
        self._scale = max(float((self._x[:TAIL_SIZE] - self._edge).mean()), MIN_TAIL_SCALE)

    def tickets_a_day_at(self, p: Floats) -> Floats:
        """How many hours a day are at most p."""
        if self.learning:
            return p * self._active_hours_a_day
        x = -np.log(np.maximum(p, 1e-300))
        counted = np.interp(-x, -self._x, np.arange(1, len(self._x) + 1))
        beyond = self._count_at_edge * np.exp(-np.maximum(x - self._edge, 0) / self._scale)
        return np.where(x > self._edge, beyond, counted) / self._days

    def threshold_at(self, tickets_a_day: float) -> float:
        """The p that so many hours a day are at most; never above MAX_THRESHOLD."""
        if self.learning:
            return min(tickets_a_day / max(self._active_hours_a_day, 1e-9), MAX_THRESHOLD)
        count = tickets_a_day * self._days
        if count < self._count_at_edge:
            x = self._edge - self._scale * np.log(max(count, 1e-300) / self._count_at_edge)
        else:
            x = np.interp(count, np.arange(1, len(self._x) + 1), self._x)
        return min(float(np.exp(-x)), MAX_THRESHOLD)
