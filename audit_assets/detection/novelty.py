"""How unusual it is that an actor touches resource types which it has not touched in 90 days, as probabilities.

One asks for the most surprising of the hour's new types, given how many of the actor's recent hours brought any. The
other asks whether they are too many, given the actor's own (Pitman-Yor) rate of new types: another person's habits
under the actor's name are many types that are new to it and usual to others. Which types are to be expected follows
from colleagues with similar types and from the whole organisation, as they were at the start of the day
(docs/facts/detection.md, 2.4 and 2.6). A type touched only in a confirmed incident stays new; one that people dismissed
for the actor is not new.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit_assets.detection.activity_arrays import HOURS_A_DAY, ActivityArrays, ActorWindows, Flags, Floats, Ints
from audit_assets.detection.binomials import beta_binomial_tail

MEMORY_HOURS = 90 * HOURS_A_DAY

DISCOUNT, CONCENTRATION = 0.5, 2.0
"""d and θ of Pitman-Yor (docs/facts/detection.md, 2.4, "Novelty")."""

PEERS_BEFORE_TRUST = 5.0
"""So many colleagues, effectively, weigh as much as the whole organisation (2.4, "Base law")."""

FIRST_USE_FACTOR = 2.0
"""How much more often an hour with new types brings one that nobody had than Good-Turing gives for a single (actor,
type) pair: 1.5 to 2.1 times in the natural hours of the development set, its halves and its refinements."""

RECENT_HOURS = 30 * HOURS_A_DAY
HOURS_BEFORE_TRUST, PRIOR_SHARE = 12.0, 0.25
"""An actor's share of hours with new types is drawn to a quarter as by 12 hours: 8 to 20 and .2 to .3 differ little
over halves of the year and of the actors. 90 days instead of 30 find as much, and would need half a year of history."""

RATE_CERTAINTY = 10.0
"""How firmly an actor's rate of new types is held, in types: 5 to 50 differ little on the development sets."""

NEVER = -(10**9)

SIMILARITY_PRECISION = 2.0**-30
"""How much two actors are alike is rounded to it: sums over all actors are exact, in whatever order they are made."""


@dataclass(frozen=True)
class NoveltyScores:
    """Per active hour: `p` of its most surprising new type, and `p_many` of the number of those new types that others
    have (both 1 without any); `surprise`, the sum of -ln t_k of its new types. Per touch: whether its type is `new` to
    the actor, and whether it is `new_to_organisation`."""

    p: Floats
    p_many: Floats
    surprise: Floats
    new: Flags
    new_to_organisation: Flags


def rate_of_new_types(pairs: Floats, types: Floats) -> Floats:
    """P(the next type is new) of an actor with so many (type, hour) pairs and distinct types in memory."""
    return (CONCENTRATION + DISCOUNT * types) / (CONCENTRATION + pairs)


def share_of_hours_with_new_types(hours: Floats, with_new_types: Floats) -> Floats:
    """P(an active hour brings new types) of an actor with so many recent hours, and so many of them with new types."""
    return (HOURS_BEFORE_TRUST * PRIOR_SHARE + with_new_types) / (HOURS_BEFORE_TRUST + hours)


def tail_mass(weights: Floats, unseen: float, known: Flags, types: Ints) -> Floats:
    """t_k of some types: q_0 + the sum of q_j over the types j that are not known and no more probable than k (2.4).

    `weights` are the unnormalised probabilities of all types, 0 for those never seen in the organisation, whose whole
    mass is `unseen`.
    """
    candidates = np.sort(weights[~known & (weights > 0)])
    asked, mass = weights[types], np.concatenate([[0.0], np.cumsum(candidates)])
    share = mass[np.searchsorted(candidates, asked, side="right")] / max(mass[-1], 1e-12)
    return np.where(asked > 0, unseen + (1 - unseen) * np.minimum(share, 1), unseen)


