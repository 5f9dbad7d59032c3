"""The pipeline of the benchmark of the hour, alone in its process: runs hours and prints what they took, as JSON.

    python -m audit_assets_tests.benchmarks.hour_runs history|ordinary|full --world URL [--hours N]

`hour.py` starts it, with the settings in the environment. The bodies of our assets and checks are measured where they
are called: while the definitions are built, `dagster.asset` and its like for checks are replaced by ones that wrap what
they decorate. The most memory is the kernel's own mark of it, reset where a body begins. Waits are recorded, and
skipped by advancing the sandbox's clock.
"""

import argparse
import importlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import wraps
from inspect import isgeneratorfunction
from itertools import cycle
from typing import Any
from unittest.mock import patch

import dagster as dg
import httpx

from audit_assets_tests.benchmarks.hour_world import HISTORY
from audit_assets_tests.benchmarks.process_memory import forget_peak, memory_now, peak_memory
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR
from audit_assets_tests.support import bearer

DECORATORS = ("asset", "asset_check", "multi_asset_check")


@dataclass
class Body:
    """What the body of an asset or a check took, in seconds and MB."""

    name: str
    memory_before: float = 0.0
    memory_peak: float = 0.0

    seconds: float = 0.0
    """Our own: without `ledger` and `skipping`."""

    computing: float = 0.0
    """Processor time. The rest of `seconds` went by in waiting for the services' answers and the disk."""

    ledger: float = 0.0
    """Spent by Dagster on our query for the materialised hours."""

    waited: float = 0.0
    """Requested from the clock, and skipped."""

    skipping: float = 0.0
    """Spent on advancing the sandbox's clock."""


