"""A process of the benchmark of scale, alone with the pipeline as a run or the code server is. Prints what it took, as
JSON: processor seconds, MB.

    python -m audit_assets_tests.benchmarks.scale_process run|sensors --world ADDRESS [--job JOB --hour HOUR]

`scale_life.py` and `scale_accounts.py` start it, with the settings and DAGSTER_HOME in the environment.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from audit_assets.config.accounts_file import all_accounts
from audit_assets_tests.benchmarks.process_memory import peak_memory
from audit_assets_tests.faults.hour import SteeredClock, definitions
from audit_assets_tests.pipeline import QUIET

SENSORS = ("missing_hours", "pipeline_watchdog", "ticket_verdicts")
"""Those that look without a cause; `failed_runs` looks when a run has failed."""

USED = ("cloudflare", "linear", "storage", "webhook", "channels")
"""The resources of these sensors."""


def run_alone(what: str, environment: Mapping[str, str], address: str, *arguments: str) -> dict[str, Any]:
    """The measurements of such a process."""
    command = [sys.executable, "-m", "audit_assets_tests.benchmarks.scale_process", what, "--world", address]
    ended = subprocess.run(  # noqa: S603 - our own command
        [*command, *arguments], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(ended.stdout)


def a_run(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, hour: str) -> dict[str, Any]:
    """A run of a job over an hour."""
    before, began = time.process_time(), time.perf_counter()
    made = defs.resolve_job_def(job).execute_in_process(run_config=QUIET, instance=instance, partition_key=hour)
    return {"run": time.process_time() - before, "wall": time.perf_counter() - began, "success": made.success}


def look(
    defs: dg.Definitions, instance: dg.DagsterInstance, sensor: str, cursors: dict[str, str | None]
) -> list[dg.RunRequest]:
    """A look of a sensor, as the daemon makes it. `cursors`: those of all sensors, as Dagster keeps them."""
    context = dg.build_sensor_context(
        instance=instance,
        repository_def=defs.get_repository_def(),
        sensor_name=sensor,
        cursor=cursors.get(sensor),
        resources={name: (defs.resources or {})[name] for name in USED},
    )
    with context:
        looked = defs.resolve_sensor_def(sensor).evaluate_tick(context)
    cursors[sensor] = looked.cursor
    for event in looked.asset_events:
        instance.report_runless_asset_event(event)
    return [*(looked.run_requests or ())]


def looks(defs: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, Any]:
    """The second look of each sensor of all accounts: the first reads what the process keeps."""
    cursors: dict[str, str | None] = {}
    took: dict[str, Any] = {}
    for _ in range(2):
        for name in SENSORS:
            before, began = time.process_time(), time.perf_counter()
            for account in all_accounts():
                look(defs, instance, account.named(name), cursors)
            took[name] = {"cpu": time.process_time() - before, "wall": time.perf_counter() - began}
    return took


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Run what the benchmark of scale measures.")
    parser.add_argument("what", choices=["run", "sensors"])
    parser.add_argument("--world", required=True, help="clock_address() of the sandbox")
    parser.add_argument("--job", default="hourly_audit")
    parser.add_argument("--hour", default="")
    options = parser.parse_args()
    defs = definitions(SteeredClock(options.world))
    loading, memory = time.process_time(), peak_memory()
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        took = a_run(defs, instance, options.job, options.hour) if options.what == "run" else looks(defs, instance)
    print(json.dumps({**took, "loading": loading, "memory": memory, "peak": peak_memory()}), flush=True)


if __name__ == "__main__":
    main()
