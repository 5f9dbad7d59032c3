"""The doctor reads how Dagster's instance is configured, and has the remedy for what does not fit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from audit_assets.cli.doctor_instance import InstanceFacts, judge_instance, read_instance
from audit_assets_tests.cli.doctor_world import DagsterRecord, run_doctor, without_settings

OWN = yaml.safe_load((files("audit_assets.config") / "dagster.yaml").read_text())


def configured(folder: Path, **changed: Any) -> InstanceFacts:
    """The facts of an instance whose dagster.yaml is our own, with changes; None leaves a part out."""
    content = {name: value for name, value in {**OWN, **changed}.items() if value is not None}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(content))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        return read_instance(instance)


def shown(facts: InstanceFacts, storage: str = "/var/lib/audit-assets/hours") -> dict[str, tuple[str, str, str]]:
    return {each.check: (each.status, each.text, each.next_step) for each in judge_instance(facts, storage)}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> InstanceFacts:
    return configured(tmp_path_factory.mktemp("home"))


def test_nothing_is_wrong_with_our_own_configuration(own: InstanceFacts) -> None:
    assert own == InstanceFacts(
        storage="Sqlite",
        launcher="CodeServerRunLauncher",
        mounted=(),
        pool_limit=None,
        default_limit=1,
        by_run=True,
        most_runs=1,
        monitored=True,
        look_every=timedelta(seconds=15),
        longest_run=timedelta(hours=1),
        frees_slots=True,
        retries=2,
        retries_failures=False,
        executor="in_process",
    )
    assert {status for status, _, _ in shown(own).values()} == {"ok"}
    assert shown(own)["instance_storage"][1] == "Dagster's storage is SQLite; runs are started by CodeServerRunLauncher"


def test_an_instance_that_is_not_configured_is_advised_about(tmp_path: Path) -> None:
    bare = configured(tmp_path, **dict.fromkeys(("run_launcher", "run_monitoring", "run_retries", "concurrency")))
    found = shown(bare)
    assert found["run_monitoring"][0] == "problem"
    assert "Set run_monitoring.enabled" in found["run_monitoring"][2]
    assert "Set run_retries.enabled and max_retries: 2" in found["run_retries"][2]
    assert "Set concurrency.pools.granularity to run" in found["pool"][2]


def test_several_runs_need_a_limit_of_the_pool_by_name(tmp_path: Path) -> None:
    several = {"runs": {"max_concurrent_runs": 5}, "pools": OWN["concurrency"]["pools"]}
    status, text, step = shown(configured(tmp_path, concurrency=several))["pool"]
    assert status == "advice"
    assert text.startswith("5 runs go at once, and more than one of them may open tickets")
    assert step.startswith("Run `dagster instance concurrency set linear_tickets 1`")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("linear_tickets", 1)
        assert shown(read_instance(instance))["pool"][:2] == (
            "ok",
            "at most one run opens tickets: the pool linear_tickets takes one run at a time",
        )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"launcher": "DefaultRunLauncher"}, "DefaultRunLauncher can't be asked whether a run's process is alive"),
        ({"longest_run": timedelta(hours=2)}, "a run that hangs holds up the others 2 hours: set max_runtime_seconds"),
        ({"longest_run": timedelta(0)}, "a run that hangs holds up the others for ever: set max_runtime_seconds"),
        ({"look_every": timedelta(minutes=10)}, "it looks only every 10 minutes: set poll_interval_seconds to 15"),
        ({"frees_slots": False}, "a killed run holds its slot of the pool for ever: set free_slots_after_run_end_sec"),
    ],
)
def test_monitoring_that_finds_a_stuck_run_late_is_advised_about(
    own: InstanceFacts, changed: dict[str, Any], words: str
) -> None:
    status, _, step = shown(replace(own, **changed))["run_monitoring"]
    assert status == "advice"
    assert step.startswith(words)


def test_runs_in_containers_need_a_database_and_a_store_that_they_reach(own: InstanceFacts) -> None:
    found = shown(replace(own, launcher="K8sRunLauncher"))
    assert found["instance_storage"][0] == "problem"
    assert "SQLite, which the runs of K8sRunLauncher in their containers can't reach" in found["instance_storage"][1]
    assert found["instance_hours"][2].startswith("Set AUDIT_ASSETS_STORAGE to the URL of an object store")
    well = shown(replace(own, launcher="K8sRunLauncher", storage="Postgres"), "s3://bucket/hours")
    assert {status for status, _, _ in well.values()} == {"ok"}
    assert well["instance_storage"][1] == "Dagster's storage is PostgreSQL; runs are started by K8sRunLauncher"


@pytest.mark.parametrize(
    ("volumes", "status"),
    [
        (["hours:/var/lib/audit-assets", "secrets:/run/audit-assets:ro"], "ok"),
        ({"hours": {"bind": "/var/lib/audit-assets", "mode": "rw"}}, "ok"),
        (["hours:/var/lib/audit"], "advice"),
        (["/var/lib/audit-assets"], "advice"),  # a new volume for each container
        (None, "advice"),
    ],
)
def test_a_folder_will_do_where_every_container_has_it(tmp_path: Path, volumes: Any, status: str) -> None:
    pytest.importorskip("dagster_docker")
    config = {"networks": ["audit-assets"], "container_kwargs": {"volumes": volumes} if volumes else {}}
    launcher = {"module": "dagster_docker", "class": "DockerRunLauncher", "config": config}
    assert shown(configured(tmp_path, run_launcher=launcher))["instance_hours"][0] == status


def test_what_tries_failures_again_at_once_and_other_executors_are_advised_about(own: InstanceFacts) -> None:
    found = shown(replace(own, retries_failures=True, executor="multiprocess"))
    assert found["run_retries"][2].startswith("Set run_retries.retry_on_asset_or_op_failure to false")
    assert found["executor"][2] == "Take the in-process one, or limit it by max_concurrent in its config."


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterRecord]:
    without_settings(monkeypatch, tmp_path)
    made = DagsterRecord()
    with made.instance:
        yield made


def test_the_doctor_shows_it_once_dagster_was_used(record: DagsterRecord) -> None:
    assert "Dagster ok Dagster's storage is SQLite; runs are started by CodeServerRunLauncher" in run_doctor()[1]


def test_before_that_there_is_nothing_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch, tmp_path)
    assert "Dagster's storage" not in run_doctor()[1]
