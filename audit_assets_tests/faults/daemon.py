"""Dagster's daemon, at the sandbox's time and in this process: the project's own sensor is evaluated and the runs that
it requests are made, one after another, by their priority.

A run can be killed: from a random point on nothing that it does has any effect, as after SIGKILL, and the daemon's run
monitoring finds it dead at the next tick. Dagster records all times by the sandbox's clock.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
from dagster._core.test_utils import get_freezable_log_manager

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.automation.hour_planner import FIRST_PAUSE
from audit_assets.defs.resources import StorageResource
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hours import AN_HOUR, hour_of
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.faults.hour import RunReport, definitions
from audit_assets_tests.faults.points import Points
from audit_assets_tests.pipeline import environment_of

JOB, SENSOR = "hourly_audit", "missing_hours"
RUN_KEY, SENSOR_NAME = "dagster/run_key", "dagster/sensor_name"
PRIORITY = "dagster/priority"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

POINTS_IN_A_RUN = 100
"""About as many as a run passes: it is killed at any of them."""

LIMITS = HttpLimits(attempt_seconds=5.0)
AXIOM_LIMITS = AxiomLimits(read_seconds=5.0, attempt_seconds=5.0)


class OurClock:
    """The clock of the machine that runs the pipeline: the sandbox's, or `skew` ahead of it. Waits pass at once."""

    def __init__(self, sandbox: SandboxClock) -> None:
        self.skew = timedelta(0)
        self._sandbox = sandbox
        self._waited = 0.0

    def now(self) -> datetime:
        return self._sandbox.now() + self.skew

    def monotonic(self) -> float:
        return time.monotonic() + self._waited

    def sleep(self, seconds: float) -> None:
        self._waited += seconds
        self._sandbox.advance(timedelta(seconds=seconds))


@dataclass(frozen=True)
class DaemonRun:
    """A run that was requested, and its report: None if it was killed."""

    request: dg.RunRequest
    hours: frozenset[datetime]
    report: RunReport | None

    @property
    def success(self) -> bool:
        return self.report is not None and self.report.success


