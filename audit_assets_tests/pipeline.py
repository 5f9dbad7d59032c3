"""The whole pipeline against the sandbox, as tests run it: real assets, real sockets, an instance in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.axiom.events import events_from
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.defs.build import build_defs
from audit_assets.defs.delivery_resources import HeartbeatResource
from audit_assets.defs.partitions import range_tags
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource
from audit_assets.defs.steps.axiom_record import RECORD
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore, open_store
from audit_assets.storage.hours import hours_between, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import AXIOM_RECORD, SUMMARY
from audit_assets.transport.clock import Clock
from audit_assets_tests.support import JumpingClock

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Pipeline:
    """Runs hours and looks at what they left behind."""

    def __init__(self, sandbox: Sandbox, clock: JumpingClock, storage: Path) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.store = HourStore(str(storage))
        self.instance = dg.DagsterInstance.ephemeral()
        self.resources = {
            "cloudflare": CloudflareResource(clock),
            "axiom": AxiomResource(clock),
            "linear": LinearResource(clock),
            "storage": StorageResource(clock),
            "heartbeat": HeartbeatResource(clock),
        }
        self.defs = build_defs(resources=self.resources)

    def run(
        self,
        first: datetime,
        last: datetime | None = None,
        *,
        job: str = "hourly_audit",
        open_tickets: str | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run over the hours from `first` to `last`; it may fail. `flags`: the run config of `flagged_actors`."""
        config: dict[str, Any] = {**QUIET, "ops": {}}
        if open_tickets:
            config["ops"]["opened_tickets"] = {"config": {"open_tickets": open_tickets}}
        if flags:
            config["ops"]["flagged_actors"] = {"config": dict(flags)}
        partition: dict[str, Any] = {"tags": range_tags(first, last)} if last else {"partition_key": key_of(first)}
        return self.defs.resolve_job_def(job).execute_in_process(
            run_config=config, instance=self.instance, raise_on_error=False, **partition
        )

    def remember(self, entries: Sequence[dict[str, Any]]) -> None:
        """A past, straight in Axiom: hundreds of hours through the assets would take half a minute a test."""
        remember(self.store, entries, self.clock)

    def read_verdicts(self) -> dg.ExecuteInProcessResult:
        """Read in Linear what became of the tickets."""
        job = self.defs.resolve_job_def("verdicts")
        return job.execute_in_process(run_config=QUIET, instance=self.instance, raise_on_error=False)

    def carry_out(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """The run that a sensor asked for, as the daemon would launch it."""
        return self.defs.resolve_job_def(request.job_name or "hourly_audit").execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            raise_on_error=False,
            partition_key=request.partition_key,
            tags=dict(request.tags),
        )

    def summary(self, hour: datetime) -> dict[str, Any]:
        """The hour's summary."""
        return self.store.read_json("flagged_actor_summary", hour)

    def tickets(self) -> list[dict[str, Any]]:
        """The issues in the sandbox's Linear."""
        return self.sandbox.linear.issues()


def remember(store: HourStore, entries: Sequence[Mapping[str, Any]], clock: Clock) -> None:
    """Put a past into Axiom, and into the record of what was pulled."""
    remember_frame(store, normalize_entries(entries, "v2", CloudflareResource().account_id())[0], clock)


def remember_frame(store: HourStore, frame: pl.DataFrame, clock: Clock) -> None:
    """The same of an entry frame. Nothing else happened in the 31 days before now."""
    with closing(AxiomResource(clock).client()) as client:
        client.ingest(events_from(frame))
        assert client.prove(frame).holds
    record_pulled(store, frame.group_by(hour=pl.col("time").dt.truncate("1h")).agg(events=pl.len().cast(pl.Int64)))
    record_silence(store, clock)


def record_silence(store: HourStore, clock: Clock) -> None:
    """The last 31 days were pulled, and nothing else happened in them."""
    newest = newest_settled_hour(clock.now())
    record_pulled(store, pl.DataFrame({"hour": hours_between(newest - DAY * 31, newest)}).with_columns(events=0))


