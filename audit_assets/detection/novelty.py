"""How unusual it is that an actor touches resource types which it has not touched in 90 days, as probabilities.

One asks for the most surprising of the hour's new types, the other whether they are too many: another person's habits
under the actor's name are many types that are new to it and usual to others. The actor's own rate of new types is for
the first its share of recent hours that brought any, for the other that of Pitman-Yor over distinct (type, hour) pairs.
Colleagues with similar types and the whole organisation, as they were at the start of the day, say which types are to
be expected (docs/facts/detection.md, 2.4 and 2.6). A type that was touched only in a confirmed incident stays new;
one that people dismissed for the actor is none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import betabinom

from audit_assets.detection.activity_arrays import HOURS_A_DAY, Coded, Flags, Floats, Ints, Spans

MEMORY_HOURS = 90 * HOURS_A_DAY
DISCOUNT, CONCENTRATION = 0.5, 2.0
PEERS_BEFORE_TRUST = 5.0

UNHEARD = 2.0
"""How much more often an hour with new types brings one that nobody had than Good-Turing says of a single (actor, type)
pair: 1.5 to 2.1 times in the natural hours of the development set, its halves and its refinements."""

RECENT_HOURS = 30 * HOURS_A_DAY
HOURS_BEFORE_TRUST, USUAL_SHARE = 12.0, 0.25
"""An actor's share of hours with new types is drawn to a quarter as by 12 hours: 8 to 20 and .2 to .3 differ little
over halves of the year and of the actors. 90 days instead of 30 find as much, and would need half a year of history."""

CERTAINTY = 10.0
"""How firmly an actor's rate of new types is held, in types: 5 to 50 differ little on the development sets."""

NEVER = -(10**9)

FINEST = 2.0**-30
"""How much two actors are alike is rounded to it: sums over all actors are exact, in whatever order they are made."""


@dataclass(frozen=True)
class NoveltyScores:
    """Per active hour: `p` of its most surprising new type, `p_many` of the number of those that others have (both 1
    without any), and `new_types`, how many are new. Per touch: whether its type is `new` to the actor, and whether it
    is `unheard` of in the organisation."""

    p: Floats
    p_many: Floats
    new_types: Ints
    new: Flags
    unheard: Flags


def rate_of_new_types(pairs: Floats, types: Floats) -> Floats:
    """P(the next type is new) of an actor with so many (type, hour) pairs and distinct types in memory."""
    return (CONCENTRATION + DISCOUNT * types) / (CONCENTRATION + pairs)


def share_of_hours_with_news(hours: Floats, with_news: Floats) -> Floats:
    """P(an active hour brings new types) of an actor with so many recent hours, and so many of them with new types."""
    return (HOURS_BEFORE_TRUST * USUAL_SHARE + with_news) / (HOURS_BEFORE_TRUST + hours)


def tail_mass(law: Floats, unseen: float, known: Flags, types: Ints) -> Floats:
    """t_k of some types: q_0 + the sum of q_j over the types j that are not known and no more probable than k (2.4).

    `law` is unnormalised over all types, 0 for those never seen in the organisation, whose whole mass is `unseen`.
    """
    candidates = np.sort(law[~known & (law > 0)])
    asked, mass = law[types], np.concatenate([[0.0], np.cumsum(candidates)])
    share = mass[np.searchsorted(candidates, asked, side="right")] / max(mass[-1], 1e-12)
    return np.where(asked > 0, unseen + (1 - unseen) * np.minimum(share, 1), unseen)


def _news(stream: Coded) -> Flags:
    """Per touch whether its actor touched the type in no hour of the memory before, and nobody called that usual."""
    hour = stream.touch_hour
    span = int(hour.max(initial=0)) + 3 * MEMORY_HOURS
    key = (stream.touch_actor * len(stream.types) + stream.touch_type) * span + hour
    order = np.argsort(key)
    remembered = np.maximum.accumulate(np.where(stream.touch_confirmed, NEVER, key)[order])
    new = np.ones(len(hour), dtype=bool)
    new[order[1:]] = key[order[1:]] - remembered[:-1] > MEMORY_HOURS
    return new & ~stream.touch_dismissed


def _remembered(stream: Coded) -> tuple[Ints, Ints]:
    """n and K of each active hour: the (type, hour) pairs in memory and their distinct types.

    A type is remembered from its first touch to 90 days after the last one; K counts the spans that are open.
    """
    usual = ~stream.touch_confirmed
    actor, kind, hour = stream.touch_actor[usual], stream.touch_type[usual], stream.touch_hour[usual]
    if not len(hour):
        return np.zeros_like(stream.hour), np.zeros_like(stream.hour)
    span = int(stream.hour.max(initial=0)) + 3 * MEMORY_HOURS
    order = np.lexsort((hour, kind, actor))
    key = (actor * span + hour)[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(kind[order]) != 0) | (np.diff(key) > MEMORY_HOURS) | (np.diff(actor[order]) != 0)
    first = np.concatenate([[True], last[:-1]])
    own, actors_first = stream.actor * span + stream.hour, stream.actor * span

    def before(moments: Ints, since: Ints) -> Ints:
        moments = np.sort(moments)
        return (np.searchsorted(moments, own) - np.searchsorted(moments, since)).astype(np.int64)

    pairs = before(key, np.maximum(own - MEMORY_HOURS, actors_first))
    return pairs, before(key[first], actors_first) - before(key[last] + MEMORY_HOURS + 1, actors_first)


