"""The binomial and the beta-binomial distribution, in closed form.

`scipy.stats` has them as well. It takes half a second to import, which every process of a run would wait for, and it
computes the tails of a beta-binomial one by one.
"""

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from audit_assets.detection.activity_arrays import Floats, Ints


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
    terms = np.where(from_above, more, successes)
    case = np.repeat(np.arange(len(terms)), terms)
    count = np.arange(len(case)) - np.repeat(np.cumsum(terms) - terms, terms)  # 0, 1, 2, ... in each case
    count += np.where(from_above, successes, 0)[case]
    trials, a, b = trials[case], a[case], b[case]
    log_p = _log_choose(trials, count) + betaln(count + a, trials - count + b) - betaln(a, b)
    total = np.bincount(case, np.exp(log_p), minlength=len(terms))
    return np.clip(np.where(from_above, total, 1 - total), 0, 1)


def _log_choose(trials: Ints | Floats, successes: Ints | int) -> Floats:
    return -np.log(trials + 1) - betaln(trials - successes + 1, successes + 1)
