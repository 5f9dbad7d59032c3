"""What the full form of the suite tries, one attempt at a time, and what came of each: all of it fit to be sent between
processes.
"""

import errno
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from audit_assets_tests.faults.failing import DISK_ERRORS, SERVICES, NthFailure
from audit_assets_tests.faults.kinds import SHARE
from audit_assets_tests.faults.points import FILED, NAMED, NEW_FOLDER
from audit_assets_tests.faults.trial import Trials, launcher
from audit_assets_tests.faults.verdict import Violations
from audit_assets_tests.faults.world import Past

ELSEWHERE = 20
"""Points that are not in NAMED are tried once for so many times that those are."""


@dataclass(frozen=True)
class Bench:
    """What a worker has for its attempts."""

    trials: Trials
    nth: NthFailure


@dataclass(frozen=True)
class Result:
    """Of an attempt. `hit`: whether the run was killed, or met its failure."""

    row: str
    what: str
    hit: bool
    killed: bool
    found: Violations
    seconds: float


class Attempt(Protocol):
    """One thing to try."""

    def carry_out(self, bench: Bench) -> Result:
        """Try it."""
        ...


@dataclass(frozen=True)
class Kill:
    """SIGKILL at a point, while some requests to every service fail."""

    point: str
    seed: str

    def carry_out(self, bench: Bench) -> Result:
        began = time.perf_counter()
        outcome = bench.trials.killed_at(self.point, self.seed, share=SHARE)
        spent = time.perf_counter() - began
        what = f"killed at '{self.point}', seed '{self.seed}'"
        return Result(_row_of(self.point), what, outcome.killed, outcome.killed, outcome.found, spent)


@dataclass(frozen=True)
class FailingRequest:
    """The N-th request to a service fails, in the way that has this place among its ways."""

    service: str
    number: int
    way: int

    def carry_out(self, bench: Bench) -> Result:
        began = time.perf_counter()
        failure = bench.nth.ways(self.service, self.number)[self.way]
        failed = bench.nth.request(self.service, self.number, failure)
        spent = time.perf_counter() - began
        return Result(f"a request to {self.service} fails", failed.what, failed.hit, False, failed.found, spent)


@dataclass(frozen=True)
class FailingFile:
    """The step of a file after a point fails."""

    point: str
    error: int

    def carry_out(self, bench: Bench) -> Result:
        began = time.perf_counter()
        failed = bench.nth.file_step(self.point, self.error)
        spent = time.perf_counter() - began
        row = f"a step of a file fails, {errno.errorcode[self.error]}"
        return Result(row, failed.what, failed.hit, False, failed.found, spent)


def kills(bench: Bench, times: int, seed: int) -> Iterator[Kill]:
    """Each point of NAMED so many times, and every other point of a run now and then."""
    for point in bench.trials.points:
        for turn in range(times if point in NAMED else -(-times // ELSEWHERE)):
            yield Kill(point, f"{seed} {turn}")


def failures(bench: Bench) -> Iterator[FailingRequest | FailingFile]:
    """Each request of a run in each way, and each step of each of its files with each error."""
    for service in SERVICES:
        for number in count(1):
            if not bench.nth.has(service, number):
                break
            for way in range(len(bench.nth.ways(service, number))):
                yield FailingRequest(service, number, way)
    for point in bench.nth.file_steps:
        for error in DISK_ERRORS:
            yield FailingFile(point, error)


_bench: list[Bench] = []
_open = ExitStack()
"""This process's own, once it is a worker: what it tries with, and what stays open until it ends."""


def bench_on(past: Path, stack: ExitStack) -> Bench:
    """What attempts need, until the stack is closed."""
    children = stack.enter_context(launcher())
    return Bench(Trials(Past(past), children), NthFailure(Past(past)))


def become_worker(past: Path) -> None:
    """Make this process ready; its launcher ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Dagster makes SIGTERM the same: a worker must end when it is told
    logging.disable(logging.ERROR)  # of the sandbox's server, which hangs up on purpose
    _bench.append(bench_on(past, _open))


def attempted(attempt: Attempt) -> Result:
    """In a worker."""
    return attempt.carry_out(_bench[0])


def _row_of(point: str) -> str:
    for service in SERVICES:
        if point.startswith(f"{service} "):
            return f"SIGKILL around a request to {service}"
    if any(step in point for step in (*NEW_FOLDER, *FILED)):
        return "SIGKILL between the steps of a file"
    return "SIGKILL between assets, checks and Dagster's notes"
