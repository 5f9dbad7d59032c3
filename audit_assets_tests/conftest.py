"""Fixtures that every folder of tests may use."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster._core.storage.defs_state.base import DefsStateStorage
from hypothesis import settings

from audit_assets.config.garbage_collection import collect_rarely
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.tickets.lifecycle import QUIET
from audit_assets_tests.linear.workspace import Connect
from audit_assets_tests.support import JumpingClock

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")  # how long an example takes says more of the machine than of us

os.environ["AUDIT_ASSETS_FIRST_HOUR"] = "2026-03-10-00:00"
"""Tests have days of their own; by default the hours of the last 31 days exist."""

for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)  # of the terminal in which the tests were started: commands would wrap their lines

collect_rarely()

IN_MEMORY, ROOM = Path("/dev/shm"), 4 * 1024**3  # noqa: S108 - not a name, a folder for new ones
if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))  # stores write durably: no test waits for a disk

LONGEST = ("faults", "test_deployment.py", "test_going_live.py", "test_start.py", "test_demo.py")
"""Folders and files whose tests come first: at the end no worker waits for another."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest first; the others stay in order."""
    items.sort(key=lambda item: not set(LONGEST) & set(item.path.parts))


@pytest.fixture(autouse=True)
def the_environment_stays_as_it_was() -> Iterator[None]:
    """A command that reads a `.env` puts it into this process, where the next test would find it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def no_instance_of_dagster_stays_entered() -> Iterator[None]:
    """A schedule's context that is not closed, for one, leaves an instance entered; the next test that loads
    definitions would ask it for something, when it is gone."""
    before = DefsStateStorage.get()
    yield
    assert DefsStateStorage.get() is before


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The three services on loopback, empty and well-behaved."""
    with serve_sandbox(Sandbox(tmp_path / "sandbox")) as served:
        yield served


@pytest.fixture
def clock(sandbox: Sandbox) -> JumpingClock:
    """A clock for clients of the sandbox: their waits pass at once, there and here."""
    return JumpingClock(sandbox.shared.clock)


@pytest.fixture
def connect(sandbox: Sandbox, clock: JumpingClock) -> Iterator[Connect]:
    """Makes openers of tickets in the sandbox's Linear."""
    openers: list[TicketOpener] = []

    def make(*, quiet: timedelta = QUIET, **changes: Any) -> TicketOpener:
        known = sandbox.linear.environment(sandbox.url)
        settings: dict[str, Any] = {
            "api_key": known["LINEAR_API_KEY"],
            "team_key": known["LINEAR_TEAM_KEY"],
            "url": known["LINEAR_API_URL"],
            "clock": clock,
        }
        openers.append(TicketOpener(LinearClient(**(settings | changes)), quiet))
        return openers[-1]

    yield make
    for opener in openers:
        opener.close()


@pytest.fixture
def client(connect: Connect) -> TicketOpener:
    return connect()
