"""An account's life after so many days of history, for the benchmark of scale: every run and every look of a sensor is
made as the daemon makes them, at the sandbox's time, and all that they ask of a service is counted.

The hours are stored on an S3 server. Of the hours before the measured ones those are run whose pulls fall due again
meanwhile, 1, 6, 24 and 72 hours before; the others are copies. One entry of the first measured hour comes an hour late.
"""

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.automation.hour_planner import GRACE
from audit_assets.defs.partitions import pulled_again
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import hours_between, key_of
from audit_assets.storage.pull_history import REPEATS, SETTLING
from audit_assets.storage.tables import TABLES_OF
from audit_assets_tests.benchmarks.dagster_storage import (
    ENTRIES,
    HOURS_BEFORE,
    instance_on,
    retain,
    scenario,
    sizes_of,
)
from audit_assets_tests.benchmarks.scale_history import copy_stored_hour, record_past
from audit_assets_tests.benchmarks.scale_process import SENSORS, look, run_alone
from audit_assets_tests.faults.company import COLLEAGUES, FIRST, Scenario
from audit_assets_tests.faults.daemon import JOB, QUIET, RUN_KEY, SENSOR_NAME, Daemon, hours_of, running_daemon
from audit_assets_tests.pipeline import DAY, HOUR, problems_of, remember, v2_entry
from audit_assets_tests.storage.counting_s3 import CountingS3, counting_s3, use
from audit_assets_tests.support import clock_address

LISTED_DAYS = 32
"""Of the past so many days are in the object store: the sensor lists no older ones."""

HOURS_AT_ONCE = 500

LOOKS_AN_HOUR = {"missing_hours": (60, 6), "pipeline_watchdog": (12, 1), "ticket_verdicts": (2, 2)}
"""How often each sensor looks in an hour, and how many of these looks go into the store or to a service."""

Calls = Counter[str]
"""Requests by service; `s3`, `cloudflare`, `axiom`, `linear`, and `queries`, which are among those to Axiom."""


@dataclass(frozen=True)
class Run:
    """A run, and what it asked for. `read_twice`: the objects of the store that it read more than once."""

    reason: str
    hours: int
    again: int
    calls: Calls
    rows: int
    read_twice: Sequence[str]

    def asked(self, service: str) -> int:
        """Its requests to a service, or the `rows` that Axiom read for it."""
        return self.rows if service == "rows" else self.calls[service]


@dataclass
class Life:
    """What was measured of so many `hours` after so many `days` of history."""

    days: int
    hours: int
    runs: list[Run] = field(default_factory=list)
    looks: dict[str, tuple[Calls, Calls]] = field(default_factory=dict)
    """Of each sensor: what a usual look asks for, and what one does that goes into the store or to a service."""

    kilobytes: tuple[float, float] = (0.0, 0.0)
    """Of Dagster's storage, an hour: before retention and after it."""

    process: Mapping[str, Any] = field(default_factory=dict)
    """Of a run of an hour in a process of its own: seconds of loading and of running it, the most memory."""

    look: Mapping[str, Any] = field(default_factory=dict)
    """Of a process that looks as all sensors do."""

    def an_hour(self, service: str, judged_again: float) -> float:
        """Requests to a service, an hour: of the newest hour's run, of so many times that an hour is judged again, and
        of the sensors. `rows`: those that Axiom reads."""
        newest, again = ([run for run in self.runs if (run.reason == "newest") is wanted] for wanted in (True, False))
        of_newest = sum(run.asked(service) for run in newest) / len(newest)
        of_again = sum(run.asked(service) for run in again) / max(1, sum(run.hours for run in again))
        return of_newest + judged_again * of_again + self.of_looks(service)

    def of_looks(self, service: str) -> float:
        """Requests of the sensors, an hour."""
        found = 0
        for name, (usual, full) in self.looks.items():
            looks, full_looks = LOOKS_AN_HOUR[name]
            found += full_looks * full[service] + (looks - full_looks) * usual[service]
        return found

    def of_an_hour_run(self, service: str) -> int:
        """The most requests of a run of one hour, or rows that Axiom reads for it."""
        return max(run.asked(service) for run in self.runs if run.hours == 1)

    def read_twice(self) -> set[str]:
        """The objects that a run of one hour read more than once."""
        return {path for run in self.runs if run.hours == 1 for path in run.read_twice}


