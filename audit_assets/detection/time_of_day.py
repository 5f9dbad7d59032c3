"""How usual it is that an actor is active at this time: an intruder often keeps other hours than the actor.

A day has 24 hours, and working days differ from weekends. How often the actor's hours of the 90 days before were near
the time is compared with the time at which it is active most (docs/facts/detection.md, 2.7).
"""

from dataclasses import dataclass

import numpy as np

from audit_assets.detection.activity_arrays import HOURS_A_DAY, ActivityArrays, ActorWindows, Floats

REMEMBERED_HOURS = 90 * HOURS_A_DAY

NEAR = {-2: 0.14, -1: 0.22, 0: 0.28, 1: 0.22, 2: 0.14}
"""How much an hour counts for the times up to two hours beside it: work shifts, and clocks are changed twice a year."""

PRIOR_HOURS = 10.0
"""Hours at any time that are added to the actor's own: with few active hours no time is unusual."""

USUAL_SHARE, LEAST_SHARE = 0.3, 0.02
"""From .3 of its most frequent time on a time is usual, and below .02 none gets more unusual: with .1 in place of .3,
mean recall at a quarter of a ticket a day is .01 lower on the development set; without this module .013, and takeovers
.07."""

MONDAY = 3
"""1970 began on a Thursday."""


@dataclass(frozen=True)
class TimesOfDay:
    """Per active hour: `factor`, by which a p gets smaller, 1 at usual times; `share` of the actor's active hours of 90
    days that were within two hours of the time, on such a day (NaN without any)."""

    factor: Floats
    share: Floats


def find_unusual_times(activity: ActivityArrays) -> TimesOfDay:
    """How usual the time of each active hour is, from the actor's hours before; those of confirmed incidents are none
    of its own."""
    windows, counts = ActorWindows(activity), (~activity.confirmed).astype(float)
    before = windows.bounds(REMEMBERED_HOURS, 0)
    time = activity.hour % HOURS_A_DAY
    is_weekend = (activity.hour // HOURS_A_DAY + MONDAY) % 7 >= 5
    total, most = windows.sums(counts, before), np.zeros(len(time))
    at_time, within = np.zeros(len(time)), np.zeros(len(time))
    for weekend in (False, True):
        of_days = counts * (is_weekend == weekend)
        by_time = [windows.sums(of_days * (time == each), before) for each in range(HOURS_A_DAY)]
        for each in range(HOURS_A_DAY):
            near = np.array([by_time[(each + shift) % HOURS_A_DAY] for shift in NEAR])
            weighed = np.array([*NEAR.values()]) @ near
            most = np.maximum(most, weighed)
            here = (time == each) & (is_weekend == weekend)
            at_time[here], within[here] = weighed[here], near.sum(axis=0)[here]
    prior = PRIOR_HOURS / (2 * HOURS_A_DAY)
    relative = (at_time + prior) / (most + prior)
    factor = np.sqrt(np.clip(relative / USUAL_SHARE, LEAST_SHARE, 1.0))
    share = np.divide(within, total, out=np.full(len(time), np.nan), where=total > 0)
    return TimesOfDay(factor, share)
