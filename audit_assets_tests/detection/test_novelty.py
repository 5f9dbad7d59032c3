import numpy as np
import pytest
from scipy.stats import binom

from audit_assets.detection import novelty
from audit_assets.detection.activity_arrays import build_activity_arrays, count_changes
from audit_assets.detection.novelty import (
    expected_types,
    p_of_many_new_types,
    rate_of_new_types,
    score_novelty,
    share_of_hours_with_new_types,
    sidak_corrected,
    tail_mass,
)
from audit_assets_tests.detection.streams import at, burst, stream


def test_an_actor_that_often_brings_new_types_is_expected_to():
    assert rate_of_new_types(np.array([98.0, 98.0]), np.array([2.0, 40.0])) == pytest.approx([0.03, 0.22])


def test_an_actor_whose_hours_often_bring_new_types_is_drawn_to_a_quarter_while_little_is_known():
    share = share_of_hours_with_new_types(np.array([0.0, 12.0, 120.0]), np.array([0.0, 12.0, 0.0]))
    assert share == pytest.approx([0.25, 15 / 24, 3 / 132])


def test_the_tail_holds_what_is_no_more_probable():
    weights = np.array([0.5, 0.3, 0.2, 0.0, 0.9])
    known = np.array([False, False, False, False, True])
    assert tail_mass(weights, 0.1, known, np.arange(4)) == pytest.approx([1.0, 0.1 + 0.9 * 0.5, 0.1 + 0.9 * 0.2, 0.1])


def test_ties_share_their_mass():
    assert tail_mass(np.array([0.2, 0.2]), 0.0, np.array([False, False]), np.arange(2)) == pytest.approx([1.0, 1.0])


def test_a_colleagues_type_is_more_expected_than_a_strangers():
    known = np.array(
        [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]], dtype=bool
    )
    weights, unseen = expected_types(known, np.array([0]), known[[0]])
    assert weights[0, 2] > weights[0, 3] > 0
    assert unseen == pytest.approx(2 / (14 + 2))


def test_one_new_type_among_many_tries_is_less_surprising():
    assert sidak_corrected(np.array([0.1, 0.1]), np.array([1, 3])) == pytest.approx([0.1, 1 - 0.9**3])


def test_many_new_types_are_counted_about_the_actors_own_rate(monkeypatch):
    monkeypatch.setattr(novelty, "RATE_CERTAINTY", 1e9)
    p = p_of_many_new_types(np.array([3, 0]), np.array([5, 5]), np.array([0.2, 0.2]))
    assert p == pytest.approx([binom.sf(2, 5, 0.2), 1.0], rel=1e-4)


def test_a_type_is_new_again_after_ninety_days_without_it():
    events = stream([burst("a", at(0), 1, "dns"), burst("a", at(90), 1, "dns"), burst("a", at(180, 1), 1, "dns")])
    assert score_novelty(build_activity_arrays(count_changes(events))).new.tolist() == [True, False, True]


def test_a_type_that_nobody_ever_touched_is_marked_and_is_the_most_surprising():
    habit = [burst(f"a{actor}", at(day, 9), 4, "dns", "zone") for day in range(20) for actor in range(6)]
    habit += [burst(f"b{actor}", at(day, 10), 4, "dns", "waf") for day in range(20) for actor in range(6)]
    known, first_use = (
        score_novelty(build_activity_arrays(count_changes(stream([*habit, burst("a0", at(20, 12), 1, name)]))))
        for name in ("waf", "zz")
    )
    assert first_use.p[-1] < known.p[-1] < 0.5
    assert [known.new_to_organisation[-1], first_use.new_to_organisation[-1]] == [False, True]


def test_another_persons_habits_are_many_new_types():
    habit = [burst("a", at(day, 9), 4, "dns", "zone") for day in range(20)]
    habit += [burst("b", at(day, 9), 8, "waf", "worker", "kv", "r2", "queue") for day in range(20)]
    events = stream([*habit, burst("a", at(21), 10, "waf", "worker", "kv", "r2", "queue")])
    scores = score_novelty(build_activity_arrays(count_changes(events)))
    assert scores.new[-5:].all()
    assert scores.p_many[-1] < 1e-3
    assert scores.p_many[-1] < scores.p[-1]


def test_types_that_nobody_had_are_no_sign_of_another_persons_habits():
    habit = [burst(f"a{actor}", at(day, 9), 4, "dns", "zone") for day in range(20) for actor in range(6)]
    events = stream([*habit, burst("a0", at(20, 12), 3, "never", "seen", "before")])
    scores = score_novelty(build_activity_arrays(count_changes(events)))
    assert scores.new[-3:].all()
    assert scores.p_many[-1] == 1
    assert scores.p[-1] < 0.1