def expected_types(known: Flags, asked: Ints, own_sets: Flags) -> tuple[Floats, float]:
    """How much each type is to be expected of some actors (`asked`, a row for each), and the mass of types never seen
    in the organisation (2.4, "Base law" and "Good-Turing").

    `known` (actors x types, boolean) holds who touched what in the memory, `own_sets` the same of the asked ones, with
    what they touched in other accounts.
    """
    present = np.flatnonzero(known.any(axis=1))
    sets = known[present].astype(float)
    touched_by = sets.sum(axis=0)
    first_uses = FIRST_USE_FACTOR * (float((touched_by == 1).sum()) + 1)
    unseen = first_uses / (touched_by.sum() + first_uses)
    organisation = touched_by / max(len(present), 1)
    norms = np.outer(np.maximum(own_sets.sum(axis=1), 1), np.maximum(sets.sum(axis=1), 1))
    alike = np.rint((own_sets.astype(float) @ sets.T) ** 2 / norms / SIMILARITY_PRECISION) * SIMILARITY_PRECISION
    alike[asked[:, None] == present[None, :]] = 0
    weight = np.maximum(alike.sum(axis=1), 1e-12)
    effective = weight**2 / np.maximum((alike**2).sum(axis=1), 1e-12)
    trust = (effective / (effective + PEERS_BEFORE_TRUST))[:, None]
    return trust * (alike @ sets / weight[:, None]) + (1 - trust) * organisation, unseen


def score_novelty(activity: ActivityArrays, *, since: int = 0) -> NoveltyScores:
    """Scores the active hours from `since` on (hours since 1970) against the hours before each."""
    always_new = _find_new_touches(activity)
    new = always_new & (activity.touch_hour >= since) & ~activity.touch_elsewhere
    surprise, new_to_organisation = _surprises(activity, new)
    rate = rate_of_new_types(*(count.astype(float) for count in _count_remembered(activity)))
    new_types, new_and_shared, touched = (
        np.bincount(rows, minlength=len(rate))
        for rows in (activity.touch_row[new], activity.touch_row[new & ~new_to_organisation], activity.touch_row)
    )
    smallest = np.ones(len(rate))
    np.minimum.at(smallest, activity.touch_row[new], surprise[new])
    share_of_hours = _share_of_hours(activity, always_new)
    return NoveltyScores(
        p=np.where(new_types > 0, share_of_hours * sidak_corrected(smallest, new_types), 1.0),
        p_many=p_of_many_new_types(new_and_shared, touched, rate),
        surprise=np.bincount(activity.touch_row[new], -np.log(surprise[new]), len(rate)).astype(np.float64),
        new=new,
        new_to_organisation=new_to_organisation,
    )


def sidak_corrected(smallest: Floats, tests: Ints) -> Floats:
    """P(the smallest of so many independent p is as small as this)."""
    return -np.expm1(np.maximum(tests, 1) * np.log1p(-np.minimum(smallest, 1 - 1e-12)))


def p_of_many_new_types(new: Ints, touched: Ints, rate: Floats) -> Floats:
    """P(so many of the types touched are new), beta-binomial about the actor's own rate of new types: 1 for an actor
    without a memory, to whom every type is new."""
    known = rate < 1
    rate = np.where(known, rate, 0.5)
    many = beta_binomial_tail(new, touched, RATE_CERTAINTY * rate, RATE_CERTAINTY * (1 - rate))
    return np.where(known & (new > 0), many, 1.0)


def _find_new_touches(activity: ActivityArrays) -> Flags:
    """Per touch whether its actor touched the type in no hour of the memory before, and nobody dismissed that."""
    hour = activity.touch_hour
    span = int(hour.max(initial=0)) + 3 * MEMORY_HOURS
    key = (activity.touch_actor * len(activity.resource_types) + activity.touch_type) * span + hour
    order = np.argsort(key)
    remembered = np.maximum.accumulate(np.where(activity.touch_confirmed, NEVER, key)[order])
    new = np.ones(len(hour), dtype=bool)
    new[order[1:]] = key[order[1:]] - remembered[:-1] > MEMORY_HOURS
    return new & ~activity.touch_dismissed


