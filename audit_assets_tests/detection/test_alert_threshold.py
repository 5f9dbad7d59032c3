import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.detection.alert_threshold import DEFAULT_ACTIVE_HOURS_A_DAY, MAX_THRESHOLD, PastScores


def test_a_rate_is_counted_and_continues_beyond_the_smallest_score():
    scores = PastScores(np.linspace(0.001, 1, 1000), 60, 1000 / 60)
    assert scores.tickets_a_day_at(np.array([0.06, 0.5])) == pytest.approx([1.0, 500 / 60], rel=0.01)
    rates = scores.tickets_a_day_at(np.array([1e-6, 1e-5, 1e-4, 1e-3]))
    assert (np.diff(rates) > 0).all()
    assert rates[-1] < 2 / 60


@given(st.floats(1e-3, 5), st.integers(0, 60))
def test_at_the_threshold_the_rate_is_the_requested_one(rate, days):
    scores = PastScores(np.linspace(0.001, 1, 1000) ** 2, days, 20)
    threshold = scores.threshold_at(rate)
    assert threshold < MAX_THRESHOLD
    assert scores.tickets_a_day_at(np.array([threshold])) == pytest.approx([rate], rel=1e-3)


def test_without_history_a_probability_is_taken_as_exact():
    rate = PastScores(np.ones(0), 0, DEFAULT_ACTIVE_HOURS_A_DAY).tickets_a_day_at(np.array([0.01]))
    assert rate == pytest.approx([0.01 * DEFAULT_ACTIVE_HOURS_A_DAY])
