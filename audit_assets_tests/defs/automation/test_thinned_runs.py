"""Old runs that are kept lose what nobody needs of them, and nothing that Dagster shows of an hour changes by it."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from audit_assets.defs.automation.retention import delete_from_dagster
from audit_assets.defs.automation.superseded_runs import delete_evaluations
from audit_assets.defs.automation.thinned_runs import thin_runs
from audit_assets.defs.partitions import key_of
from audit_assets.storage.tables import TABLES_OF
from audit_assets_tests.defs.automation.asset_pages import asset_pages
from audit_assets_tests.defs.automation.old_runs import FIRST, after_all_runs, request, retain, what_dagster_shows
from audit_assets_tests.pipeline import HOUR, Pipeline, v2_burst
from audit_assets_tests.support import JumpingClock

STEP_FAILED = "ExecutionStepFailureEvent"
HOURS = [key_of(FIRST + HOUR * number) for number in range(4)]
AN_HOUR = len(TABLES_OF) - 1
"""So many assets are made for each hour."""

PAGES = ("raw_audit_entries", "opened_tickets", "flagged_actor_summary")


@pytest.fixture
def kept(recorded: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Hours of each kind: two of one run, one of which was run again; one that failed when it was run again; one that
    was never done."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", HOURS[0])
    recorded.sandbox.cloudflare.add("v2", v2_burst(FIRST + timedelta(minutes=5), 3))
    request(recorded, FIRST, FIRST + HOUR, attempt=1)
    request(recorded, FIRST, attempt=2)
    for works in (True, False):
        request(recorded, FIRST + HOUR * 2, attempt=2 - works, works=works)
    request(recorded, FIRST + HOUR * 3, attempt=1, works=False)
    return recorded


@pytest.fixture
def two_runs(recorded: Pipeline) -> Pipeline:
    """An hour that was done, and one that was not."""
    request(recorded, FIRST, attempt=1)
    request(recorded, FIRST + HOUR, attempt=1, works=False)
    return recorded


def kinds_of(pipeline: Pipeline, run: dg.DagsterRun) -> Counter[str]:
    """Of a run's events, as the page of the run shows them."""
    events = [each.dagster_event for each in pipeline.instance.all_logs(run.run_id)]
    return Counter(event.event_type_value if event else "log" for event in events)


def in_database(pipeline: Pipeline) -> Counter[str]:
    """Of all events in the database, on SQLite in that of all runs."""
    with pipeline.instance.event_log_storage.index_connection() as connection:  # pyright: ignore[reportAttributeAccessIssue]
        rows = connection.exec_driver_sql("SELECT dagster_event_type, count(*) FROM event_logs GROUP BY 1")
        return Counter({kind or "log": number for kind, number in rows})


def runs_of(pipeline: Pipeline) -> list[dg.DagsterRun]:
    """Of the hours, the oldest first."""
    return [run for run in reversed(pipeline.instance.get_runs()) if run.job_name == "hourly_audit"]


def thin(pipeline: Pipeline, most: int = 1_000) -> int:
    """As the job does it, if all runs are old."""
    assets, before = [dg.AssetKey(name) for name in TABLES_OF], datetime.now(UTC) + timedelta(days=1)
    delete_evaluations(pipeline.instance, assets, before)
    return thin_runs(pipeline.instance, ["hourly_audit"], assets, before, most)


def file_of(pipeline: Pipeline, run: dg.DagsterRun) -> Path | None:
    storage = pipeline.instance.event_log_storage
    return Path(storage.path_for_shard(run.run_id)) if isinstance(storage, SqliteEventLogStorage) else None


