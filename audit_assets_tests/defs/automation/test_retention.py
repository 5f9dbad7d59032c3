"""Retention: what is superseded goes, on a real database on disk, and nothing that is done or due changes by it."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.event_log import SqliteEventLogStorage

from audit_assets.defs.automation.ledger import RUN_KEY, plan_requests
from audit_assets.defs.partitions import key_of
from audit_assets_tests.defs.automation.old_runs import FIRST, after_all_runs, request, retain, what_dagster_shows
from audit_assets_tests.defs.keys import EVERY_HOUR
from audit_assets_tests.pipeline import HOUR, QUIET, Pipeline, v2_burst
from audit_assets_tests.support import JumpingClock


@dg.job
def somebody_elses() -> None:
    """A job of another pipeline in the same instance."""


@pytest.fixture
def kept(recorded: Pipeline) -> Pipeline:
    """Three hours: one that was run three times after it had failed, one that only a run of both holds, and one that
    keeps failing."""
    recorded.sandbox.cloudflare.add("v2", v2_burst(FIRST + timedelta(minutes=5), 3))
    request(recorded, FIRST, attempt=1, works=False)
    for attempt in (2, 3, 4):
        request(recorded, FIRST, FIRST + HOUR if attempt == 3 else None, attempt=attempt)
    request(recorded, FIRST + 2 * HOUR, attempt=1, works=False)
    return recorded


def test_superseded_runs_go_and_what_is_done_or_due_stays_the_same(
    kept: Pipeline, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_elses.execute_in_process(instance=kept.instance)
    runs = {run.run_id: run for run in kept.instance.get_runs()}
    assert retain(kept)["runs"] == 0  # all of them are young
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(FIRST))
    now = after_all_runs(clock)
    before = what_dagster_shows(kept, now)
    deleted = retain(kept)
    assert deleted["runs"] == 3  # the first failure, the first success, and the run that deleted nothing
    assert deleted["evaluations"] > 0  # those of the third attempt, whose run stays
    assert what_dagster_shows(kept, now) == before
    assert retain(kept)["evaluations"] == 0
    left = {run.run_id for run in kept.instance.get_runs()} & runs.keys()
    assert {runs[run_id].tags.get(RUN_KEY, runs[run_id].job_name) for run_id in left} == {
        "2026-11-22-06:00/attempt-3",
        "2026-11-22-06:00/attempt-4",
        "2026-11-22-08:00/attempt-1",
        "somebody_elses",
    }
    if isinstance(kept.instance.event_log_storage, SqliteEventLogStorage):
        shards = {file.stem for file in Path(kept.instance.root_directory).rglob("*.db")}
        assert runs.keys() & shards == left
    attempts = {each.first: each.attempt for each in plan_requests(kept.instance, FIRST + timedelta(days=1)).requests}
    assert attempts[FIRST] == 5  # a run key that was used is never run again


def test_a_failure_to_load_history_goes_once_the_hour_was_loaded(pipeline: Pipeline, clock: JumpingClock) -> None:
    request(pipeline, FIRST, attempt=1, works=False, job="history")
    now = after_all_runs(clock)
    assert retain(pipeline)["runs"] == 0, "the hour is not there"
    request(pipeline, FIRST, attempt=2, job="history")
    before = plan_requests(pipeline.instance, now)
    retain(pipeline)
    left = [run.tags[RUN_KEY] for run in pipeline.instance.get_runs() if run.job_name == "history"]
    assert left == ["2026-11-22-06:00/attempt-2"]
    assert plan_requests(pipeline.instance, now) == before


def test_evaluations_that_a_sensor_reported_go_but_for_the_newest(recorded: Pipeline, clock: JumpingClock) -> None:
    pipeline = recorded
    for number in range(3):
        pipeline.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(EVERY_HOUR.asset_key, EVERY_HOUR.name, passed=True, description=str(number))
        )
    after_all_runs(clock)
    assert retain(pipeline)["evaluations"] == 2
    storage = pipeline.instance.event_log_storage
    (left,) = storage.get_asset_check_execution_history(EVERY_HOUR, limit=10)
    assert left.run_id == RUNLESS_RUN_ID
    assert left.evaluation is not None
    assert left.evaluation.description == "2"
    assert len(pipeline.instance.all_logs(RUNLESS_RUN_ID)) == 1  # on SQLite there is a file of them


def test_hours_are_kept_for_ever_unless_a_setting_says_otherwise(
    pipeline: Pipeline, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.run(FIRST).success
    clock.sleep(timedelta(days=60).total_seconds())
    assert retain(pipeline)["files_of_hours"] == 0
    monkeypatch.setenv("AUDIT_ASSETS_KEEP_HOURS_DAYS", "62")
    assert retain(pipeline)["files_of_hours"] == 0
    clock.sleep(timedelta(days=4).total_seconds())
    stored = [file for file in Path(str(pipeline.store.root)).rglob("*") if file.is_file() and "2026" in str(file)]
    assert retain(pipeline)["files_of_hours"] == len(stored) > 10
    assert not [file for file in Path(str(pipeline.store.root)).rglob("*") if "2026" in file.name]


@pytest.mark.parametrize("days", ["30", "soon", "-1"])
def test_hours_that_are_still_read_can_not_be_deleted(
    pipeline: Pipeline, days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_KEEP_HOURS_DAYS", days)
    made = pipeline.defs.resolve_job_def("retention").execute_in_process(
        run_config=QUIET, instance=pipeline.instance, raise_on_error=False
    )
    (failed,) = [event.step_failure_data for event in made.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    assert "AUDIT_ASSETS_KEEP_HOURS_DAYS is" in (failed.user_failure_data.description or "")
