"""One trial: an hour is run in a child, killed at a named point, and simply run again until it is done."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit_assets_tests.faults.hour import Told
from audit_assets_tests.faults.launcher import Order
from audit_assets_tests.faults.world import THE_HOUR, World

KILLED = -9


@dataclass
class Ran:
    """What a child did. `told` is None if it was killed."""

    killed: bool
    told: Told | None = None
    passed: list[str] = field(default_factory=list)


class Launcher:
    """Children on demand. Use one at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self, world: World, *, hour: datetime = THE_HOUR, kill_at: str | None = None, protocol: str | None = None
    ) -> Ran:
        """Run an hour in a child. Raises if the child ended in a way that nobody asked for."""
        report = world.folder / "report.json"
        report.unlink(missing_ok=True)
        order = Order(world.sandbox.url, hour.isoformat(), world.environment(), str(report), kill_at, protocol)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(order.as_line() + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline() or "1")
        told: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
        if status == KILLED and told == {"killed_at": kill_at}:
            return Ran(killed=True)
        if status != 0:
            log = report.with_name("report.json.log")
            raise AssertionError(f"a child ended with {status}:\n{log.read_text() if log.exists() else ''}")
        return Ran(killed=False, told=Told(**told["told"]), passed=told["passed"])


@contextmanager
def launcher() -> Iterator[Launcher]:
    """A process that forks children, until the block ends."""
    command = [sys.executable, "-m", "audit_assets_tests.faults.launcher"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        yield Launcher(process)
        assert process.stdin
        process.stdin.close()
