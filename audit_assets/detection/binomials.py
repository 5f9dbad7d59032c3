"""The binomial and the beta-binomial distribution, in closed form.

`scipy.stats` has them as well. It takes half a second to import, which every process of a run would wait for, and it
computes the tails of a beta-binomial one by one.
"""

from itertools import pairwise

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from audit_assets.detection.activity_arrays import Floats, Ints

TERMS_AT_ONCE = 1 << 20
"""Some 60 MB of them, and those of one more hour: a large organisation's year has hundreds of millions."""


def binomial_p(successes: int, trials: Floats, p: Floats) -> Floats:
    """P(so many successes of the trials); 0 where there are fewer trials."""
    possible = trials >= successes
    failures = np.where(possible, trials - successes, 0)
    log_p = xlogy(successes, p) + xlog1py(failures, -p) + _log_choose(successes + failures, successes)
    return np.where(possible, np.exp(log_p), 0.0)


def beta_binomial_tail(successes: Ints, trials: Ints, a: Floats, b: Floats) -> Floats:
    """P(so many successes of the trials, or more), the chance of one being Beta(a, b)."""
    successes = np.clip(successes, 0, trials + 1)
    more = trials + 1 - successes
    from_above = more <= successes  # the shorter sum; a small tail is not what is left of 1
    first, terms = np.where(from_above, successes, 0), np.where(from_above, more, successes)
    total = np.zeros(len(terms))
    cuts = np.flatnonzero(np.diff(np.cumsum(terms) // TERMS_AT_ONCE)) + 1
    for begin, end in pairwise([0, *cuts.tolist(), len(terms)]):
        some = slice(begin, end)
        total[some] = _sum_of(first[some], terms[some], trials[some], a[some], b[some])
    return np.clip(np.where(from_above, total, 1 - total), 0, 1)


def _sum_of(first: Ints, terms: Ints, trials: Ints, a: Floats, b: Floats) -> Floats:
    """P(`first` successes, or one more, up to so many terms), for each case."""
    case = np.repeat(np.arange(len(terms)), terms)
    successes = first[case] + np.arange(len(case)) - np.repeat(np.cumsum(terms) - terms, terms)
    trials, a, b = trials[case], a[case], b[case]
    log_p = _log_choose(trials, successes) + betaln(successes + a, trials - successes + b) - betaln(a, b)
    return np.bincount(case, weights=np.exp(log_p), minlength=len(terms)).astype(np.float64)


def _log_choose(trials: Ints | Floats, successes: Ints | int) -> Floats:
    return -np.log(trials + 1) - betaln(trials - successes + 1, successes + 1)
