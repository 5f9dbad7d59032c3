"""Weeks of hours while requests fail and runs are killed, beside a twin that nothing disturbs."""

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from audit_assets_tests.faults.company import FIRST, company, life
from audit_assets_tests.faults.daemon import Daemon, Misfortune
from audit_assets_tests.faults.holdings import Holdings, holdings, twice
from audit_assets_tests.pipeline import HOUR

DUE = timedelta(minutes=20)
"""Past the hour: then the hour before may be pulled."""

TAIL = timedelta(hours=80)
"""After the last hour: until it was pulled for the last time."""


@dataclass(frozen=True)
class Pace:
    """When the machine is awake: steps of hours, drawn anew each time; the longer ones are downtime."""

    steps: Sequence[int]

    def times(self, hours: int, seed: int) -> list[datetime]:
        dice, last = random.Random(f"pace {seed}"), FIRST + HOUR * hours
        times = [FIRST + HOUR + DUE]
        while times[-1] < last + TAIL:
            times.append(times[-1] + HOUR * dice.choice(self.steps))
        return times


def lived(daemon: Daemon, times: Sequence[datetime], misfortune: Misfortune | None) -> None:
    """Let the machine run at these times, and a little beyond if something failed."""
    clock = daemon.sandbox.stage.clock
    for number, moment in enumerate(times):
        clock.advance(max(timedelta(0), moment - clock.now()))
        until = times[number + 1] if number + 1 < len(times) else moment + HOUR * 24
        daemon.settle(until - HOUR / 6, misfortune)