@dataclass(frozen=True)
class World:
    """The services, the store and the machine of an account."""

    daemon: Daemon
    s3: CountingS3
    home: Path
    root: str
    cursors: dict[str, str | None] = field(default_factory=dict)
    """Of the sensors, as Dagster keeps them."""

    def look(self, sensor: str) -> list[dg.RunRequest]:
        """What a look of a sensor requests."""
        return look(self.daemon.defs, self.daemon.instance, sensor, self.cursors)

    def counted(self) -> Calls:
        """The requests since the last time."""
        shared = self.daemon.sandbox.shared
        calls = Counter(s3=len(self.s3.calls))
        for (service, call), count in shared.call_counts().items():
            calls[service] += count
            calls["queries"] += count if call == "query" else 0
        self.s3.calls.clear()
        shared.calls.clear()
        return calls


def live(days: int, hours: int, postgres: str | None = None) -> Life:
    """Measure so many hours after so many days of history. `postgres`: URL of an empty database for Dagster's storage,
    SQLite otherwise."""
    life = Life(days, hours)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the S3 server's, a line for each request
    with world(days, hours) as of, instance_on(postgres, of.home) as instance:
        daemon = of.daemon
        daemon.close()
        daemon.instance = instance
        bring_past(of, days, hours)
        lead_in(of, hours)
        retain(instance)
        before = sizes_of(postgres, of.home)
        life.runs = [run for number in range(HOURS_BEFORE, HOURS_BEFORE + hours) for run in run_hour(of, number)]
        after = sizes_of(postgres, of.home)
        retain(instance)
        stays = sizes_of(postgres, of.home)
        life.kilobytes = ((after - before).total() / hours / 1_000, (stays.total() - before.total()) / hours / 1_000)
        life.looks = {name: looks_of(of, name) for name in SENSORS}
        environment, address = {"DAGSTER_HOME": str(of.home)}, clock_address(daemon.sandbox)
        newest = key_of(FIRST + HOUR * (HOURS_BEFORE + hours - 1))
        life.process = run_alone("run", environment, address, "--hour", newest)
        life.look = run_alone("sensors", environment, address)
        daemon.instance = dg.DagsterInstance.ephemeral()
    return life


@contextmanager
def world(days: int, hours: int) -> Iterator[World]:
    """The services and a daemon at the first hour, with the history in Axiom; the hours go into an object store."""
    with (
        tempfile.TemporaryDirectory() as name,
        counting_s3() as s3,
        pytest.MonkeyPatch.context() as patched,
    ):
        folder = Path(name)
        sandbox = Sandbox(folder / "sandbox", clock=SandboxClock(FIRST + timedelta(minutes=1)))
        sandbox.axiom.behaviour.retention_days = 2 * days + 30
        scenario_with_a_late_entry(hours).show(sandbox)
        with serve_sandbox(sandbox), running_daemon(sandbox, folder / "hours", FIRST) as daemon:
            root = f"{use(s3, patched)}/team"
            patched.setenv("AUDIT_ASSETS_STORAGE", f"s3://{root}")
            store = HourStore(f"s3://{root}")
            copied = copied_hours(days, hours)
            for first in range(0, len(copied), HOURS_AT_ONCE):
                remember(store, [*past_entries(copied[first : first + HOURS_AT_ONCE])], daemon.clock)
            yield World(daemon, s3, folder / "dagster", root)


