"""One trial: an hour is run in a child, killed at a named point, and simply run again, until it is done."""

import json
import os
import random
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit_assets_tests.faults.end_state import (
    EndState,
    Violations,
    describe,
    read_end_state,
    unexplained,
    violations,
    violations_in_between,
    violations_of_order,
)
from audit_assets_tests.faults.hour import RunReport
from audit_assets_tests.faults.kinds import random_faults
from audit_assets_tests.faults.launcher import Order
from audit_assets_tests.faults.world import THE_HOUR, Past, World
from audit_assets_tests.support import clock_address

KILLED = -9

MOST_RUNS = 6
"""Of a trial, without those that are killed. With a few failing requests most need one; none needs as many."""


@dataclass
class ChildRun:
    """The run of a child; `report` is None if it was killed."""

    killed: bool
    report: RunReport | None = None
    passed: list[str] = field(default_factory=list)


class Launcher:
    """Children on demand. Use one at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self, world: World, *, hour: datetime = THE_HOUR, kill_at: str | None = None, protocol: str | None = None
    ) -> ChildRun:
        """Run an hour in a child. Raises if the child ended in another way than requested."""
        file = world.folder / "report.json"
        file.unlink(missing_ok=True)
        order = Order(clock_address(world.sandbox), hour.isoformat(), world.environment(), str(file), kill_at, protocol)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(order.as_line() + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline() or "1")
        content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        if status == KILLED and content == {"killed_at": kill_at}:
            return ChildRun(killed=True)
        if status != 0:
            log = file.with_name("report.json.log")
            raise AssertionError(f"a child ended with {status}:\n{log.read_text() if log.exists() else ''}")
        return ChildRun(killed=False, report=RunReport(**content["report"]), passed=content["passed"])


@contextmanager
def launcher() -> Iterator[Launcher]:
    """A process that forks children, until the block ends."""
    command = [sys.executable, "-m", "audit_assets_tests.faults.launcher"]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # it would start threads at import
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone
    ) as process:
        yield Launcher(process)
        assert process.stdin
        process.stdin.close()


@dataclass
class Outcome:
    """Of a trial."""

    killed: list[str] = field(default_factory=list)
    """The points that were reached; a failing request may lead past one, and so may work that an earlier run did."""

    runs: int = 0
    requests: int = 0
    """To the three services, in all runs together."""

    found: Violations = field(default_factory=Violations)


class Trials:
    """Runs in children, from the same past; `clean` is the end state of an undisturbed run."""

    def __init__(self, past: Past, children: Launcher) -> None:
        self._past = past
        self._children = children
        self.place = past.place
        with past.begin() as world:
            ran = children.run(world)
            self.points = ran.passed
            self.requests = len(world.sandbox.shared.calls)
            self.clean = read_end_state(world, ran.report)
        assert not (wrong := violations(self.clean, self.clean)), describe(wrong)

    def killed_at(
        self,
        *points: str,
        seed: str = "",
        share: float = 0.0,
        protocol: str | None = None,
        patience: int = MOST_RUNS,
    ) -> Outcome:
        """Kill a run at each of these points, one run after the other, and run the hour again until it succeeds.

        `share`: of the requests that fail meanwhile, as `seed` decides; `patience`: the number of runs that are
        not killed after which the hour counts as missing.
        """
        rng, remaining = random.Random(seed), deque(points)  # noqa: S311 - no secret depends on it
        outcome = Outcome()
        state = EndState(done=False)
        with self._past.begin() as world:
            while outcome.runs - len(outcome.killed) < patience and not state.done:
                world.let_nothing_fail()
                for fault in random_faults(rng, share, on_s3=world.bucket is not None):
                    world.let_fail(fault)
                ran = self._children.run(world, kill_at=remaining[0] if remaining else None, protocol=protocol)
                outcome.runs += 1
                if ran.killed:
                    outcome.killed.append(remaining.popleft())
                outcome.requests = len(world.sandbox.shared.calls)
                state = read_end_state(world, ran.report)
                outcome.found += violations_in_between(state) + unexplained(ran.report)
            outcome.found += violations(state, self.clean)
        return outcome

    def order_of(self, protocol: str) -> Violations:
        """What a power cut would break of a run with a wrong protocol, by the order of its steps."""
        with self._past.begin() as world:
            return violations_of_order(self._children.run(world, protocol=protocol).passed)
