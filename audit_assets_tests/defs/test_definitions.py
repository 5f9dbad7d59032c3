"""What Dagster loads: with or without credentials, and shaped as other programs rely on."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from audit_assets.config.settings import SETTINGS
from audit_assets.defs.build import build_defs
from audit_assets.storage.tables import TABLES, writers_read_by

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


def dagster(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Dagster's own command line in the project's folder, without any setting of ours."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and name != "DAGSTER_HOME"}
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**clean, **settings}, capture_output=True, text=True, check=False)  # noqa: S603


def test_the_workspace_is_valid_without_credentials() -> None:
    validated = dagster("definitions", "validate", "-w", "workspace.yaml")
    assert validated.returncode == 0, validated.stderr


def test_a_first_hour_that_is_none_stops_the_code_location_with_one_sentence() -> None:
    validated = dagster("definitions", "validate", "-w", "workspace.yaml", AUDIT_ASSETS_FIRST_HOUR="yesterday")
    assert validated.returncode != 0
    assert "AUDIT_ASSETS_FIRST_HOUR is 'yesterday': set it to a full hour" in validated.stderr + validated.stdout


def test_each_asset_depends_on_the_same_hour_of_those_whose_tables_it_reads() -> None:
    graph = build_defs().resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {*LINEAGE, *OF_NO_HOUR}
    for name, parents in LINEAGE.items():
        node = graph.get(dg.AssetKey(name))
        assert {parent.to_user_string() for parent in node.parent_keys} == parents
        for parent in node.parent_keys:
            mapping = graph.get_partition_mapping(node.key, parent)
            assert isinstance(mapping, dg.IdentityPartitionMapping)


def test_what_people_say_is_of_no_hour_and_no_part_of_one() -> None:
    defs = build_defs()
    node = defs.resolve_asset_graph().get(dg.AssetKey("ticket_verdicts"))
    assert (node.is_partitioned, node.automation_condition) == (False, None)
    assert {parent.to_user_string() for parent in node.parent_keys} == OF_NO_HOUR["ticket_verdicts"]
    jobs = {job: {step.name for step in defs.resolve_job_def(job).nodes} for job in ("hourly_audit", "verdicts")}
    assert jobs["verdicts"] == {*OF_NO_HOUR}
    assert jobs["hourly_audit"].isdisjoint(OF_NO_HOUR)


@pytest.mark.parametrize("name", LINEAGE)
def test_each_asset_says_what_a_person_wants_to_know(name: str) -> None:
    node = build_defs().resolve_asset_graph().get(dg.AssetKey(name))
    assert node.description
    assert node.group_name == "audit_log"
    assert node.kinds
    assert node.code_version
    assert node.owners == ["team:security"]
    assert node.metadata["dagster/table_name"] in {table.name for table in TABLES if table.written_by == name}
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
        "every_hour_is_done": False,
        "baseline_coverage": False,
        "every_flagged_actor_has_a_ticket": False,
        "summary_was_delivered": False,
    }


def test_a_resource_or_the_executor_can_be_put_in_anothers_place() -> None:
    storage = object()
    defs = build_defs(resources={"storage": storage}, executor=dg.multiprocess_executor)
    assert (defs.resources or {})["storage"] is storage
    assert defs.executor is dg.multiprocess_executor


def test_one_run_at_a_time() -> None:
    configuration = (ROOT / "dagster.yaml").read_text()
    assert "max_concurrent_runs: 1" in configuration