def past_entries(hours: Sequence[datetime]) -> Iterator[dict[str, Any]]:
    """An entry of each colleague in each of these hours."""
    for hour in hours:
        yield from (v2_entry(hour + timedelta(minutes=9 * place), actor=who) for place, who in enumerate(COLLEAGUES))


def copied_hours(days: int, hours: int) -> list[datetime]:
    """The hours before the measured ones that are not run."""
    run = {FIRST, *(FIRST + HOUR * (number + turn) for number in numbers_of_lead_in(hours) for turn in range(hours))}
    return [hour for hour in hours_between(FIRST - DAY * days, FIRST + HOUR * (HOURS_BEFORE - 1)) if hour not in run]


def scenario_with_a_late_entry(hours: int) -> Scenario:
    """One entry of the first measured hour is first listed just before it is pulled again after an hour."""
    made = scenario(HOURS_BEFORE + hours)
    made.delays.clear()
    ended = FIRST + HOUR * (HOURS_BEFORE + 1)
    late = made.v2[HOURS_BEFORE * ENTRIES]
    made.delays[late["id"]] = (
        ended + REPEATS[0] - timedelta(minutes=10) - datetime.fromisoformat(late["action"]["time"])
    )
    return made


def bring_past(of: World, days: int, hours: int) -> None:
    """Run the first hour, and let all before the measured ones look like it but those that are pulled again."""
    run_hour(of, 0)
    copied = copied_hours(days, hours)
    record_past(of.daemon.instance, [*map(asset_key, TABLES_OF)], copied, len(COLLEAGUES))
    copy_stored_hour(of.root, FIRST, copied[-(DAY * LISTED_DAYS // HOUR) :])
    os.environ["AUDIT_ASSETS_FIRST_HOUR"] = key_of(copied[0])


def numbers_of_lead_in(hours: int) -> list[int]:
    """The first of the hours before the measured ones of which each stretch is run."""
    steps = [step // HOUR for step in (*REPEATS[::-1],)]
    return [HOURS_BEFORE - step for step in steps if step > hours] + [HOURS_BEFORE - hours]


def lead_in(of: World, hours: int) -> None:
    """Run them, a stretch at a time."""
    for number in numbers_of_lead_in(hours):
        run_hour(of, number + hours - 1)


def run_hour(of: World, number: int) -> list[Run]:
    """What the sensor requests when the hour of that number has settled, until nothing is left to do."""
    daemon = of.daemon
    clock, runs = daemon.sandbox.shared.clock, []
    clock.advance(FIRST + HOUR * (number + 1) + SETTLING + GRACE - clock.now())
    while requested := of.look("missing_hours"):
        for request in sorted(requested, key=lambda each: -int(each.tags.get("dagster/priority", "0"))):
            runs.append(make(of, request))
    return runs


def make(of: World, request: dg.RunRequest) -> Run:
    """Make a run, and count."""
    of.counted()
    scans = of.daemon.sandbox.axiom.scans
    before = len(scans)
    made = of.daemon.defs.resolve_job_def(request.job_name or JOB).execute_in_process(
        run_config=QUIET,
        instance=of.daemon.instance,
        raise_on_error=False,
        partition_key=request.partition_key,
        tags={**request.tags, RUN_KEY: request.run_key or "", SENSOR_NAME: "missing_hours"},
    )
    if not made.success:
        raise RuntimeError(f"the run {request.run_key} failed: {problems_of(made)}")
    return Run(
        request.tags["audit/reason"],
        len(hours_of(request)),
        len(pulled_again(request.tags)),
        rows=sum(scan.rows_examined for scan in scans[before:]),
        read_twice=of.s3.read_often(),
        calls=of.counted(),
    )


def looks_of(of: World, sensor: str) -> tuple[Calls, Calls]:
    """What a usual look of a sensor asks for, and what its first one does."""
    of.cursors.pop(sensor, None)
    made: list[Calls] = []
    for _ in range(3):
        of.counted()
        of.look(sensor)
        made.append(of.counted())
    return made[-1], made[0]
