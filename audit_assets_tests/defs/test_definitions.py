"""What Dagster loads: with or without credentials, and shaped as other programs rely on."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.accounts import ENVIRONMENT
from audit_assets.config.settings_table import SETTINGS
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.build import build_defs
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import TABLES_OF, writers_read_by
from audit_assets_tests.pipeline import Pipeline, dagster_failure_of

ROOT = Path(__file__).parents[2]

HOURLY = (
    "raw_audit_entries",
    "axiom_ingest",
    "organisation_history",
    "actor_baselines",
    "flagged_actors",
    "opened_tickets",
    "daily_digest",
    "flagged_actor_summary",
)

LINEAGE = {asset: set(writers_read_by(asset)) for asset in HOURLY}

OF_NO_HOUR = {"ticket_verdicts": {"flagged_actors", "opened_tickets"}}


EVERY_MODULE = """
import importlib, pkgutil
import audit_assets
for found in pkgutil.walk_packages(audit_assets.__path__, "audit_assets."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


def run_command(*command: str, **settings: str) -> str:
    """What a command prints in the project's folder, without any setting of ours but these. It must succeed."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and name != "DAGSTER_HOME"}
    environment = {**clean, "DAGSTER_DISABLE_TELEMETRY": "1", "COLUMNS": "200", **settings}
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


@pytest.mark.parametrize("settings", [{}, {"AUDIT_ASSETS_FIRST_HOUR": "yesterday"}])
def test_the_workspace_is_valid_without_credentials_and_with_a_typo(settings: dict[str, str]) -> None:
    run_command(sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml", **settings)


def test_no_module_reads_a_setting_when_it_is_imported() -> None:
    """But for the file of accounts: what there is in Dagster follows from it."""
    garbage = dict.fromkeys(SETTINGS, "\N{SNOWMAN} garbage") | {"AUDIT_ASSETS_ACCOUNTS": ""}
    run_command(sys.executable, "-W", "ignore", "-c", EVERY_MODULE, **garbage)


def test_dagsters_own_tool_knows_the_project(tmp_path: Path) -> None:
    dg_command = shutil.which("dg", path=str(Path(sys.executable).parent))
    assert dg_command, "the extra `test` brings it"
    home = {"HOME": str(tmp_path)}  # where it keeps what it knows of its user
    assert "All definitions loaded successfully" in run_command(dg_command, "check", "defs", **home)
    listed = run_command(dg_command, "list", "defs", **home)
    for name in (*LINEAGE, *OF_NO_HOUR, "hourly_audit", "missing_hours", "every_hour", "hour_is_complete"):
        assert name in listed


def test_definitions_have_the_first_hour_of_the_settings_when_they_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in (datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)):
        monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(hour))
        defs = build_defs()
        for node in defs.resolve_asset_graph().asset_nodes:
            first = node.partitions_def.get_first_partition_key() if node.partitions_def else None
            assert first == (None if node.key.to_user_string() in OF_NO_HOUR else key_of(hour))
        partitions = defs.resolve_job_def("hourly_audit").partitions_def
        assert partitions
        assert partitions.get_first_partition_key() == key_of(hour)


def test_without_a_first_hour_the_hours_of_31_days_before_the_first_start_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many are in "failed and missing" then, and not all since some fixed day."""
    monkeypatch.delenv("AUDIT_ASSETS_FIRST_HOUR")
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
    for _ in range(2):
        partitions = build_defs().resolve_job_def("history").partitions_def
        assert partitions
        assert partitions.get_num_partitions() in (744, 745, 746)  # within 15 minutes after the hour one is not settled
        assert partitions.get_first_partition_key() == key_of(first_hour())


def test_a_store_that_can_not_be_read_does_not_take_down_the_code_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDIT_ASSETS_FIRST_HOUR")
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "a file"))
    (tmp_path / "a file").write_text("no folder")
    partitions = build_defs().resolve_job_def("history").partitions_def
    assert partitions
    assert partitions.get_num_partitions() in (744, 745, 746)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [raw_audit_entries(ENVIRONMENT)],
            partition_key="2026-11-22-09:00",
            resources={"cloudflare": CloudflareResource(), "storage": StorageResource()},
            instance=instance,
            raise_on_error=False,
        )
    assert "a file/first_start.json can't be read" in dagster_failure_of(result)


