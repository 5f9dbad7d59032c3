"""If anything fails once, the hour comes out as if it had not. In full: `python -m audit_assets_tests.faults`."""

from itertools import count

import pytest

from audit_assets_tests.faults.end_state import describe
from audit_assets_tests.faults.failing import DISK_ERRORS, SERVICES, NthFailure

EVERY = 11
"""Of the steps of files, one in so many is tried in the short form: with six steps a file, each kind has its turn."""


@pytest.mark.parametrize("service", SERVICES)
def test_any_request_of_a_run_may_fail(nth: NthFailure, service: str) -> None:
    for number in count(1):
        ways = nth.ways(service, number)
        failed = nth.request(service, number, ways[7 * number % len(ways)])
        assert not failed.found, f"{failed.what}: {describe(failed.found)}"
        if not failed.hit:
            assert number > (1 if service == "storage" else 2)
            return


def test_any_step_of_a_file_may_fail(nth: NthFailure) -> None:
    for place, point in enumerate(nth.file_steps[::EVERY]):
        failed = nth.file_step(point, DISK_ERRORS[place % len(DISK_ERRORS)])
        assert failed.hit
        assert not failed.found, f"{failed.what}: {describe(failed.found)}"
        assert not failed.survived
