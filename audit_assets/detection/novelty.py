"""How unusual it is that an actor touches resource types which it has not touched in 90 days, as a probability.

Pitman–Yor over distinct (type, hour) pairs for the actor's own rate of bringing new types; colleagues with similar
types and the whole organisation, as they were at the start of the day, for which types are to be expected
(facts/detection.md, 2.4 and 2.6).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit_assets.detection.coding import HOURS_A_DAY, Coded, Floats, Ints

MEMORY_HOURS = 90 * HOURS_A_DAY
DISCOUNT, CONCENTRATION = 0.5, 2.0
PEERS_BEFORE_TRUST = 5.0
NEVER = -(10**9)


@dataclass(frozen=True)
class NoveltyScores:
    """Per active hour: `p` (1 without a new type), and per touch whether its type is `new` to the actor, new to the
    organisation (`unheard`), and how surprising it is alone (`touch_p`)."""

    p: Floats
    new_types: Ints
    new: np.ndarray
    unheard: np.ndarray
    touch_p: Floats


def rate_of_new_types(pairs: Floats, types: Floats) -> Floats:
    """P(the next type is new) of an actor with so many (type, hour) pairs and distinct types in memory."""
    return (CONCENTRATION + DISCOUNT * types) / (CONCENTRATION + pairs)


def tail_mass(law: Floats, unseen: float, is_new: np.ndarray) -> Floats:
    """t_k = q_0 + Σ q_j over the types j that are unknown to the actor and no more probable than k (2.4).

    `law` is unnormalised over all types, 0 for those never seen in the organisation, whose whole mass is `unseen`.
    """
    candidates = np.where(is_new, law, 0.0)
    total = candidates.sum()
    if total <= 0:
        return np.where(law > 0, 1.0, unseen)
    order = np.argsort(candidates, kind="stable")
    sums = np.cumsum(candidates[order])
    up_to = np.searchsorted(candidates[order], candidates * (1 + 1e-12), side="right") - 1
    return np.where(law > 0, unseen + (1 - unseen) * sums[up_to] / total, unseen)


def _news(stream: Coded) -> np.ndarray:
    """Per touch whether its actor touched the type in none of the hours of the memory before."""
    owner, hour = stream.touch_actor, stream.touch_hour
    order = np.lexsort((hour, stream.touch_type, owner))
    same = (np.diff(owner[order]) == 0) & (np.diff(stream.touch_type[order]) == 0)
    gap = np.diff(hour[order])
    new = np.ones(len(hour), dtype=bool)
    new[order[1:]] = ~(same & (gap <= MEMORY_HOURS))
    return new


def _remembered(stream: Coded) -> tuple[Ints, Ints]:
    """n and K of each active hour: the (type, hour) pairs in memory and their distinct types.

    A type is remembered from its first touch to 90 days after the last one; K counts the spans that are open.
    """
    actor, hour = stream.touch_actor, stream.touch_hour
    span = int(stream.hour.max(initial=0)) + 3 * MEMORY_HOURS
    order = np.lexsort((hour, stream.touch_type, actor))
    key = (actor * span + hour)[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(stream.touch_type[order]) != 0) | (np.diff(key) > MEMORY_HOURS) | (np.diff(actor[order]) != 0)
    first = np.concatenate([[True], last[:-1]])
    own, actors_first = stream.actor * span + stream.hour, stream.actor * span

    def before(moments: Ints, since: Ints) -> Ints:
        moments = np.sort(moments)
        return (np.searchsorted(moments, own) - np.searchsorted(moments, since)).astype(np.int64)

    pairs = before(key, np.maximum(own - MEMORY_HOURS, actors_first))
    return pairs, before(key[first], actors_first) - before(key[last] + MEMORY_HOURS + 1, actors_first)


def laws(known: np.ndarray, asked: Ints) -> tuple[np.ndarray, float]:
    """The base law over types of some actors (rows), and the mass of types never seen in the organisation.

    `known` (actors × types, boolean) says who touched what in the memory (2.4, "Base law", "Good–Turing").
    """
    present = np.flatnonzero(known.any(axis=1))
    sets = known[present].astype(np.float32)
    touched_by = sets.sum(axis=0).astype(float)
    once = float((touched_by == 1).sum())
    unseen = (once + 1) / (touched_by.sum() + once + 1)
    organisation = touched_by / max(len(present), 1)
    mine = known[asked].astype(np.float32)
    norms = np.sqrt(np.outer(np.maximum(mine.sum(axis=1), 1), np.maximum(sets.sum(axis=1), 1)))
    alike = (mine @ sets.T / norms) ** 2
    alike[asked[:, None] == present[None, :]] = 0
    weight = np.maximum(alike.sum(axis=1), 1e-12)
    effective = weight**2 / np.maximum((alike**2).sum(axis=1), 1e-12)
    trust = (effective / (effective + PEERS_BEFORE_TRUST))[:, None]
    return trust * (alike @ sets / weight[:, None]) + (1 - trust) * organisation, unseen


def novelty_scores(stream: Coded) -> NoveltyScores:
    """Scores every active hour of a stream against what lay before it."""
    new = _news(stream)
    pairs, types = _remembered(stream)
    surprise = np.ones(len(new))
    unheard = np.zeros(len(new), dtype=bool)
    for touches, known in _days(stream, new):
        actor, asked = np.unique(stream.touch_actor[touches], return_inverse=True)
        law, unseen = laws(known, actor)
        for row in range(len(actor)):
            of_actor = touches[asked == row]
            mass = tail_mass(law[row], unseen, ~known[actor[row]])
            surprise[of_actor] = mass[stream.touch_type[of_actor]]
            unheard[of_actor] = law[row][stream.touch_type[of_actor]] <= 0
    touch_p = np.where(new, rate_of_new_types(pairs, types)[stream.touch_row] * surprise, 1.0)
    count = np.bincount(stream.touch_row[new], minlength=len(stream.hour))
    least = np.ones(len(stream.hour))
    np.minimum.at(least, stream.touch_row[new], surprise[new])
    p = rate_of_new_types(pairs, types) * -np.expm1(np.maximum(count, 1) * np.log1p(-np.minimum(least, 1 - 1e-12)))
    return NoveltyScores(
        p=np.where(count > 0, p, 1.0), new_types=count, new=new, unheard=unheard, touch_p=touch_p
    )


def _days(stream: Coded, new: np.ndarray) -> Iterator[tuple[Ints, np.ndarray]]:
    """Per UTC day with new types: these touches, and who had touched what in the 90 days before the day."""
    last = np.full((len(stream.actors), len(stream.types)), NEVER, dtype=np.int32)
    day = stream.touch_hour // HOURS_A_DAY
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    ends = np.append(starts[1:], len(day))
    for start, end in zip(starts, ends, strict=True):
        touches = np.flatnonzero(new[start:end]) + start
        if len(touches):
            yield touches, last >= day[start] * HOURS_A_DAY - MEMORY_HOURS
        last[stream.touch_actor[start:end], stream.touch_type[start:end]] = stream.touch_hour[start:end]