def test_a_first_hour_that_can_not_be_understood_fails_each_run_with_one_sentence(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "yesterday")
    result = pipeline.run(datetime(2026, 11, 22, 9, tzinfo=UTC))
    sentence = "AUDIT_ASSETS_FIRST_HOUR is 'yesterday': set it to a full hour such as 2026-11-01-00:00."
    assert dagster_failure_of(result) == sentence


def test_doctor_shows_a_first_hour_that_can_not_be_understood(tmp_path: Path) -> None:
    settings = {"AUDIT_ASSETS_FIRST_HOUR": "yesterday", "AUDIT_ASSETS_STORAGE": str(tmp_path), "COLUMNS": "200"}
    shown = CliRunner().invoke(app, ["doctor"], env={**dict.fromkeys(SETTINGS, ""), **settings})
    assert shown.exit_code == 1
    assert "AUDIT_ASSETS_FIRST_HOUR is 'yesterday': set it to a full hour such as 2026-11-01-00:00." in " ".join(
        shown.output.split()
    )


def test_an_asset_can_be_materialised_by_itself(pipeline: Pipeline) -> None:
    resources = {"cloudflare": CloudflareResource(pipeline.clock), "storage": StorageResource(pipeline.clock)}
    assert dg.materialize(
        [raw_audit_entries(ENVIRONMENT)], partition_key="2026-11-22-09:00", resources=resources
    ).success


def test_each_asset_depends_on_the_same_hour_of_those_whose_tables_it_reads() -> None:
    graph = build_defs().resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {*LINEAGE, *OF_NO_HOUR}
    for name, parents in LINEAGE.items():
        node = graph.get(dg.AssetKey(name))
        assert {parent.to_user_string() for parent in node.parent_keys} == parents
        for parent in node.parent_keys:
            mapping = graph.get_partition_mapping(node.key, parent)
            assert isinstance(mapping, dg.IdentityPartitionMapping)


def test_verdicts_are_of_no_hour_and_no_part_of_one() -> None:
    defs = build_defs()
    node = defs.resolve_asset_graph().get(dg.AssetKey("ticket_verdicts"))
    assert (node.is_partitioned, node.automation_condition) == (False, None)
    assert {parent.to_user_string() for parent in node.parent_keys} == OF_NO_HOUR["ticket_verdicts"]
    jobs = {job: {step.name for step in defs.resolve_job_def(job).nodes} for job in ("hourly_audit", "verdicts")}
    assert jobs["verdicts"] == {*OF_NO_HOUR}
    assert jobs["hourly_audit"].isdisjoint(OF_NO_HOUR)


@pytest.mark.parametrize("name", LINEAGE)
def test_each_asset_is_described_on_its_page(name: str) -> None:
    node = build_defs().resolve_asset_graph().get(dg.AssetKey(name))
    assert node.description
    assert node.group_name == "audit_log"
    assert node.kinds
    assert node.code_version
    assert node.owners == ["team:security"]
    assert node.metadata["dagster/table_name"] in TABLES_OF[name].writes
    assert node.backfill_policy == dg.BackfillPolicy.multi_run(max_partitions_per_run=24)


def test_the_checks_that_stop_an_hour_are_these_two() -> None:
    graph = build_defs().resolve_asset_graph()
    checks = {key.name: graph.get_check_spec(key).blocking for key in graph.asset_check_keys}
    assert checks == {
        "hour_is_complete": True,
        "axiom_holds_every_entry": True,
        "few_copies_in_axiom": False,
        "axiom_dataset_is_fit": False,
        "nothing_quarantined": False,
        "no_sudden_silence": False,
        "settled_hours_stay_as_they_are": False,
        "nothing_is_taken_back": False,
        "cloudflare_counts_the_same": False,
        "every_hour_is_done": False,
        "baseline_coverage": False,
        "every_flagged_actor_has_a_ticket": False,
        "summary_was_delivered": False,
        "heartbeat_was_sent": False,
        "findings_were_sent": False,
        "findings_are_in_axiom": False,
    }


def test_a_resource_or_the_executor_can_be_replaced() -> None:
    storage = object()
    defs = build_defs(resources={"storage": storage}, executor=dg.multiprocess_executor)
    assert (defs.resources or {})["storage"] is storage
    assert defs.executor is dg.multiprocess_executor


def test_one_run_at_a_time() -> None:
    configuration = (ROOT / "dagster.yaml").read_text()
    assert "max_concurrent_runs: 1" in configuration