class Meter:
    """Records what the bodies take; they run one after the other."""

    def __init__(self) -> None:
        self.bodies: list[Body] = []
        self.current = Body("none")
        self.between = 0.0
        """The most memory outside of the bodies, in MB."""

    @property
    def peak(self) -> float:
        """The most memory since `start`, in MB."""
        return max([self.between, peak_memory(), *(body.memory_peak for body in self.bodies)])

    def start(self) -> None:
        """Forget what was measured so far."""
        self.bodies.clear()
        self.between = 0.0
        forget_peak()

    def decorating(self, decorate: Callable[..., Any]) -> Callable[..., Any]:
        """One of the DECORATORS, for bodies that are measured."""
        return lambda **options: lambda body: decorate(**options)(self._measured(body))

    def ledger(self, query: Callable[..., Any]) -> Callable[..., Any]:
        """A query of Dagster, whose time counts as Dagster's."""

        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return query(*arguments)
            finally:
                self.current.ledger += time.perf_counter() - began

        return timed

    def _measured(self, body: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
        if isgeneratorfunction(body):  # as Dagster sees from the wrapper, too
            measured_list = self._measured(lambda *arguments, **options: [*body(*arguments, **options)], body.__name__)

            @wraps(body)
            def generator(*arguments: Any, **options: Any) -> Iterator[Any]:
                yield from measured_list(*arguments, **options)

            return generator

        @wraps(body)
        def measured(*arguments: Any, **options: Any) -> Any:
            self.between = max(self.between, peak_memory())
            forget_peak()
            noted = self.current = Body(name or body.__name__, memory_now())
            self.bodies.append(noted)
            began, processor = time.perf_counter(), time.process_time()
            try:
                return body(*arguments, **options)
            finally:
                noted.seconds = time.perf_counter() - began - noted.ledger - noted.skipping
                noted.computing = min(noted.seconds, time.process_time() - processor)
                noted.memory_peak = peak_memory()
                forget_peak()
                self.current = Body("none")

        return measured


class SandboxWaits:
    """The clock of a sandbox in another process; a wait advances it and is recorded."""

    def __init__(self, world: str, meter: Meter) -> None:
        self._address, self._headers = world.partition("?")[0], bearer(world)
        self._meter = meter
        self._ahead = 0.0
        now = httpx.get(self._address, headers=self._headers, trust_env=False).raise_for_status().json()["now"]
        self._start = datetime.fromisoformat(now) - timedelta(seconds=time.monotonic())

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        began = time.perf_counter()
        body = {"advance_seconds": seconds}
        httpx.post(self._address, json=body, headers=self._headers, trust_env=False).raise_for_status()
        self._ahead += seconds
        self._meter.current.waited += seconds
        self._meter.current.skipping += time.perf_counter() - began


class MeasuredPipeline:
    """The real definitions with measured bodies."""

    def __init__(self, world: str) -> None:
        self.meter = Meter()
        clock = SandboxWaits(world, self.meter)
        with ExitStack() as patches:
            for name in DECORATORS:
                patches.enter_context(patch.object(dg, name, self.meter.decorating(getattr(dg, name))))
            build = importlib.import_module("audit_assets.defs.build")
            self._defs: dg.Definitions = build.build_defs(
                resources={
                    "cloudflare": build.CloudflareResource(clock),
                    "axiom": build.AxiomResource(clock),
                    "linear": build.LinearResource(clock),
                    "storage": build.StorageResource(clock),
                }
            )
        self._partitions = importlib.import_module("audit_assets.defs.partitions")

    def history(self, instance: dg.DagsterInstance) -> None:
        """Pull and ingest the hours before HOUR."""
        self._run(instance, "history", {}, tags=self._partitions.range_tags(HOUR - HISTORY, HOUR - AN_HOUR))

    def hour(self, instance: dg.DagsterInstance, hour: datetime) -> dict[str, Any]:
        """Run an hour with all its assets and checks; the seconds it took, and its bodies."""
        self.meter.start()
        began = time.perf_counter()
        opening = {"opened_tickets": {"config": {"open_tickets": "always"}}}  # a fortnight of history opens none yet
        self._run(instance, "hourly_audit", opening, partition_key=self._partitions.key_of(hour))
        skipping = sum(body.skipping for body in self.meter.bodies)
        return {
            "seconds": time.perf_counter() - began - skipping,
            "bodies": [asdict(body) for body in self.meter.bodies],
        }

    def _run(self, instance: dg.DagsterInstance, job: str, ops: dict[str, Any], **partition: Any) -> None:
        config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": ops}
        ledger = self.meter.ledger(instance.get_materialized_partitions)
        with patch.object(instance, "get_materialized_partitions", ledger):
            self._defs.resolve_job_def(job).execute_in_process(run_config=config, instance=instance, **partition)


def history(world: str) -> dict[str, Any]:
    """The past alone, on the instance of DAGSTER_HOME."""
    with dg.DagsterInstance.get() as instance:
        MeasuredPipeline(world).history(instance)
    return {}


def ordinary(world: str, hours: int) -> dict[str, Any]:
    """Hours by turns on an instance in memory and on that of DAGSTER_HOME, each of which knows the past."""
    pipeline = MeasuredPipeline(world)
    with dg.DagsterInstance.ephemeral() as in_memory, dg.DagsterInstance.get() as on_disk:
        instances = {"in memory": in_memory, "on SQLite": on_disk}
        for instance in instances.values():
            pipeline.history(instance)
        took: dict[str, list[dict[str, Any]]] = {name: [] for name in instances}
        for place, name in zip(range(hours), cycle(instances), strict=False):
            took[name].append(pipeline.hour(instances[name], HOUR + AN_HOUR * place))
        return took


def full(world: str) -> dict[str, Any]:
    """One hour on the instance of DAGSTER_HOME, and the memory it took."""
    pipeline = MeasuredPipeline(world)
    with dg.DagsterInstance.get() as instance:
        return {**pipeline.hour(instance, HOUR), "peak": pipeline.meter.peak}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Run what the benchmark of the hour measures.")
    parser.add_argument("what", choices=["history", "ordinary", "full"])
    parser.add_argument("--world", required=True, help="clock_address() of the sandbox")
    parser.add_argument("--hours", type=int, default=10, help="how many ordinary ones")
    options = parser.parse_args()
    match options.what:
        case "history":
            result = history(options.world)
        case "ordinary":
            result = ordinary(options.world, options.hours)
        case _:
            result = full(options.world)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
