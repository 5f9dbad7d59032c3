"""An hour that was killed is run again and leaves no difference. In full: `python -m audit_assets_tests.faults`."""

import pytest

from audit_assets_tests.faults.end_state import describe, violations_of_order
from audit_assets_tests.faults.kinds import SHARE
from audit_assets_tests.faults.points import NAMED
from audit_assets_tests.faults.trial import Trials

ROWS = 5
"""Of kills, one after the other: each fifth of the named points."""

SEEDS = range(5)
"""A failing request may lead past a point: then the next seed is tried."""


def test_a_run_has_points_between_any_two_steps_that_others_can_see(trials: Trials) -> None:
    assert len(NAMED) >= 18
    assert set(NAMED) <= set(trials.points)
    assert len(trials.points) == len(set(trials.points))
    seen = {(service, step) for service in ("cloudflare", "axiom", "linear") for step in ("about to be", "landed")}
    for service, step in seen:
        assert any(point.startswith(service) and step in point for point in trials.points)


@pytest.mark.parametrize("row", range(ROWS))
def test_an_hour_that_was_killed_again_and_again_loses_and_doubles_nothing(trials: Trials, row: int) -> None:
    left = sorted(NAMED, key=trials.points.index)[row::ROWS]
    for seed in SEEDS:
        outcome = trials.killed_at(*left, seed=f"{row} {seed}", share=SHARE)
        assert not outcome.found, describe(outcome.found)
        left = [point for point in left if point not in outcome.killed]
        if not left:
            return
    pytest.fail(f"never reached: {left}")


def test_a_killed_hour_costs_at_most_one_more_of_each_request(trials: Trials) -> None:
    outcome = trials.killed_at(NAMED[-1])
    assert outcome.killed == [NAMED[-1]]
    assert outcome.requests <= 2 * trials.requests


def test_every_file_is_safe_from_a_power_cut(trials: Trials) -> None:
    found = violations_of_order(trials.points)
    assert not found, describe(found)