def _count_remembered(activity: ActivityArrays) -> tuple[Ints, Ints]:
    """n and K of each active hour: the (type, hour) pairs in memory and their distinct types.

    A type is remembered from its first touch to 90 days after the last one; K counts the spans that are open.
    """
    usual = ~activity.touch_confirmed
    actor, kind, hour = activity.touch_actor[usual], activity.touch_type[usual], activity.touch_hour[usual]
    if not len(hour):
        return np.zeros_like(activity.hour), np.zeros_like(activity.hour)
    span = int(activity.hour.max(initial=0)) + 3 * MEMORY_HOURS
    order = np.lexsort((hour, kind, actor))
    key = (actor * span + hour)[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(kind[order]) != 0) | (np.diff(key) > MEMORY_HOURS) | (np.diff(actor[order]) != 0)
    first = np.concatenate([[True], last[:-1]])
    own, actors_first = activity.actor * span + activity.hour, activity.actor * span

    def count_before(moments: Ints, since: Ints) -> Ints:
        moments = np.sort(moments)
        return (np.searchsorted(moments, own) - np.searchsorted(moments, since)).astype(np.int64)

    pairs = count_before(key, np.maximum(own - MEMORY_HOURS, actors_first))
    closed = count_before(key[last] + MEMORY_HOURS + 1, actors_first)
    return pairs, count_before(key[first], actors_first) - closed


def _share_of_hours(activity: ActivityArrays, new: Flags) -> Floats:
    """Per active hour how often the actor's hours of the 30 days before brought new types."""
    windows = ActorWindows(activity)
    recent = windows.bounds(RECENT_HOURS, 0)
    usual = ~activity.confirmed
    with_new_types = usual & (np.bincount(activity.touch_row[new], minlength=len(usual)) > 0)
    counts = (windows.sums(flags.astype(float), recent) for flags in (usual, with_new_types))
    return share_of_hours_with_new_types(*counts)


def _surprises(activity: ActivityArrays, new: Flags) -> tuple[Floats, Flags]:
    """Per touch the mass t_k of its type as expected of its actor on its day, and whether nobody ever had the type."""
    surprise, new_to_organisation = np.ones(len(new)), np.zeros(len(new), dtype=bool)
    touch_actor = activity.touch_actor
    for of_day, known, own in _days_with_new_types(activity, new):
        touches = of_day[np.argsort(touch_actor[of_day], kind="stable")]
        actors, first = np.unique(touch_actor[touches], return_index=True)
        weights, unseen = expected_types(known, actors, own[actors])
        for row, of_actor in enumerate(np.split(touches, first[1:])):
            types = activity.touch_type[of_actor]
            surprise[of_actor] = tail_mass(weights[row], unseen, own[actors[row]], types)
            new_to_organisation[of_actor] = weights[row][types] <= 0
    return surprise, new_to_organisation


def _days_with_new_types(activity: ActivityArrays, new: Flags) -> Iterator[tuple[Ints, Flags, Flags]]:
    """Per UTC day with new types: these touches, who had touched what in the 90 days before the day, and the same with
    what actors had touched in other accounts."""
    last = np.full((len(activity.actors), len(activity.resource_types)), NEVER, dtype=np.int32)
    actor, kind, hour = activity.touch_actor, activity.touch_type, activity.touch_hour
    counts, elsewhere = ~activity.touch_confirmed, activity.touch_elsewhere
    last_anywhere = last.copy() if elsewhere.any() else last
    day = hour // HOURS_A_DAY
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    ends = np.append(starts, len(day))[1:]
    for start, end in zip(starts, ends, strict=True):
        touches = np.flatnonzero(new[start:end]) + start
        if len(touches):
            oldest = day[start] * HOURS_A_DAY - MEMORY_HOURS
            yield touches, last >= oldest, last_anywhere >= oldest
        usual = np.flatnonzero(counts[start:end]) + start
        last_anywhere[actor[usual], kind[usual]] = hour[usual]
        here = usual[~elsewhere[usual]]
        last[actor[here], kind[here]] = hour[here]