def test_what_is_done_due_or_failing_is_shown_as_before(kept: Pipeline, clock: JumpingClock) -> None:
    now = after_all_runs(clock)
    made = in_database(kept)
    with asset_pages(kept.instance) as pages:
        plan, shown = what_dagster_shows(kept, now), pages.show(TABLES_OF, PAGES, HOURS)
        assert retain(kept)["thinned_runs"] == 5
        assert what_dagster_shows(kept, now) == plan
        assert pages.show(TABLES_OF, PAGES, HOURS) == shown
        failed = runs_of(kept)[3]
        page = pages.show_run(failed.run_id)
    (entries,) = [each for each in shown["overview"]["assetNodes"] if each["assetKey"]["path"] == ["raw_audit_entries"]]
    assert entries["partitionStats"] == {**entries["partitionStats"], "numMaterialized": 2, "numFailed": 2}
    assert shown[f"raw_audit_entries {HOURS[2]}"]["another_run"]["status"] == "FAILURE"
    (failure,) = [each for each in page["eventConnection"]["events"] if each["__typename"] == STEP_FAILED]
    assert "CLOUDFLARE_API_TOKEN" in failure["error"]["message"]
    left = in_database(kept)
    assert (made["ASSET_MATERIALIZATION"], left["ASSET_MATERIALIZATION"]) == (AN_HOUR * 4, AN_HOUR * 3)
    assert left["ASSET_MATERIALIZATION_PLANNED"] == AN_HOUR * 2  # of the hours that failed
    deleted = retain(kept)
    assert (deleted["evaluations"], deleted["thinned_runs"]) == (0, 0)
    assert in_database(kept)["ASSET_MATERIALIZATION_PLANNED"] == AN_HOUR * 2


def test_a_backlog_is_worked_off_in_parts_and_what_is_left_of_a_run_is_why_it_failed(two_runs: Pipeline) -> None:
    done, failed = runs_of(two_runs)
    assert thin(two_runs, most=1) == 1
    assert [kinds_of(two_runs, run)["STEP_START"] > 0 for run in (done, failed)] == [False, True]
    assert [thin(two_runs), thin(two_runs)] == [1, 0]
    on_sqlite = file_of(two_runs, done) is not None  # what it made is not in the run's file a second time
    of_assets = {} if on_sqlite else {"ASSET_MATERIALIZATION": 8, "ASSET_CHECK_EVALUATION": 14}
    assert kinds_of(two_runs, done) == {"PIPELINE_START": 1, "PIPELINE_SUCCESS": 1, **of_assets}
    kinds = kinds_of(two_runs, failed)
    assert kinds["STEP_FAILURE"] == kinds["PIPELINE_FAILURE"] == 1
    assert kinds["STEP_START"] == kinds["STEP_SKIPPED"] == 0


def test_young_runs_those_in_progress_and_of_other_jobs_are_left_alone(recorded: Pipeline) -> None:
    request(recorded, FIRST, attempt=1, works=False)
    job, assets = recorded.defs.resolve_job_def("hourly_audit"), [dg.AssetKey(name) for name in TABLES_OF]
    under_way = recorded.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    recorded.instance.report_engine_event("it runs", under_way)
    before = [kinds_of(recorded, run) for run in runs_of(recorded)]
    assert before[-1]["ENGINE_EVENT"] == 1
    delete_from_dagster(recorded.instance, datetime.now(UTC) - timedelta(days=7))
    assert thin_runs(recorded.instance, ["history"], assets, datetime.now(UTC) + timedelta(days=1), 10) == 0
    assert [kinds_of(recorded, run) for run in runs_of(recorded)] == before
    thin(recorded)
    assert kinds_of(recorded, under_way) == before[-1]


@pytest.mark.parametrize("recorded", ["sqlite"], indirect=True)
def test_on_sqlite_the_file_of_a_run_is_small_and_one_that_is_read_waits(two_runs: Pipeline) -> None:
    done, failed = [file for run in runs_of(two_runs) if (file := file_of(two_runs, run))]
    with closing(sqlite3.connect(done)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event_logs").fetchone()
        thin(two_runs)
    assert done.stat().st_size > 300_000
    assert failed.stat().st_size < 60_000  # with a stack
    assert thin(two_runs) == 1
    assert done.stat().st_size < 10_000
    two_runs.instance.upgrade()  # as `dagster instance migrate` does it
    run = runs_of(two_runs)[0]
    assert kinds_of(two_runs, run)["PIPELINE_SUCCESS"] == 1
    two_runs.instance.delete_run(run.run_id)
    assert not two_runs.instance.all_logs(run.run_id)


def test_an_hour_that_is_run_again_after_its_first_run_was_thinned_leaves_nothing_of_that(recorded: Pipeline) -> None:
    request(recorded, FIRST, FIRST + HOUR, attempt=1)
    assert thin(recorded) == 1
    assert in_database(recorded)["ASSET_MATERIALIZATION"] == AN_HOUR * 2
    request(recorded, FIRST, attempt=2)
    assert thin(recorded) == 1
    assert in_database(recorded)["ASSET_MATERIALIZATION"] == AN_HOUR * 2
    assert recorded.instance.get_materialized_partitions(dg.AssetKey("raw_audit_entries")) == {*HOURS[:2]}
