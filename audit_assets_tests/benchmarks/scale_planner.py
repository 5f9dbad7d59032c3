"""How many runs an hour and account needs where entries come late, by the planner alone: thousands of hours, in which
what comes late by chance evens out."""

import random
from dataclasses import dataclass

from audit_assets.storage.hours import AN_HOUR, hours_between
from audit_assets_tests.benchmarks.dagster_storage import LATE_HOURS
from audit_assets_tests.defs.automation.test_pulls_again import FIRST, World

HOURS = 600
SHOWN_BEFORE = 0.2
"""Hours before a pull an entry is first listed."""


@dataclass(frozen=True)
class Planned:
    """Of an hour: how many runs there are, and how often it is judged, in runs of any number of hours."""

    runs: float
    judged: float

    @property
    def runs_again(self) -> float:
        """Runs for what came late, an hour."""
        return self.runs - 1

    @property
    def judged_again(self) -> float:
        """How often an hour is judged again."""
        return self.judged - 1


def plan(times: float, hours: int = HOURS, seed: int = 0) -> Planned:
    """With entries that come late at so many times the assumed rates. The hours after the last one, in which nothing
    comes late, are left out of the count: each of them is one run."""
    rng = random.Random(seed)  # noqa: S311 - no secret depends on it
    late = [
        (number, step / AN_HOUR - SHOWN_BEFORE)
        for number in range(hours)
        for step, share in LATE_HOURS.items()
        if rng.random() < share * times
    ]
    of = hours_between(FIRST, FIRST + AN_HOUR * (hours - 1))
    world = World(late, hours=of)
    world.go_on()
    others = sum(count for hour, count in world.runs.items() if hour > of[-1])
    return Planned((world.requested - others) / hours, sum(world.runs[hour] for hour in of) / hours)
