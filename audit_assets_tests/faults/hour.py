"""One run of the real job over an hour, and its report, in whatever process it is called.

The definitions are the project's own, with a clock whose waits pass at once, here and in the sandbox.
"""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any, Self
from urllib.parse import urlsplit

import dagster as dg

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.defs.build import build_defs
from audit_assets.defs.partitions import key_of, range_tags
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.support import bearer

PROOF = "axiom_holds_every_entry"

LONGEST_PROBLEM = 1_000


@dataclass
class RunReport:
    """What a run shows of itself."""

    success: bool
    problems: list[str] = field(default_factory=list)
    """Of steps that failed: the description for a person, or `no description:` and the trace if there is none."""

    proof: dict[str, Any] = field(default_factory=dict)
    """Of the check that Axiom holds every entry: `passed`, and its numbers."""

    @classmethod
    def from_result(cls, result: dg.ExecuteInProcessResult) -> Self:
        """Read a run that has ended."""
        report = cls(result.success)
        for event in result.all_events:
            if event.is_step_failure:
                data = event.step_failure_data
                described = data.user_failure_data and data.user_failure_data.description
                if not described and data.error and data.error.cls_name == "DagsterAssetCheckFailedError":
                    continue  # the check itself has the reason
                report.problems.append(described or f"no description: {data.error and data.error.to_string()}")
        for check in result.get_asset_check_evaluations():
            if check.check_name == PROOF:
                report.proof = {"passed": check.passed} | {name: each.value for name, each in check.metadata.items()}
            if check.blocking and not check.passed:
                report.problems.append(f"{check.check_name}: {check.description}")
        assert report.success or report.problems, "a run that failed describes no problem"
        return report

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


def is_readable(problem: str) -> bool:
    """Whether a problem is a sentence for a person, without a trace of ours."""
    return "Traceback" not in problem and not problem.startswith("no description:") and len(problem) < LONGEST_PROBLEM


class SteeredClock:
    """The clock of the sandbox in another process, at its `clock_address()`; a wait advances it."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address).netloc
        self._headers = {**bearer(address), "Content-Type": "application/json"}
        self._ahead = 0.0
        now = self._ask("GET")
        self._start = now - timedelta(seconds=time.monotonic())

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        self._ask("POST", json.dumps({"advance_seconds": seconds}))
        self._ahead += seconds

    def _ask(self, method: str, body: str | None = None) -> datetime:
        connection = HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, "/sandbox/clock", body, self._headers)
            return datetime.fromisoformat(json.loads(connection.getresponse().read())["now"])
        finally:
            connection.close()


def definitions(
    clock: Clock, *, limits: HttpLimits | None = None, axiom_limits: AxiomLimits | None = None
) -> dg.Definitions:
    """The project's own definitions, on that clock."""
    return build_defs(
        resources={
            "cloudflare": CloudflareResource(clock, limits),
            "axiom": AxiomResource(clock, axiom_limits),
            "linear": LinearResource(clock, limits),
            "storage": StorageResource(clock),
        }
    )


def run_hour(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    first: datetime,
    last: datetime | None = None,
    *,
    job: str = "hourly_audit",
) -> RunReport:
    """Run an hour, or all from `first` to `last`; the settings are those of the environment."""
    partition: dict[str, Any] = {"tags": range_tags(first, last)} if last else {"partition_key": key_of(first)}
    return RunReport.from_result(
        defs.resolve_job_def(job).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            raise_on_error=False,
            **partition,
        )
    )


def run_here(clock_at: str, first: datetime, last: datetime | None = None, *, job: str = "hourly_audit") -> RunReport:
    """The same on the persistent instance of DAGSTER_HOME, on the clock of a sandbox."""
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        return run_hour(definitions(SteeredClock(clock_at)), instance, first, last, job=job)
