"""A machine on which the doctor is run: its settings, and what Dagster's record on it knows."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from audit_assets.cli.console import output
from audit_assets.cli.dagster_home import instance_home
from audit_assets.cli.main import app
from audit_assets.config.settings_table import SETTINGS
from audit_assets.reports.health_facts import SWITCHES
from audit_assets.storage.hours import key_of
from audit_assets_tests.defs.keys import INGEST, LAST_ASSETS, SUMMARIES
from audit_assets_tests.pipeline import file_summary

HOUR = timedelta(hours=1)
DAEMONS = ("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR")


def without_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No settings, no .env and no record of Dagster's but those of the test."""
    monkeypatch.chdir(folder)
    for name in (*SETTINGS, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


def doctor_lines(columns: int) -> tuple[int, list[str]]:
    """The exit code, and what is printed on a terminal of that width."""
    output.width = columns
    try:
        result = CliRunner().invoke(app, ["doctor"])
    finally:
        output._width = None
    return result.exit_code, result.output.splitlines()


def run_doctor() -> tuple[int, str]:
    """The exit code, and what is printed as one line."""
    code, lines = doctor_lines(400)
    return code, " ".join(" ".join(lines).split())


def doctor_json() -> tuple[int, dict[str, Any]]:
    """The exit code, and what is printed for monitoring."""
    result = CliRunner().invoke(app, ["doctor", "--json"])
    return result.exit_code, json.loads(result.output)


def statuses(found: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The status of each check, by subject and name."""
    return {(each["subject"], each["check"]): each["status"] for each in found["checks"]}


class DagsterRecord:
    """Dagster's record where `audit-assets dev` keeps it."""

    def __init__(self, home: Path = Path(".audit_assets/dev")) -> None:
        self.instance = dg.DagsterInstance.from_config(str(instance_home(home)))

    def done(self, hours: Iterable[datetime], assets: Iterable[dg.AssetKey] = (INGEST, *LAST_ASSETS)) -> None:
        """These hours are ingested and judged, and were pulled for the last time."""
        for hour in hours:
            pulled = {"pull_began": dg.MetadataValue.timestamp(hour + timedelta(days=4))}
            for asset in assets:
                made = dg.AssetMaterialization(asset, partition=key_of(hour), metadata=pulled)
                self.instance.report_runless_asset_event(made)
                if asset == SUMMARIES:
                    file_summary(hour)

    def turn_on(self, *names: str) -> None:
        """Turn on a schedule or sensors, as the UI does."""
        location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="audit_assets.definitions"))
        for name in names or SWITCHES:
            origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
            data = SensorInstigatorData(min_interval=60)
            self.instance.add_instigator_state(
                InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)
            )

    def beat(self, at: datetime, daemons: Iterable[str] = DAEMONS) -> None:
        """The daemon gave a sign of life."""
        for name in daemons:
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), name, "one", []))

    def evaluated(self, asset: str, check: str, description: str) -> None:
        """A check failed."""
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(asset), check_name=check, passed=False, description=description
            )
        )
