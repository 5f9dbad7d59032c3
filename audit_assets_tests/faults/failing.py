"""Fail the N-th: one request of a run, or one step of one of its files, goes wrong; then the hour is simply run again.

As SQLite tests itself: N = 1, 2, 3 and so on until there is none left to fail (docs/facts/reliability.md, 1). In this
process, since nothing is killed, and on one machine on an instance in memory.
"""

import errno
import os
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.storage import store_files
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.faults import protocols
from audit_assets_tests.faults.end_state import (
    Violations,
    describe,
    read_end_state,
    unexplained,
    violations,
    violations_in_between,
)
from audit_assets_tests.faults.hour import RunReport, definitions, run_hour
from audit_assets_tests.faults.kinds import CONNECTION_FAILURES, Failure, failures_of
from audit_assets_tests.faults.points import FILE_STEPS, NEW_FOLDER, Points
from audit_assets_tests.faults.world import THE_HOUR, Past, World
from audit_assets_tests.servers.s3_process import SERVICE
from audit_assets_tests.support import JumpingClock

SHORT = 1.5
"""Seconds that a try may take: less than a slow answer takes (kinds.py), more than a busy machine needs."""

LIMITS = HttpLimits(attempt_seconds=SHORT)
AXIOM_LIMITS = AxiomLimits(read_seconds=SHORT, attempt_seconds=SHORT)

SERVICES = ("cloudflare", "axiom", "linear", "storage")
DISK_ERRORS = (errno.ENOSPC, errno.EIO)
FAILING_STEPS = (*NEW_FOLDER, *FILE_STEPS[:4])
"""The points at which the very next step of a file, or the write under way, can fail."""


@dataclass
class FailureResult:
    """What one failure led to. `survived`: the run with the failure succeeded all the same."""

    what: str
    hit: bool
    survived: bool
    found: Violations


class NthFailure:
    """Runs with one failure each, from the same past; `clean` is the end state of a run without any."""

    def __init__(self, past: Past) -> None:
        self._past = past
        with past.begin() as world:
            passed: list[str] = []
            report = _run(world, Points(passed.append, world.storage).watched())
            self._calls = [(call.service, call.call) for call in world.sandbox.shared.calls]
            self._calls += [(SERVICE, call) for call in world.bucket.calls()] if world.bucket else []
            self.file_steps = [point for point in passed if any(step in point for step in FAILING_STEPS)]
            self.clean = read_end_state(world, report)
        assert not (wrong := violations(self.clean, self.clean)), describe(wrong)

    def has(self, service: str, number: int) -> bool:
        """Whether an undisturbed run sends that many requests to that service."""
        return number <= len(self._calls_to(service))

    def ways(self, service: str, number: int) -> tuple[Failure, ...]:
        """In which ways the `number`-th request of a run to that service (from 1) can fail."""
        return (
            failures_of(service, self._calls_to(service)[number - 1])
            if self.has(service, number)
            else CONNECTION_FAILURES
        )

    def _calls_to(self, service: str) -> list[str]:
        return [call for of, call in self._calls if of == service]

    def number_of(self, call: str) -> int:
        """Which request to its service the first one of that call is."""
        (service,) = {of for of, each in self._calls if each == call}
        return self._calls_to(service).index(call) + 1

    def numbers_of(self, service: str, call: str) -> list[int]:
        """Which requests to a service are of that call."""
        return [number for number, each in enumerate(self._calls_to(service), start=1) if each == call]

    def request(self, service: str, number: int, failure: Failure, *, protocol: str | None = None) -> FailureResult:
        """Let the `number`-th request of a run to that service (from 1) fail so. Not hit: there were not as many."""
        with self._past.begin() as world, protocols.followed(protocol, world.environment()):
            world.let_fail(failure.at(service, number))
            report = _run(world)
            hit = not world.faults_to_come()
            return self._judged(world, f"{service} request {number}: {failure.name}", report, hit)

    def file_step(self, point: str, error: int, *, protocol: str | None = None) -> FailureResult:
        """Let the step that follows a point fail with that errno."""
        hits: list[str] = []

        def reached(passed: str) -> None:
            if passed == point:
                hits.append(passed)
                raise OSError(error, os.strerror(error))

        with self._past.begin() as world, protocols.followed(protocol, world.environment()):
            report = _run(world, Points(reached, world.storage).watched())
            failed = self._judged(world, f"{point}: {errno.errorcode[error]}", report, bool(hits))
            litter = [path for path in Path(world.storage).rglob(".*") if path.is_file()]
            failed.found.add("files_torn", len(litter), "temporary files left behind")
            return failed

    def _judged(self, world: World, what: str, report: RunReport, hit: bool) -> FailureResult:
        """Read what the failure left behind; if the run did not survive it, run the hour again first."""
        state = read_end_state(world, report)
        found = unexplained(report) + violations_in_between(state)
        if not report.success:
            world.let_nothing_fail()
            again = _run(world)
            state = read_end_state(world, again)
            if not again.success:
                what = f"{what}; run again: {'; '.join(again.problems)}"
        return FailureResult(what, hit, report.success, found + violations(state, self.clean))


def _run(world: World, seam: AbstractContextManager[Any] | None = None) -> RunReport:
    defs = definitions(JumpingClock(world.sandbox.shared.clock), limits=LIMITS, axiom_limits=AXIOM_LIMITS)
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, world.environment()))
        if world.bucket:
            stack.enter_context(patch.object(store_files, "TIME_LIMIT", SHORT))
            instance = stack.enter_context(dg.DagsterInstance.from_config(world.settings["DAGSTER_HOME"]))
        else:
            instance = stack.enter_context(dg.DagsterInstance.ephemeral())
        stack.enter_context(seam or nullcontext())
        return run_hour(defs, instance, THE_HOUR)
