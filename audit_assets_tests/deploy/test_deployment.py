"""A deployment from the shipped files, on PostgreSQL and an S3 server: killing its processes costs nothing.

Of the shipped configuration only the run launcher is another one than with Docker or Kubernetes, neither of which runs
where these tests do: runs are processes of the code server, as with the systemd units.
"""

import logging
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest
from dagster._core.instance.ref import InstanceRef
from moto.server import ThreadedMotoServer

from audit_assets.defs.automation.ledger import IN_PROGRESS, plan_requests
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, bound_socket, serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, hours_between, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import ENTRIES
from audit_assets.transport.clock import SystemClock
from audit_assets_tests.deploy import postgres
from audit_assets_tests.deploy.processes import BIN, CODE_SERVER, DAEMON, WEB_SERVER, Deployment
from audit_assets_tests.faults.daemon import running_daemon
from audit_assets_tests.pipeline import v2_burst, v2_entry

HISTORY = timedelta(hours=48)
ASSETS = ("raw_audit_entries", "axiom_ingest", "flagged_actors", "opened_tickets", "flagged_actor_summary")
LOCATIONS = "{repositoriesOrError {... on RepositoryConnection {nodes {name location {name}}}}}"
START_SENSOR = "mutation($of: SensorSelector!) {startSensor(sensorSelector: $of) {__typename}}"
STORAGE = "s3://hours/team"

UNNOTICED = 90.0
"""Seconds after which a run whose worker died with the code server holds up no other, on a slow machine: run monitoring
looks every 15 s, once the code server is there again."""


@dataclass(frozen=True)
class EndState:
    """What is left behind, whatever happened on the way. What is below the alert threshold is not in it: on so little
    history it depends on which of two days was judged first, and a run that was killed may go after the next one."""

    ledger: Mapping[str, frozenset[str]]
    """The hours of each asset that are materialised."""

    entries: Mapping[datetime, Counter[str]]
    tickets: Counter[str]
    """By title: who is on how many."""


def show_two_days(sandbox: Sandbox, first: datetime) -> None:
    """Ordinary changes, and two people who delete zones: a watch rule alerts on that without any history."""
    log = sandbox.cloudflare.logs["v2"]
    for number in range(0, HISTORY // AN_HOUR, 3):
        start = first + AN_HOUR * number + timedelta(minutes=3)
        log.add(v2_burst(start, 3, actor=("anne@example.com", "bert@example.com")[number % 2]), delay=_at_once)
    for number, actor in ((5, "carol@example.com"), (40, "dave@example.com")):
        at = first + AN_HOUR * number + timedelta(minutes=20)
        log.add([v2_entry(at, actor=actor, action="delete", resource_type="zones")], delay=_at_once)


def _at_once(_: Any) -> timedelta:
    return timedelta(0)


def end_state(instance: dg.DagsterInstance, storage: str, sandbox: Sandbox, hours: Sequence[datetime]) -> EndState:
    keys = frozenset(map(key_of, hours))
    store = HourStore(storage)
    return EndState(
        ledger={name: keys & instance.get_materialized_partitions(dg.AssetKey(name)) for name in ASSETS},
        entries={hour: Counter(store.require(ENTRIES, hour)["entry_id"]) for hour in hours},
        tickets=Counter(issue["title"] for issue in sandbox.linear.issues()),
    )


def free_port() -> int:
    with bound_socket() as free:
        return free.getsockname()[1]


@contextmanager
def deployed(folder: Path, sandbox: Sandbox, first: datetime) -> Iterator[tuple[Deployment, dg.DagsterInstance]]:
    """The shipped files, the servers that they need, the processes, and the instance as these see it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with ExitStack() as stack:
        database = stack.enter_context(postgres.running_postgres())
        bucket = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        bucket.start()
        stack.callback(bucket.stop)
        host, port = bucket.get_host_and_port()
        stack.enter_context(patched_environment(_settings(sandbox, first, f"http://{host}:{port}", database)))
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        fsspec.filesystem("s3").mkdir("hours")
        subprocess.run([BIN / "audit-assets", "deploy", "--to", folder], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        deployment = Deployment(folder, {**os.environ, "DAGSTER_HOME": str(folder)}, free_port(), free_port())
        workspace = folder / "workspace.yaml"
        workspace.write_text(workspace.read_text().replace("port: 4266", f"port: {deployment.code_port}"))
        stack.callback(deployment.stop)
        for name in (CODE_SERVER, WEB_SERVER, DAEMON):
            deployment.start(name)
        (location,) = deployment.wait_for(
            "the definitions", lambda: deployment.graphql(LOCATIONS)["repositoriesOrError"]["nodes"]
        )
        deployment.graphql(
            START_SENSOR,
            of={
                "repositoryName": location["name"],
                "repositoryLocationName": location["location"]["name"],
                "sensorName": "missing_hours",
            },
        )
        instance = stack.enter_context(dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))))
        yield deployment, instance


def _settings(sandbox: Sandbox, first: datetime, bucket: str, database: postgres.Postgres) -> dict[str, str]:
    return {
        **sandbox.environment(),
        **database.environment(),
        "AUDIT_ASSETS_STORAGE": STORAGE,
        "AUDIT_ASSETS_FIRST_HOUR": key_of(first),
        "CODE_SERVER_HOST": "127.0.0.1",
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "canary-4f1d8c0b77aa",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": bucket,
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


@contextmanager
def patched_environment(settings: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield


@pytest.mark.skipif(postgres.missing() is not None, reason=postgres.missing() or "")
def test_whatever_process_is_killed_every_hour_is_done_once_as_on_one_machine(tmp_path: Path) -> None:
    clock = SystemClock()
    now = clock.now()
    newest = newest_settled_hour(now)
    first = newest + AN_HOUR - HISTORY
    hours = hours_between(first, newest)
    with (
        serve_sandbox(Sandbox(tmp_path / "cloud")) as sandbox,
        deployed(tmp_path / "deployment", sandbox, first) as (deployment, instance),
    ):
        show_two_days(sandbox, first)
        for name in (WEB_SERVER, CODE_SERVER, DAEMON):
            running = deployment.wait_for(
                "a run", lambda: instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            )
            deployment.kill(name)
            deployment.start(name)
            if name == CODE_SERVER:  # with the run, which is its child
                dead = dg.RunsFilter(run_ids=[running[0].run_id], statuses=[dg.DagsterRunStatus.FAILURE])
                deployment.wait_for(
                    "the end of the dead run", lambda filters=dead: instance.get_runs(filters), UNNOTICED
                )

        def finished() -> bool:
            in_progress = instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS))
            judged = instance.get_materialized_partitions(dg.AssetKey(ASSETS[-1]))
            return (
                not in_progress
                and judged >= {*map(key_of, hours)}
                and not plan_requests(instance, clock.now()).requests
            )

        deployment.wait_for("every hour", finished)
        distributed = end_state(instance, STORAGE, sandbox, hours)
    with serve_sandbox(Sandbox(tmp_path / "cloud of one machine", clock=SandboxClock(now))) as sandbox:
        show_two_days(sandbox, first)
        with running_daemon(sandbox, tmp_path / "hours", first) as daemon:
            daemon.settle(now)
            alone = end_state(daemon.instance, str(tmp_path / "hours"), sandbox, hours)
    assert distributed == alone
    assert set(map(len, distributed.ledger.values())) == {len(hours)}
    assert sum(distributed.tickets.values()) >= 2
