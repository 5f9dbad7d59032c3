"""A deployment from the shipped files, on PostgreSQL and an S3 server: killing its processes costs nothing.

Of the shipped configuration only the run launcher is another one than with Docker or Kubernetes: runs are processes of
the code server, as with the systemd units. `python -m audit_assets_tests.deploy.on_docker` does the same with Docker.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import fsspec
import pytest
from dagster._core.instance.ref import InstanceRef

from audit_assets.sandbox.server import bound_socket
from audit_assets.storage.hours import key_of
from audit_assets.transport.clock import SystemClock
from audit_assets_tests.deploy.deployed import running
from audit_assets_tests.deploy.processes import BIN, CODE_SERVER, DAEMON, WEB_SERVER, Deployment
from audit_assets_tests.deploy.two_days import (
    check_end_states,
    end_states,
    hours_until,
    on_one_machine,
    show_two_days,
    two_accounts,
)
from audit_assets_tests.servers import postgres
from audit_assets_tests.servers.s3 import running_s3

BUCKET = "hours"

UNNOTICED = timedelta(seconds=90)
"""After which a run whose worker died with the code server holds up no other, on a slow machine: run monitoring looks
every 15 s, once the code server is there again."""


def free_port() -> int:
    with bound_socket() as free:
        return free.getsockname()[1]


@contextmanager
def deployed(folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[Deployment, dg.DagsterInstance]]:
    """The shipped files, the servers that they need, the processes, and the instance as these see it. The sensors that
    request the hours of both accounts are on."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres.running_postgres())
        s3 = stack.enter_context(running_s3())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        own = {
            "AUDIT_ASSETS_STORAGE": f"s3://{BUCKET}/team",
            "CODE_SERVER_HOST": "127.0.0.1",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }
        for name, value in {**settings, **database.environment(), **s3.environment(), **own}.items():
            patch.setenv(name, value)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        fsspec.filesystem("s3").mkdir(BUCKET)
        subprocess.run([BIN / "audit-assets", "deploy", "--to", folder], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        deployment = Deployment(folder, {**os.environ, "DAGSTER_HOME": str(folder)}, free_port(), free_port())
        workspace = folder / "workspace.yaml"
        workspace.write_text(workspace.read_text().replace("port: 4266", f"port: {deployment.code_port}"))
        stack.callback(deployment.stop)
        for name in (CODE_SERVER, WEB_SERVER, DAEMON):
            deployment.start(name)
        deployment.request_hours()
        instance = stack.enter_context(dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))))
        yield deployment, instance


@pytest.mark.skipif(postgres.missing() is not None, reason=postgres.missing() or "")
def test_whatever_process_is_killed_every_hour_of_two_accounts_is_done_once_as_on_one_machine(tmp_path: Path) -> None:
    began, now = time.monotonic(), SystemClock().now()
    hours = hours_until(now)

    def reached(what: str) -> None:
        print(f"{time.monotonic() - began:.0f} s: {what}")

    with ExitStack() as stack:
        beside = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        undisturbed = beside.submit(on_one_machine, tmp_path / "one machine", now)
        sandbox, settings = stack.enter_context(two_accounts(tmp_path / "cloud"))
        show_two_days(sandbox, hours)
        settings["AUDIT_ASSETS_FIRST_HOUR"] = key_of(hours[0])
        deployment, instance = stack.enter_context(deployed(tmp_path / "deployment", settings))
        deployment.wait_for("a run", lambda: running(instance))
        reached("the first run has begun: the web server and the daemon are killed")
        for name in (WEB_SERVER, DAEMON):
            deployment.kill(name)
            deployment.start(name)
        (dead, *_) = deployment.wait_for("a run", lambda: running(instance))
        reached("the code server is killed, with the run in it")
        deployment.kill(CODE_SERVER)
        killed_at = SystemClock().now()
        deployment.start(CODE_SERVER)
        deployment.wait_until_done(instance, hours)
        reached("every hour is done")
        distributed = end_states(instance, sandbox, hours)
        (of_dead,) = instance.get_run_records(dg.RunsFilter(run_ids=[dead.run_id]))
        alone = undisturbed.result()
        reached("and so it is on one machine")
    assert of_dead.dagster_run.status is dg.DagsterRunStatus.FAILURE
    assert of_dead.update_timestamp - killed_at < UNNOTICED
    check_end_states(distributed, alone, len(hours))
