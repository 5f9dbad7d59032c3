"""Ten seconds after SIGTERM nothing of a command is left, whatever it waited for, and nothing is half-written."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import dagster as dg
import httpx
import pytest

from audit_assets.config.settings_table import SETTINGS
from audit_assets.defs.automation.ledger import IN_PROGRESS
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hours import key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.transport.clock import SystemClock
from audit_assets_tests.support import bearer, free_port

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")

LONGEST = 10.0
"""Seconds from the signal to the end. systemd, Docker and Kubernetes kill what is left then."""

LONG_ENOUGH = 300.0
"""For what happens before, on a machine that does other things."""

DAGSTER_HOME = Path(".audit_assets/dev/dagster")
STARTED = dg.DagsterRunStatus.STARTED.value
START_SENSOR = """mutation {startSensor(sensorSelector: {repositoryName: "__repository__", sensorName: "missing_hours",
 repositoryLocationName: "audit_assets.definitions"}) {__typename}}"""


@pytest.fixture
def slow(sandbox: Sandbox) -> Sandbox:
    """Cloudflare's answers take minutes: whatever pulls is in the middle of it."""
    sandbox.faults.add(Fault("cloudflare", "*", "slow_before", times=1_000, options={"seconds": 300}))
    return sandbox


@contextmanager
def started(folder: Path, sandbox: Sandbox, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command, as a service manager starts it; at the end nothing of it is left."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and name != "DAGSTER_HOME"}
    first = {"AUDIT_ASSETS_FIRST_HOUR": key_of(newest_settled_hour(SystemClock().now()))}
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", "audit_assets", *arguments],
        cwd=folder,
        env={**clean, **sandbox.environment(), **first, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def running(folder: Path) -> list[str]:
    """The statuses of the runs that are in progress, as far as Dagster knows. Its database is only read: whoever
    opened it as Dagster does, while a command makes it, would leave one that nobody can open."""
    known = ", ".join(f"'{status.value}'" for status in IN_PROGRESS)
    address = f"file:{folder / DAGSTER_HOME / 'history/runs.db'}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            rows = database.execute(f"SELECT status FROM runs WHERE status IN ({known})")  # noqa: S608
            return [status for (status,) in rows]
    except sqlite3.OperationalError:
        return []


def wait_until(found: Callable[[], object]) -> None:
    until = time.monotonic() + LONG_ENOUGH
    while not found():
        assert time.monotonic() < until
        time.sleep(0.2)


def processes_of(marks: str) -> list[str]:
    """The command lines of the processes that were started with this folder in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if marks.encode() in environment:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def terminate(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Its exit code, and how long it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=LONG_ENOUGH)
    return code, time.monotonic() - began


def test_start_ends_its_loading_and_leaves_no_run_behind(tmp_path: Path, slow: Sandbox) -> None:
    with started(tmp_path, slow, "start") as process:
        slow.faults.clear()  # for the doctor, which looks first
        wait_until((tmp_path / DAGSTER_HOME / "history").exists)
        slow.faults.add(Fault("cloudflare", "*", "slow_before", times=1_000, options={"seconds": 300}))
        wait_until(partial(running, tmp_path))
        code, took = terminate(process)
        assert process.stdout
        assert (code, "audit-assets: stopped." in process.stdout.read()) == (143, True)
    assert took < LONGEST
    assert running(tmp_path) == []
    assert unfinished_files(tmp_path) == []


def unfinished_files(folder: Path) -> list[Path]:
    """What a write that was cut off leaves under another name."""
    return [
        path
        for path in (folder / ".audit_assets/hours").rglob("*")
        if path.is_file() and path.suffix not in (".json", ".parquet")
    ]


@pytest.mark.skipif(not Path("/proc").exists(), reason="/proc shows what is left")
def test_dev_ends_with_all_that_it_started_and_with_its_run(tmp_path: Path, slow: Sandbox) -> None:
    with started(tmp_path, slow, "dev", "--port", free_port()) as process:
        assert process.stdout
        (address,) = re.findall(r"http://\S+", process.stdout.readline())
        url = address.split("?")[0]
        httpx.post(
            f"{url}graphql", json={"query": START_SENSOR}, headers=bearer(address), timeout=LONG_ENOUGH, trust_env=False
        )
        wait_until(lambda: STARTED in running(tmp_path))
        assert len(processes_of(str(tmp_path / DAGSTER_HOME))) > 3
        code, took = terminate(process)
    assert took < LONGEST
    assert code in (0, 256 - signal.SIGKILL)  # the latter on a machine that is busy with other things
    assert processes_of(str(tmp_path / DAGSTER_HOME)) == []
    assert STARTED not in running(tmp_path)
    assert unfinished_files(tmp_path) == []


def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from audit_assets.cli import stopping\n"
        "stopping.GRACE_SECONDS = 0.5\n"
        "child = 'import os, pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); '\n"
        'child += \'other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]); \'\n'
        'child += \'pathlib.Path("pids").write_text(f"{os.getpid()} {other.pid}."); time.sleep(60)\'\n'
        "command, folder = [sys.executable, '-c', child], pathlib.Path(sys.argv[1])\n"
        "sys.exit(abs(stopping.run_until_exit(command, dict(os.environ), folder)))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) as parent:  # noqa: S603 - no part of it is untrusted
        pids = tmp_path / "pids"
        wait_until(lambda: pids.exists() and pids.read_text().endswith("."))
        parent.terminate()
        assert parent.wait(timeout=LONG_ENOUGH) == signal.SIGKILL
    for pid in map(int, pids.read_text().rstrip(".").split()):
        wait_until(lambda pid=pid: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
