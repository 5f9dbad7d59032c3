"""How unusual the number of changes of an active hour is for its actor, as a probability.

Student-t posterior predictive of z = ln(y + 3) over the active hours of the 30 days before, with an empirical-Bayes
prior per class of actor (facts/detection.md, 2.4 and 2.6). A first pass scores every hour against the hours before
it; the second weighs these by what the first said, so that an attack does not become the new normal.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from audit_assets.detection.coding import HOURS_A_DAY, Coded, Floats, Ints

SHIFT = 3.0
"""z = ln(y + 3): below about ten changes the logarithm alone is wide (facts/detection.md, 2.6)."""

WINDOW_HOURS = 30 * HOURS_A_DAY
PRIOR_HOURS = 90 * HOURS_A_DAY

ENOUGH_FOR_A_CLASS = 200
"""Active hours from which on a class of actors has a prior of its own; smaller ones share the organisation's."""

CERTAINLY_USUAL, CERTAINLY_UNUSUAL = 1e-2, 1e-4
LEAST_WEIGHT = 0.01
"""The weight of an hour in what is usual: 1 from p = 1e-2 on, .01 below 1e-4, log-interpolated between."""


@dataclass(frozen=True)
class VolumePrior:
    """Normal-inverse-gamma prior of ln(y + 3); the values before there is data are those of 2.4, shifted."""

    m0: float = float(np.log(np.exp(1.1) + SHIFT))
    kappa: float = 6.0
    a0: float = 5.0
    b0: float = 2.5


@dataclass(frozen=True)
class VolumeScores:
    """Per active hour: `p`, `usual` changes, and `n`, the active hours of the window before it."""

    p: Floats
    usual: Floats
    n: Ints


def empirical_prior(z: Floats, actor: Ints) -> VolumePrior:
    """The prior of a class, from the logarithms of its active hours and who they belong to (2.4, "Prior")."""
    if len(z) < ENOUGH_FOR_A_CLASS:
        return VolumePrior()
    _, who = np.unique(actor, return_inverse=True)
    n = np.bincount(who)
    means = np.bincount(who, weights=z) / n
    squares = np.bincount(who, weights=(z - means[who]) ** 2)
    freedom = float((n - 1).sum())
    if freedom <= 0 or len(n) < 2:
        return VolumePrior(m0=float(z.mean()))
    within = max(float(squares.sum()) / freedom, 1e-3)
    between = max(float(np.var(means, ddof=1) - np.mean(within / n)), 0.02)
    several = n >= 3
    a0 = VolumePrior.a0
    if several.sum() >= 5:
        variances = squares[several] / (n[several] - 1)
        spread = float(np.var(variances, ddof=1) - np.mean(2 * within**2 / (n[several] - 1)))
        a0 = float(np.clip(2 + within**2 / spread, 3, 8)) if spread > 0 else 8.0
    return VolumePrior(m0=float(z.mean()), kappa=float(np.clip(within / between, 2, 12)), a0=a0, b0=a0 * within)


def tail(changes: Floats, priors: np.ndarray, total: Floats, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """P(Y >= changes) under the posterior predictive, and its median as a number of changes (2.4, "Posterior").

    `priors` has the columns m0, kappa, a0, b0; `total`, `first` and `second` are Σw, Σwz and Σwz² of the window.
    """
    m0, kappa, a0, b0 = priors.T
    mean = np.divide(first, total, out=np.zeros_like(first), where=total > 0)
    squares = np.maximum(second - total * mean**2, 0)
    kn = kappa + total
    mn = (kappa * m0 + first) / kn
    an = a0 + total / 2
    bn = b0 + squares / 2 + kappa * total * (mean - m0) ** 2 / (2 * kn)
    scale = np.sqrt(bn * (kn + 1) / (an * kn))
    return stdtr(2 * an, -(np.log(changes - 0.5 + SHIFT) - mn) / scale), np.maximum(np.exp(mn) - SHIFT, 1.0)


def outlier_weights(p: Floats) -> Floats:
    """How much an hour of this p counts in what is usual from then on."""
    span = np.log(CERTAINLY_USUAL) - np.log(CERTAINLY_UNUSUAL)
    unusual = np.clip((np.log(CERTAINLY_USUAL) - np.log(np.maximum(p, 1e-300))) / span, 0, 1)
    return LEAST_WEIGHT**unusual


def volume_scores(stream: Coded) -> VolumeScores:
    """Scores every active hour of a stream against what lay before it."""
    z = np.log(stream.changes + SHIFT)
    priors = daily_priors(stream, z)
    order, low, high = _windows(stream)
    once, _ = _pass(stream, z, np.ones(len(z)), priors, order, low, high)
    p, usual = _pass(stream, z, outlier_weights(once), priors, order, low, high)
    return VolumeScores(p=p, usual=usual, n=(high - low).astype(np.int64))


def daily_priors(stream: Coded, z: Floats) -> np.ndarray:
    """Per active hour the prior of its class as it was at the start of its UTC day: m0, kappa, a0, b0."""
    priors = np.empty((len(z), 4))
    day = stream.hour // HOURS_A_DAY
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    ends = np.append(starts[1:], len(day))
    for start, end in zip(starts, ends, strict=True):
        since = np.searchsorted(stream.hour, day[start] * HOURS_A_DAY - PRIOR_HOURS)
        past = slice(int(since), int(start))
        everybody = empirical_prior(z[past], stream.actor[past])
        for kind in np.unique(stream.kind[start:end]):
            of_class = stream.kind[past] == kind
            mine = (
                empirical_prior(z[past][of_class], stream.actor[past][of_class])
                if of_class.sum() >= ENOUGH_FOR_A_CLASS
                else everybody
            )
            here = np.flatnonzero(stream.kind[start:end] == kind) + start
            priors[here] = (mine.m0, mine.kappa, mine.a0, mine.b0)
    return priors


def _windows(stream: Coded) -> tuple[Ints, Ints, Ints]:
    """The order by actor and time, and per active hour where in that order its window begins and ends."""
    order = np.lexsort((stream.hour, stream.actor))
    span = int(stream.hour.max(initial=0)) + WINDOW_HOURS + 1
    key = stream.actor[order] * span + stream.hour[order]
    own = stream.actor * span + stream.hour
    low = np.searchsorted(key, np.maximum(own - WINDOW_HOURS, stream.actor * span))
    return order, low, np.searchsorted(key, own)


def _pass(
    stream: Coded, z: Floats, weights: Floats, priors: np.ndarray, order: Ints, low: Ints, high: Ints
) -> tuple[Floats, Floats]:
    def window(values: Floats) -> Floats:
        sums = np.concatenate([[0.0], np.cumsum(values[order])])
        return sums[high] - sums[low]

    return tail(
        stream.changes.astype(float), priors, window(weights), window(weights * z), window(weights * z * z)
    )
