"""A process that has imported everything, started nothing, and forks a child for every run: importing takes 2 s.

    python -m audit_assets_tests.faults.launcher

Reads an order (JSON) a line, forks, waits, and answers with a line: the exit status of the child. What the child has
to report it writes to the order's `report`. Forking is safe as long as polars' pool was not started: nothing here
computes before the fork.
"""

import gc
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_postgres  # noqa: F401 - with the next one what a run imports on servers
import s3fs  # noqa: F401
from matplotlib.backends import backend_agg  # noqa: F401 - which the project imports for its first chart

from audit_assets.cli.dagster_home import instance_home
from audit_assets.defs.partitions import HOURLY
from audit_assets.tickets.chart_data import Activity
from audit_assets.tickets.chart_drawing import draw_png
from audit_assets_tests.faults import protocols
from audit_assets_tests.faults.hour import run_here
from audit_assets_tests.faults.points import Points

LONGEST_STEP = 120
"""Seconds from one point to the next: then a child is stuck, and ended by SIGALRM. A busy machine is only slow."""


@dataclass(frozen=True)
class Order:
    """A run to make. `kill_at` names the point where it is killed; None records all points that it passes."""

    clock_at: str
    hour: str
    environment: dict[str, str]
    report: str
    kill_at: str | None = None
    protocol: str | None = None
    """Of `protocols`: the deliberately wrong one that the run follows."""

    def as_line(self) -> str:
        """For the launcher's standard input."""
        return json.dumps(asdict(self))


def carry_out(order: Order) -> dict[str, Any]:
    """In the child: make the run. Does not return if it is killed."""
    passed: list[str] = []

    def reached(point: str) -> None:
        passed.append(point)
        signal.alarm(LONGEST_STEP)
        if point == order.kill_at:
            _report(order, {"killed_at": point})
            os.kill(os.getpid(), signal.SIGKILL)

    points = Points(reached, order.environment["AUDIT_ASSETS_STORAGE"])
    with protocols.followed(order.protocol, order.environment), points.watched():
        report = run_here(order.clock_at, datetime.fromisoformat(order.hour))
    return {"report": report.as_json(), "passed": passed}


def _report(order: Order, content: dict[str, Any]) -> None:
    descriptor = os.open(order.report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, json.dumps(content).encode())
    os.close(descriptor)


def _child(order: Order) -> None:
    """Ends the process."""
    signal.alarm(LONGEST_STEP)
    log = os.open(f"{order.report}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    _ended_with(lambda: _report(order, carry_out(order)))


def _ended_with(body: Callable[[], None]) -> None:
    status = 1
    try:
        body()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


@dg.asset(partitions_def=HOURLY)
def nothing() -> None:
    """Computes nothing."""


@dg.asset_check(asset=nothing)
def nothing_is_right() -> dg.AssetCheckResult:
    """It always is."""
    return dg.AssetCheckResult(passed=True)


def warm_up() -> None:
    """Let Dagster and the plotting library import what they import when first used: half of a child's time else."""
    draw_png(Activity(hour=datetime(2026, 11, 22, tzinfo=UTC), changes={0: 1}))
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with tempfile.TemporaryDirectory() as folder:
        home = instance_home(Path(folder))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            job = dg.define_asset_job("nothing_at_all", selection=dg.AssetSelection.all())
            defs = dg.Definitions(
                [nothing], asset_checks=[nothing_is_right], jobs=[job], executor=dg.in_process_executor
            )
            key = HOURLY.get_first_partition_key()
            defs.resolve_job_def(job.name).execute_in_process(quiet, instance=instance, partition_key=key)


def main() -> None:
    """Serve orders until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its standard input
    warm_up()
    assert threading.active_count() == 1, "a thread would be lost in the children, with the locks that it holds"
    gc.freeze()  # pages that are never written to again stay shared with the children
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(Order(**json.loads(line)))
        _, status = os.waitpid(child, 0)
        with suppress(BrokenPipeError):  # the reader is gone, and with it the next order
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
