"""Where the runs of a trial happen: a sandbox with a past, an hour store and a Dagster home, the same for each trial.

The past is built once, by `Past`, and copied for each trial. In the hour that is run, an actor with a ticket from the
evening before continues, another begins, a third has a finding below the threshold, both streams have entries and one
entry is unreadable: every kind of request and of file occurs.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.faults.hour import run_here
from audit_assets_tests.faults.places import Place, Settings
from audit_assets_tests.pipeline import DAY, HOUR, environment_of, remember, v1_entry, v2_burst, v2_entry
from audit_assets_tests.servers.s3 import Bucket
from audit_assets_tests.servers.s3_process import SERVICE
from audit_assets_tests.support import JumpingClock, clock_address

THE_HOUR = datetime(2026, 11, 22, 23, tzinfo=UTC)
"""The hour that is run: the last of its day and, as the settings have it, the first that exists. So the organisation's
history is made in it, and the day's digest is opened."""

THE_EVENING_BEFORE = THE_HOUR - DAY - HOUR
"""An hour of another day, at which nobody else does anything."""

CONTINUES = "alice@example.com"
BEGINS = "bob@example.com"
TOUCHES_NEW = "erin@example.com"
COLLEAGUES = (CONTINUES, BEGINS, "carol@example.com", "dave@example.com", TOUCHES_NEW, "frank@example.com")

DAYS_BEFORE = 15

IN_MEMORY = "/dev/shm"  # noqa: S108 - not a name, a folder for new ones
SCRATCH = IN_MEMORY if Path(IN_MEMORY).is_dir() else None
"""The folder of worlds. A kill loses nothing of a file system in memory, and a trial does not wait for a busy disk."""

ROW_DELAY = timedelta(seconds=4)
"""Of Axiom: not at once, so that what was sent is not yet seen; short, since each look takes real time."""


@dataclass(frozen=True)
class World:
    """One trial's own: the running services, a folder, and the settings of its store and of its Dagster."""

    sandbox: Sandbox
    folder: Path
    settings: Settings
    bucket: Bucket | None = None
    """What the store is in, if it is not in the folder."""

    @property
    def storage(self) -> str:
        """The root of the hour store."""
        return self.settings["AUDIT_ASSETS_STORAGE"]

    def environment(self) -> dict[str, str]:
        """The settings of a process that runs hours here."""
        first = {"AUDIT_ASSETS_FIRST_HOUR": f"{THE_HOUR:%Y-%m-%d-%H:%M}"}
        return {**environment_of(self.sandbox, self.folder), **first, **self.settings}

    def let_fail(self, fault: Fault) -> None:
        """Plan one more fault, of whichever server it is about."""
        if self.bucket and fault.service == SERVICE:
            self.bucket.add(fault)
        else:
            self.sandbox.faults.add(fault)

    def let_nothing_fail(self) -> None:
        """Drop all faults that are still to come."""
        self.sandbox.faults.clear()
        if self.bucket:
            self.bucket.clear()

    def faults_to_come(self) -> int:
        """How many."""
        return len(self.sandbox.faults.pending()) + (len(self.bucket.pending()) if self.bucket else 0)


class Past:
    """A folder to begin from. Nothing in it is changed after `build`."""

    def __init__(self, folder: Path, place: Place) -> None:
        self._folder = folder
        self.place = place

    @contextmanager
    def begin(self, *, at: datetime = THE_HOUR + HOUR * 1.5) -> Iterator[World]:
        """A world of its own, as the past left it, at that time."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-", dir=SCRATCH)))
            if self._folder.exists():
                shutil.copytree(self._folder, folder, dirs_exist_ok=True)
            settings, bucket = stack.enter_context(self.place.opened(folder))
            yield World(stack.enter_context(_serving(folder, at)), folder, settings, bucket)

    def build(self) -> None:
        """A fortnight straight into Axiom, and THE_EVENING_BEFORE as the job runs it."""
        existing = {"AUDIT_ASSETS_FIRST_HOUR": f"{THE_EVENING_BEFORE:%Y-%m-%d-%H:%M}"}
        begun = self.begin(at=THE_EVENING_BEFORE + HOUR * 4 / 3)
        with begun as world, patch.dict(os.environ, world.environment() | existing):
            clock = JumpingClock(world.sandbox.shared.clock)
            remember(HourStore(world.storage), [*_quiet_days()], clock)
            assert run_here(clock_address(world.sandbox), THE_EVENING_BEFORE).success
            shutil.copytree(world.folder, self._folder)
            self.place.keep(world.settings)


@contextmanager
def _serving(folder: Path, at: datetime) -> Iterator[Sandbox]:
    sandbox = Sandbox(folder / "sandbox", clock=SandboxClock(at))
    sandbox.axiom.behaviour.row_delay = sandbox.axiom.behaviour.field_delay = ROW_DELAY
    sandbox.cloudflare.add("v2", [*_quiet_days(), *_before(), *_the_hour()])
    sandbox.cloudflare.add("v1", [v1_entry(THE_HOUR + timedelta(minutes=n), number=n) for n in range(5)])
    sandbox.cloudflare.add_text("v2", '{"id": 5, "action": "no time"}', THE_HOUR + timedelta(minutes=50))
    with serve_sandbox(sandbox):
        yield sandbox


def _quiet_days() -> Iterator[Mapping[str, Any]]:
    for day in range(1, DAYS_BEFORE):
        for place, actor in enumerate(COLLEAGUES):
            yield from v2_burst(THE_HOUR - DAY * day + timedelta(minutes=place), 3 + day % 3, actor=actor)


def _before() -> list[dict[str, Any]]:
    return v2_burst(THE_EVENING_BEFORE, 60, actor=CONTINUES)


def _the_hour() -> list[dict[str, Any]]:
    burst = v2_burst(THE_HOUR + timedelta(minutes=5), 90, actor=CONTINUES, action="delete")
    begins = v2_burst(THE_HOUR + timedelta(minutes=10), 70, actor=BEGINS)
    new = [v2_entry(THE_HOUR, actor=TOUCHES_NEW, resource_type="api_tokens", action="delete")]
    return [*burst, *begins, *new, *v2_burst(THE_HOUR, 4, actor="dave@example.com")]