def record_pulled(store: HourStore, hours: pl.DataFrame) -> None:
    """So many more events of these hours were pulled."""
    pulled = hours.cast(RECORD)
    known = store.read(AXIOM_RECORD, None)
    everything = pulled if known is None else pl.concat([known, pulled])
    store.write(AXIOM_RECORD, None, everything.group_by("hour").agg(pl.col("events").sum()))


def file_summary(hour: datetime) -> None:
    """A summary in the store that is set, for a test that only lets Dagster's record have an hour as judged."""
    path = Path(str(open_store().path(SUMMARY, hour, "json")))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def dagster_failure_of(result: dg.ExecuteInProcessResult) -> str:
    """What a person reads of a failed run."""
    assert not result.success
    return "; ".join(problems_of(result))


def problems_of(result: dg.ExecuteInProcessResult) -> list[str]:
    """The descriptions of a run's failed steps; a failure without one is an error."""
    descriptions = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            described = data.user_failure_data and data.user_failure_data.description
            assert described, data.error and data.error.to_string()
            descriptions.append(described)
    assert result.success or descriptions or not all(check.passed for check in result.get_asset_check_evaluations())
    return descriptions


def check_of(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    """The one evaluation of a check in a run."""
    (evaluation,) = [check for check in result.get_asset_check_evaluations() if check.check_name == name]
    return evaluation


def v2_entry(
    time: datetime,
    *,
    actor: str = "alice@example.com",
    resource_type: str = "dns_records",
    action: str = "create",
    number: int = 0,
    **changed: Any,
) -> dict[str, Any]:
    """An entry as v2 gives it. The same arguments give the same id."""
    native_id = hashlib.md5(f"{time}|{actor}|{resource_type}|{number}".encode(), usedforsecurity=False).hexdigest()
    entry: dict[str, Any] = {
        "id": native_id,
        "account": {"id": "a" * 32, "name": "Example"},
        "action": {"type": action, "result": "success", "time": time.isoformat().replace("+00:00", "Z")},
        "actor": {"id": _hex(actor), "email": actor, "type": "user", "context": "dash", "ip_address": "192.0.2.1"},
        "raw": {"method": "POST", "status_code": 200, "uri": "/zones", "user_agent": "Mozilla/5.0"},
        "resource": {"id": _hex(resource_type), "product": resource_type, "type": resource_type, "scope": "zones"},
        "zone": {"id": _hex("zone"), "name": "example.com"},
    }
    return {**entry, **changed}


def v2_burst(time: datetime, count: int, **of: Any) -> list[dict[str, Any]]:
    """So many entries, a second apart."""
    return [v2_entry(time + timedelta(seconds=number), number=number, **of) for number in range(count)]


def v1_entry(time: datetime, *, actor: str = "alice@example.com", number: int = 0, **changed: Any) -> dict[str, Any]:
    """An entry as v1 gives it."""
    entry: dict[str, Any] = {
        "id": f"00000000-0000-4000-8000-{_hex(f'{time}|{actor}|{number}')[:12]}",
        "action": {"type": "deploy_script", "result": True},
        "actor": {"id": _hex(actor), "email": actor, "ip": "192.0.2.1", "type": "user"},
        "interface": "UI",
        "metadata": {},
        "newValue": "",
        "oldValue": "null",
        "owner": {"id": _hex("owner")},
        "resource": {"type": "worker_script", "id": "edge"},
        "when": time.isoformat().replace("+00:00", "Z"),
    }
    return {**entry, **changed}


def _hex(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def environment_of(sandbox: Sandbox, storage: Path) -> Mapping[str, str]:
    """The settings of a pipeline against this sandbox."""
    return {**sandbox.environment(), "AUDIT_ASSETS_STORAGE": str(storage)}