def laws(known: Flags, asked: Ints) -> tuple[Floats, float]:
    """The base law over types of some actors (rows), and the mass of types never seen in the organisation.

    `known` (actors x types, boolean) says who touched what in the memory (2.4, "Base law", "Good-Turing").
    """
    present = np.flatnonzero(known.any(axis=1))
    sets = known[present].astype(float)
    touched_by = sets.sum(axis=0)
    unheard = UNHEARD * (float((touched_by == 1).sum()) + 1)
    unseen = unheard / (touched_by.sum() + unheard)
    organisation = touched_by / max(len(present), 1)
    mine = known[asked].astype(float)
    norms = np.outer(np.maximum(mine.sum(axis=1), 1), np.maximum(sets.sum(axis=1), 1))
    alike = np.rint((mine @ sets.T) ** 2 / norms / FINEST) * FINEST
    alike[asked[:, None] == present[None, :]] = 0
    weight = np.maximum(alike.sum(axis=1), 1e-12)
    effective = weight**2 / np.maximum((alike**2).sum(axis=1), 1e-12)
    trust = (effective / (effective + PEERS_BEFORE_TRUST))[:, None]
    return trust * (alike @ sets / weight[:, None]) + (1 - trust) * organisation, unseen


def novelty_scores(stream: Coded, *, since: int = 0) -> NoveltyScores:
    """Scores the active hours of a stream from `since` on (hours since 1970) against what lay before each."""
    news = _news(stream)
    new = news & (stream.touch_hour >= since)
    surprise, unheard = _surprises(stream, new)
    rate = rate_of_new_types(*(count.astype(float) for count in _remembered(stream)))
    count, shared, touched = (
        np.bincount(rows, minlength=len(rate))
        for rows in (stream.touch_row[new], stream.touch_row[new & ~unheard], stream.touch_row)
    )
    least = np.ones(len(rate))
    np.minimum.at(least, stream.touch_row[new], surprise[new])
    return NoveltyScores(
        p=np.where(count > 0, _share_of_hours(stream, news) * sidak(least, count), 1.0),
        p_many=many_new_types(shared, touched, rate),
        new_types=count,
        new=new,
        unheard=unheard,
    )


def _share_of_hours(stream: Coded, news: Flags) -> Floats:
    """Per active hour how often the actor's hours of the 30 days before brought new types."""
    spans = Spans(stream)
    recent = spans.bounds(RECENT_HOURS, 0)
    usual = ~stream.confirmed
    with_news = usual & (np.bincount(stream.touch_row[news], minlength=len(usual)) > 0)
    return share_of_hours_with_news(*(spans.sums(flags.astype(float), recent) for flags in (usual, with_news)))


def sidak(least: Floats, tests: Ints) -> Floats:
    """P(the least of so many independent p is as small as this)."""
    return -np.expm1(np.maximum(tests, 1) * np.log1p(-np.minimum(least, 1 - 1e-12)))


def many_new_types(new: Ints, touched: Ints, rate: Floats) -> Floats:
    """P(so many of the types touched are new), beta-binomial about the actor's own rate of new types."""
    return np.where(new > 0, betabinom.sf(new - 1, touched, CERTAINTY * rate, CERTAINTY * (1 - rate)), 1.0)


def _surprises(stream: Coded, new: Flags) -> tuple[Floats, Flags]:
    """Per touch the mass t_k of its type under the base law of its actor and day, and whether nobody ever had it."""
    surprise, unheard = np.ones(len(new)), np.zeros(len(new), dtype=bool)
    touch_actor = stream.touch_actor
    for of_day, known in _days(stream, new):
        touches = of_day[np.argsort(touch_actor[of_day], kind="stable")]
        actors, first = np.unique(touch_actor[touches], return_index=True)
        law, unseen = laws(known, actors)
        for row, of_actor in enumerate(np.split(touches, first[1:])):
            types = stream.touch_type[of_actor]
            surprise[of_actor] = tail_mass(law[row], unseen, known[actors[row]], types)
            unheard[of_actor] = law[row][types] <= 0
    return surprise, unheard


def _days(stream: Coded, new: Flags) -> Iterator[tuple[Ints, Flags]]:
    """Per UTC day with new types: these touches, and who had touched what in the 90 days before the day."""
    last = np.full((len(stream.actors), len(stream.types)), NEVER, dtype=np.int32)
    actor, kind, hour, counts = stream.touch_actor, stream.touch_type, stream.touch_hour, ~stream.touch_confirmed
    day = hour // HOURS_A_DAY
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    ends = np.append(starts, len(day))[1:]
    for start, end in zip(starts, ends, strict=True):
        touches = np.flatnonzero(new[start:end]) + start
        if len(touches):
            yield touches, last >= day[start] * HOURS_A_DAY - MEMORY_HOURS
        usual = np.flatnonzero(counts[start:end]) + start
        last[actor[usual], kind[usual]] = hour[usual]
