"""How unusual it is that so many of an actor's changes are deletes: a few deletes are no burst, and can do most harm.

Beta-binomial about the share of deletes in the actor's changes of the 90 days before (docs/facts/detection.md, 2.7).
"""

from dataclasses import dataclass

import numpy as np

from audit_assets.detection.activity_arrays import HOURS_A_DAY, ActivityArrays, ActorWindows, Floats
from audit_assets.detection.binomials import beta_binomial_tail

REMEMBERED_HOURS = 90 * HOURS_A_DAY

PRIOR_DELETES, PRIOR_CHANGES = 1.0, 5.0
"""An actor without a past deletes with one change in five."""

CERTAINTY = 3.0
"""How firmly an actor's share is held, in changes: deletes come many at a time."""

FEWEST_DELETES = 3
"""Fewer are no reason for a ticket."""


@dataclass(frozen=True)
class DeleteScores:
    """Per active hour: `p` of so many deletes among its changes, and the `usual_share` of deletes."""

    p: Floats
    usual_share: Floats


def score_deletes(activity: ActivityArrays) -> DeleteScores:
    """Scores every active hour against the actor's hours before; those of confirmed incidents count for nothing."""
    windows, counted = ActorWindows(activity), ~activity.confirmed
    before = windows.bounds(REMEMBERED_HOURS, 0)
    deletes, changes = (
        windows.sums((each * counted).astype(float), before) for each in (activity.deletes, activity.changes)
    )
    share = (deletes + PRIOR_DELETES) / (changes + PRIOR_CHANGES)
    p = beta_binomial_tail(activity.deletes, activity.changes, CERTAINTY * share, CERTAINTY * (1 - share))
    return DeleteScores(np.where(activity.deletes >= FEWEST_DELETES, p, 1.0), share)