def hours_of(request: dg.RunRequest) -> frozenset[datetime]:
    """The hours that a run is requested for."""
    first = hour_of(request.partition_key or request.tags["dagster/asset_partition_range_start"])
    last = hour_of(request.partition_key or request.tags["dagster/asset_partition_range_end"])
    return frozenset(first + AN_HOUR * step for step in range((last - first) // AN_HOUR + 1))


def end_of_day(moment: datetime) -> datetime:
    """The midnight (UTC) after a moment. Later hours, in which nobody acts any more, need no runs; until then the day's
    digest is open."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


class Killed(BaseException):
    """The end of a killed run; no code catches it."""


class Daemon:
    """The machine that runs the pipeline. Use within `running_daemon`."""

    def __init__(self, sandbox: Sandbox, hours: Path) -> None:
        self.sandbox = sandbox
        self.clock = OurClock(sandbox.shared.clock)
        self.hours = hours
        self.defs = definitions(self.clock, limits=LIMITS, axiom_limits=AXIOM_LIMITS)
        self.instance = dg.DagsterInstance.ephemeral()
        self.counts: Counter[str] = Counter()
        """Of runs, of those that were killed or failed, and of requests to the three services."""
        self.plan_faults: Callable[[dg.RunRequest], int | None] | None = None
        """Called before each run: may add faults, and returns the point where the run is killed, if at all."""

    def delete_dagster_home(self) -> None:
        """Somebody deletes Dagster's home."""
        self.close()
        self.instance = dg.DagsterInstance.ephemeral()

    def close(self) -> None:
        """Leave nothing open."""
        with self.instance:
            pass

    def tick(self, *, kill_at: int | None = None, before: datetime | None = None) -> list[DaemonRun]:
        """Evaluate the sensor, and make the runs that it requests. `kill_at`: the point where the first is killed;
        `before`: runs of later hours alone are not made."""
        self._find_dead_runs()
        requests = sorted(self.requests(), key=lambda request: -int(request.tags.get(PRIORITY, "0")))
        requests = [each for each in requests if before is None or min(hours_of(each)) < before]
        points = [kill_at, *(None for _ in requests)]
        return [self.run(each, kill_at=at) for each, at in zip(requests, points, strict=False)]

    def requests(self) -> list[dg.RunRequest]:
        """What the sensor of each account requests, without those whose key has had a run."""
        return [request for account in all_accounts() for request in self._requests_of(account.named(SENSOR))]

    def _requests_of(self, sensor: str) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance,
            repository_def=self.defs.get_repository_def(),
            sensor_name=sensor,
            resources={"storage": StorageResource(self.clock)},
        )
        with context:
            evaluated = self.defs.resolve_sensor_def(sensor).evaluate_tick(context)
        for event in evaluated.asset_events:
            self.instance.report_runless_asset_event(event)
        requested = evaluated.run_requests or []
        return [
            each.with_replaced_attrs(tags={**each.tags, SENSOR_NAME: sensor})
            for each in requested
            if not self._had(each, sensor)
        ]

    def run(self, request: dg.RunRequest, *, kill_at: int | None = None) -> DaemonRun:
        """Make a run; `kill_at` a point, if it has as many."""
        if self.plan_faults and kill_at is None:
            kill_at = self.plan_faults(request)
        died: list[int] = []
        try:
            with nullcontext() if kill_at is None else self._killed_at(kill_at, died):
                report = self._run(request)
        except Killed:
            report = None
        report = None if died else report  # Dagster takes what kills a step for a failure of the step
        self.sandbox.faults.clear()
        self.counts["runs"] += 1
        self.counts["killed"] += report is None
        self.counts["failed"] += report is not None and not report.success
        self.counts["requests"] += len(self.sandbox.shared.calls)
        self.sandbox.shared.calls.clear()
        return DaemonRun(request, hours_of(request), report)

    def settle(self, until: datetime, *, before: datetime | None = None) -> list[DaemonRun]:
        """Tick as long as something is to do and time is left; what failed rests for a while in between."""
        clock, pause = self.sandbox.shared.clock, FIRST_PAUSE
        ran: list[DaemonRun] = []
        owed: set[tuple[str, datetime]] = set()
        while True:
            now = self.tick(before=before)
            for each in now:
                hours = {(each.request.tags[SENSOR_NAME], hour) for hour in each.hours}
                owed = owed - hours if each.success else owed | hours
            ran += now
            if not now and (not owed or clock.now() + pause > until):
                return ran
            if not now:
                clock.advance(pause)
                pause *= 2

    def _run(self, request: dg.RunRequest) -> RunReport:
        return RunReport.from_result(
            self.defs.resolve_job_def(request.job_name or JOB).execute_in_process(
                run_config=request.run_config or QUIET,
                instance=self.instance,
                raise_on_error=False,
                partition_key=request.partition_key,
                tags={**request.tags, **({RUN_KEY: request.run_key} if request.run_key else {})},
            )
        )

    @contextmanager
    def _killed_at(self, number: int, died: list[int]) -> Iterator[None]:
        """Within: die at the point of that number, and note it in `died`."""
        passed = 0

        def reached(_: str) -> None:
            nonlocal passed
            passed += 1
            if passed > number:
                died.append(number)
                raise Killed

        note = dg.DagsterInstance.handle_new_event

        def noted(instance: dg.DagsterInstance, *arguments: Any, **options: Any) -> None:
            if passed <= number:
                note(instance, *arguments, **options)

        with patch.object(dg.DagsterInstance, "handle_new_event", noted), Points(reached, str(self.hours)).watched():
            yield

    def _find_dead_runs(self) -> None:
        """As run monitoring does: nothing of ours runs while the daemon ticks."""
        for run in self.instance.get_runs(
            dg.RunsFilter(
                statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
            )
        ):
            self.instance.report_run_failed(run, "the process is gone")

    def _had(self, request: dg.RunRequest, sensor: str) -> bool:
        tags = {RUN_KEY: request.run_key or "", SENSOR_NAME: sensor}
        return bool(self.instance.get_runs(dg.RunsFilter(tags=tags), limit=1))


@contextmanager
def running_daemon(sandbox: Sandbox, hours: Path, first: datetime) -> Iterator[Daemon]:
    """A daemon whose settings and whose Dagster's time are the sandbox's. `first`: the first hour that exists."""
    settings = {**environment_of(sandbox, hours), "AUDIT_ASSETS_FIRST_HOUR": f"{first:%Y-%m-%d-%H:%M}"}
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, settings))
        daemon = Daemon(sandbox, hours)
        stack.callback(daemon.close)
        stack.enter_context(patch("dagster._time._mockable_get_current_datetime", daemon.clock.now))
        stack.enter_context(
            patch("dagster._time._mockable_get_current_timestamp", lambda: daemon.clock.now().timestamp())
        )
        stack.enter_context(patch("dagster._core.log_manager.DagsterLogManager", get_freezable_log_manager()))
        yield daemon
