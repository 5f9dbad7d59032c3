"""A machine that was down misses nothing. Longer downtimes: `python -m audit_assets_tests.faults.downtime`."""

import pytest

from audit_assets_tests.faults.downtime import DOWNTIMES, WRONG_PLANNERS, downtime
from audit_assets_tests.faults.end_state import describe


def test_after_downtime_the_newest_hour_is_judged_first_and_every_hour_settles() -> None:
    back = downtime(DOWNTIMES["1 hour"])
    assert back.first_run == {back.newest}
    assert not back.found, describe(back.found)


@pytest.mark.parametrize("planner", WRONG_PLANNERS)
def test_downtime_catches_a_wrong_planner(planner: str) -> None:
    assert downtime(DOWNTIMES["1 day"], planner=planner).found.hours_missing
