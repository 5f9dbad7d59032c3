"""The distributions are those of SciPy, which is what they stand in for."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from audit_assets.detection import binomials
from audit_assets.detection.binomials import beta_binomial_tail, binomial_p

TRIALS = np.array([0, 1, 2, 3, 14, 168, 336, 5_000])
RATES = np.array([1e-9, 0.001, 0.05, 0.5, 0.97, 1.0])


def test_a_binomial_is_that_of_scipy() -> None:
    trials, rates = (each.ravel() for each in np.meshgrid(TRIALS.astype(float), RATES))
    for successes in range(13):
        np.testing.assert_allclose(
            binomial_p(successes, trials, rates), binom.pmf(successes, trials, rates), rtol=1e-10, atol=1e-300
        )


def test_the_tail_of_a_beta_binomial_is_that_of_scipy() -> None:
    cases = [(k, n, 3 * rate, 3 * (1 - rate)) for n in TRIALS for rate in RATES[:-1] for k in {0, 1, n // 2, n, n + 1}]
    successes, trials, a, b = (np.array(each) for each in zip(*cases, strict=True))
    np.testing.assert_allclose(
        beta_binomial_tail(successes, trials, a, b), betabinom.sf(successes - 1, trials, a, b), rtol=1e-9, atol=1e-10
    )


def test_a_small_tail_is_not_what_is_left_of_one() -> None:
    """As it is in SciPy, where an hour of 5,000 deletes had 1e-11 instead of 5e-20."""
    trials, rates = (each.ravel() for each in np.meshgrid(TRIALS[1:], RATES[:-1]))
    a, b = 3 * rates, 3 * (1 - rates)
    np.testing.assert_allclose(
        beta_binomial_tail(trials, trials, a, b), betabinom.pmf(trials, trials, a, b), rtol=1e-9, atol=0
    )


def test_a_year_of_large_hours_is_summed_up_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(k, n, 0.3, 2.7) for n in TRIALS for k in {0, 1, n // 2, n, n + 1}]
    successes, trials, a, b = (np.array(each) for each in zip(*cases, strict=True))
    whole = beta_binomial_tail(successes, trials, a, b)
    for most in (1, 7, 500):
        monkeypatch.setattr(binomials, "TERMS_AT_ONCE", most)
        assert beta_binomial_tail(successes, trials, a, b).tolist() == whole.tolist()
    monkeypatch.undo()
    hours = np.full(2_000, 100_000)
    tracemalloc.start()
    beta_binomial_tail(hours // 50, hours, np.full(2_000, 0.3), np.full(2_000, 2.7))
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < 150e6, "at once they take 300 MB"


def test_no_hour_at_all_has_no_tail() -> None:
    nothing = np.array([], dtype=np.int64)
    assert beta_binomial_tail(nothing, nothing, nothing.astype(float), nothing.astype(float)).tolist() == []


def test_a_code_location_starts_without_the_half_second_of_scipy_stats() -> None:
    script = "import sys, audit_assets.definitions; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "False"
