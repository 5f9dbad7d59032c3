"""What the full suite tries, one attempt at a time, and its results, in a form that can be sent between processes."""

import errno
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from audit_assets_tests.faults.end_state import Violations
from audit_assets_tests.faults.failing import DISK_ERRORS, SERVICES, NthFailure
from audit_assets_tests.faults.kinds import SHARE
from audit_assets_tests.faults.places import Place
from audit_assets_tests.faults.trial import Trials, launcher
from audit_assets_tests.faults.world import Past
from audit_assets_tests.servers.s3_process import SERVICE

ELSEWHERE = 20
"""A run is killed at a named point so many times as often as at another."""

IN_A_ROW = 5
"""Times that an hour is killed, each time further on: cheaper than one kill a trial, and harder to survive."""


@dataclass(frozen=True)
class Bench:
    """What a worker has for its attempts."""

    trials: Trials
    nth: NthFailure


@dataclass(frozen=True)
class Result:
    """Of an attempt. `hit`: whether the run had its failure, or was killed; `killed`: the points where it was."""

    row: str
    what: str
    hit: bool
    killed: tuple[str, ...]
    found: Violations
    seconds: float


class Attempt(Protocol):
    """One thing to try."""

    def carry_out(self, bench: Bench) -> Result:
        """Try it."""
        ...


@dataclass(frozen=True)
class Kills:
    """SIGKILL at a point, again at the next, and so on, while some requests to every service fail."""

    points: tuple[str, ...]
    seed: str

    def carry_out(self, bench: Bench) -> Result:
        began = time.perf_counter()
        outcome = bench.trials.killed_at(*self.points, seed=self.seed, share=SHARE)
        spent = time.perf_counter() - began
        what = f"to be killed at {self.points}, seed '{self.seed}', killed at {outcome.killed}"
        return Result("SIGKILL", what, bool(outcome.killed), tuple(outcome.killed), outcome.found, spent)


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
        return Result(f"a request to {self.service} fails", failed.what, failed.hit, (), failed.found, spent)


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
        return Result(row, failed.what, failed.hit, (), failed.found, spent)


def required_kills(points: Sequence[str], named: Sequence[str], times: int) -> Counter[str]:
    """How often a run is to be killed at each point; `named`: one of each kind."""
    return Counter({point: times if point in named else -(-times // ELSEWHERE) for point in points})


def kills(points: Sequence[str], missing: Counter[str], seed: str, *, in_a_row: int = IN_A_ROW) -> Iterator[Kills]:
    """As many kills of each point as are missing, in rows through the run (`points` are in its order); `seed` decides
    which points share a row."""
    rng = random.Random(seed)  # noqa: S311 - no secret depends on it
    for turn in range(max(missing.values(), default=0)):
        these = [point for point in points if missing[point] > turn]
        rng.shuffle(these)
        for start in range(0, len(these), in_a_row):
            yield Kills(tuple(sorted(these[start : start + in_a_row], key=points.index)), f"{seed} {turn} {start}")


def failures(bench: Bench) -> Iterator[FailingRequest | FailingFile]:
    """Each request of a run in each way, and each step of each of its files with each error. First those to the object
    store, if there is one: somebody may interrupt."""
    for service in (SERVICE, *SERVICES):
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
"""Of this process, once it is a worker: what its attempts need, and what stays open until it ends."""


def bench_on(past: Path, place: Place, stack: ExitStack) -> Bench:
    """What attempts need, until the stack is closed."""
    children = stack.enter_context(launcher())
    return Bench(Trials(Past(past, place), children), NthFailure(Past(past, place)))


def become_worker(past: Path, place: Place) -> None:
    """Make this process ready; its launcher ends with it."""
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # Dagster makes SIGTERM the same: a worker must end when it is interrupted
    logging.disable(logging.ERROR)  # of the sandbox's server, which hangs up on purpose
    _bench.append(bench_on(past, place, _open))


def carry_out(attempt: Attempt) -> Result:
    """Carry out an attempt in a worker."""
    return attempt.carry_out(_bench[0])
