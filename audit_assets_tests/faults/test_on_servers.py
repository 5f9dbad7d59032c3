"""On PostgreSQL and S3 it is as on one machine. In full: `python -m audit_assets_tests.faults --servers`."""

import pytest

from audit_assets_tests.faults.end_state import describe
from audit_assets_tests.faults.failing import NthFailure
from audit_assets_tests.faults.kinds import S3_FAILURES, SHARE, Failure
from audit_assets_tests.faults.points import NAMED_ON_S3
from audit_assets_tests.faults.trial import Trials

ROWS = 3
SEEDS = range(5)

REQUESTS = ("PUT", "GET", "LIST")
"""Each failure meets one of these."""


def test_a_run_has_points_before_and_after_everything_that_it_stores(trials_on_servers: Trials) -> None:
    points = trials_on_servers.points
    assert set(NAMED_ON_S3) <= set(points)
    assert len(points) == len(set(points))
    for stored in ("raw_audit_entries", "baselines", "flags", "tickets", "digest", "summary"):
        assert f"{stored} put about to be sent" in points
        assert f"{stored} put landed, its answer not read" in points


@pytest.mark.parametrize("row", range(ROWS))
def test_an_hour_that_was_killed_again_and_again_loses_and_doubles_nothing(trials_on_servers: Trials, row: int) -> None:
    left = sorted(NAMED_ON_S3, key=trials_on_servers.points.index)[row::ROWS]
    for seed in SEEDS:
        outcome = trials_on_servers.killed_at(*left, seed=f"{row} {seed}", share=SHARE)
        assert not outcome.found, describe(outcome.found)
        left = [point for point in left if point not in outcome.killed]
        if not left:
            return
    pytest.fail(f"never reached: {left}")


@pytest.mark.parametrize("place", range(len(S3_FAILURES)), ids=[failure.name for failure in S3_FAILURES])
def test_a_request_to_the_object_store_may_fail_in_any_way(nth_on_servers: NthFailure, place: int) -> None:
    failure: Failure = S3_FAILURES[place]
    number = nth_on_servers.numbers_of("s3", REQUESTS[place % len(REQUESTS)])[0 if place < len(REQUESTS) else -1]
    failed = nth_on_servers.request("s3", number, failure)
    assert failed.hit
    assert not failed.found, f"{failed.what}: {describe(failed.found)}"


@pytest.mark.parametrize(
    "failure", [each for each in S3_FAILURES if "applied" in each.name], ids=lambda each: each.name
)
def test_a_write_that_was_applied_though_its_answer_was_lost_is_no_other_hour(
    nth_on_servers: NthFailure, failure: Failure
) -> None:
    puts = nth_on_servers.numbers_of("s3", "PUT")
    failed = nth_on_servers.request("s3", puts[len(puts) // 2], failure)
    assert failed.hit
    assert not failed.found, f"{failed.what}: {describe(failed.found)}"
