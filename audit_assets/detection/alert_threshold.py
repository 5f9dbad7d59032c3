"""The alert threshold: the p below which an hour alerts, so that about as many tickets a day open as people can read.

The threshold follows from the organisation's own scores of the last 180 days, so that the number of tickets stays near
the budget even where the probabilities are not exact (docs/facts/detection.md, 2.4, "Multiple testing = alert budget").
Beyond the smallest of these scores it continues along an exponential tail of -ln p (a generalised Pareto of shape 0).
An attacker can add scores to the past, so that a few hours of one day can move it only so far.
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Flags, Floats, Ints

THRESHOLD_DAYS = 180
"""The threshold follows from the scores of so many days: instead of 60, +.03 recall at a quarter of a ticket a day
(docs/facts/detection.md, 2.7)."""

RECENT_DAYS = 60
"""How many active hours a day has is taken from these, so that an organisation that grows is not held to its past."""

LEARNING_DAYS = 14
"""With fewer days of scores, probabilities are taken as exact: the rate is p times the active hours of a day."""

TAIL_SIZE = 10
"""So many of the smallest scores make the tail."""

MIN_TAIL_SCALE = 1.0
"""The smallest scale of the tail of -ln p. Exact probabilities have 1; where all past hours are alike it would be 0,
and the first hour that differs would look rarer than any before."""

MOST_DAYS = 3 * THRESHOLD_DAYS
"""A past with more active hours a day than the recent ones counts as more days, but not as more than these."""

MOST_SCORES = 5000
"""Of more scores only so many of the smallest are read: budgets are below 80 tickets a day."""

DEFAULT_ACTIVE_HOURS_A_DAY = 20.0
"""Active hours of all actors in a day before any are known."""

MAX_THRESHOLD = 0.99
"""No threshold is above this: a p of 1 never alerts."""

SCORE_HISTORY = timedelta(days=THRESHOLD_DAYS + LEARNING_DAYS + 1)
"""Scores of so long before an hour decide what alerts in it: the days of the threshold, and a fortnight that shows
whether these only begin with quiet days or are not yet so many. Where less is known, less is taken."""


class PastHours:
    """The active hours of actors who are compared with each other, in order of time, and what their past allows.

    `hour` (since 1970); `p_first`, what counts of each in the past of later ones, if `counts`; `hours_a_day`: how many
    active hours a day everybody had before the day of each; `began`: the UTC day from which on the organisation's hours
    are known. Of a UTC day only the `most_of_a_day` smallest count, of an hour
    half as many: what 60 identities do in one loud hour is no more than what one or two do.
    """

    def __init__(
        self, hour: Ints, p_first: Floats, counts: Flags, hours_a_day: Floats, *, began: int, most_of_a_day: int
    ) -> None:
        self._hour, self._p, self._began, self._hours_a_day = hour, p_first, began, hours_a_day
        self._hours_before = np.concatenate([[0], np.cumsum(counts)])
        self._counts = counts.copy()
        self._counts[counts] = _among_smallest(hour[counts], p_first[counts], most_of_a_day)

    def tickets_a_day(self, p: Floats, *, since: int = 0) -> Floats:
        """Per hour from `since` on (infinite before): how many tickets a day a threshold at its p would have opened in
        the 180 days before its UTC day."""
        rates = np.full(len(p), np.inf)
        for here, past in self._days(since):
            rates[here] = past.tickets_a_day_at(p[here])
        rates[self._hour < since] = np.inf
        return rates

    def thresholds(self, tickets_a_day: Floats, *, since: int = 0) -> Floats:
        """Per hour from `since` on (0 before): the p at which as many tickets a day as its UTC day has would have been
        opened in the 180 days before the day. The inverse of `tickets_a_day`."""
        thresholds = np.zeros(len(self._hour))
        for here, past in self._days(since):
            thresholds[here] = past.threshold_at(float(tickets_a_day[here.start]))
        thresholds[self._hour < since] = 0
        return thresholds

    def _days(self, since: int) -> Iterator[tuple[slice, "PastScores"]]:
        """Per UTC day from `since` on: its active hours, and the scores of the days before."""
        day = self._hour // HOURS_A_DAY
        for today in np.unique(day[self._hour >= since]):
            start, end, first, recent = np.searchsorted(
                day, [today, today + 1, today - THRESHOLD_DAYS, today - RECENT_DAYS]
            )
            known = float(min(today - self._began, THRESHOLD_DAYS))
            hours, hours_recently = (self._hours_before[start] - self._hours_before[each] for each in (first, recent))
            if known > RECENT_DAYS and hours_recently:
                known = float(min(hours / (hours_recently / RECENT_DAYS), MOST_DAYS))
            past = slice(int(first), int(start))
            yield (
                slice(int(start), int(end)),
                PastScores(self._p[past][self._counts[past]], known, float(self._hours_a_day[start])),
            )


def _among_smallest(hour: Ints, p: Floats, most_of_a_day: int) -> Flags:
    """Whether each p is one of so many smallest of its UTC day, and of half as many of its hour."""
    ranks = pl.LazyFrame({"hour": hour, "p": p}).select(
        of_hour=pl.col("p").rank("ordinal").over("hour"),
        of_day=pl.col("p").rank("ordinal").over(pl.col("hour") // HOURS_A_DAY),
    )
    few = (pl.col("of_hour") <= (most_of_a_day + 1) // 2) & (pl.col("of_day") <= most_of_a_day)
    return ranks.select(few).collect().to_series().to_numpy()


class PastScores:
    """The p of some days: counted, interpolated in ln p, and continued by an exponential tail beyond the smallest."""

    def __init__(self, p: Floats, days: float, hours_a_day: float) -> None:
        """`hours_a_day` is what counts while there are too few scores."""
        self._days = days
        self.learning = days < LEARNING_DAYS or len(p) <= 2 * TAIL_SIZE
        self._active_hours_a_day = hours_a_day
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
