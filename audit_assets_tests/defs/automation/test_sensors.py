"""What starts runs: the sensor finds in Dagster what is missing; nothing starts until somebody turns it on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from audit_assets.config.accounts import ENVIRONMENT
from audit_assets.defs.automation import ledger, pipeline_health
from audit_assets.defs.automation.hour_planner import ALERT_AFTER_FAILURES
from audit_assets.defs.automation.sensors import missing_hours
from audit_assets.defs.build import build_defs
from audit_assets.defs.checks.every_hour_is_done import every_hour_is_done
from audit_assets.defs.partitions import key_of, range_tags
from audit_assets.defs.resources import StorageResource
from audit_assets.reports.health_facts import SWITCHES
from audit_assets_tests.defs.keys import EVERY_HOUR, INGEST, LAST_ASSETS, SUMMARIES
from audit_assets_tests.pipeline import file_summary

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
NEWEST = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class StoppedClock:
    """A time of day that does not pass."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits here, for {seconds} s")


TICKS = 400
"""Dagster stores the time of an evaluation in whole seconds: so many ticks take more than one."""

DAYS_BACK = 3
"""In place of the 31 that the sensor looks back on: each hour that is done costs these tests three events."""


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
    monkeypatch.setattr(ledger, "LOOKED_BACK", timedelta(days=DAYS_BACK))
    monkeypatch.setattr(pipeline_health, "HOURS_IN_WINDOW", DAYS_BACK * 24)
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(instance: dg.DagsterInstance) -> dg.SensorResult:
    """What the sensor returns; its events are stored as the daemon does."""
    context = dg.build_sensor_context(instance=instance, definitions=build_defs())
    made = missing_hours(context, storage=StorageResource(StoppedClock()))
    assert isinstance(made, dg.SensorResult)
    for event in made.asset_events:
        instance.report_runless_asset_event(event)
    return made


def requests_of(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    return list(tick(instance).run_requests or [])


def evaluations_of(made: dg.SensorResult) -> list[dg.AssetCheckEvaluation]:
    """Those of the check of all hours."""
    events = [event for event in made.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    return [event for event in events if event.check_name == EVERY_HOUR.name]


def done(instance: dg.DagsterInstance, *hours: datetime, began: timedelta | None = timedelta(days=4)) -> None:
    """`began`: how long after the hour's end the pull began that its last assets are based on; None: unknown."""
    for hour in hours:
        for asset in (INGEST, *LAST_ASSETS):
            materialised(instance, asset, hour, began)


def materialised(instance: dg.DagsterInstance, asset: dg.AssetKey, hour: datetime, began: timedelta | None) -> None:
    metadata = {"pull_began": dg.MetadataValue.timestamp(hour + HOUR + began)} if began else {}
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key_of(hour), metadata=metadata))
    if asset == SUMMARIES:
        file_summary(hour)


def a_run(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str], job: str = "hourly_audit"
) -> dg.DagsterRun:
    return instance.create_run_for_job(build_defs().resolve_job_def(job), status=status, tags=tags)


def all_but(*missing: datetime) -> list[datetime]:
    return [hour for step in range(DAYS_BACK * 24 + 1) if (hour := NEWEST - HOUR * step) not in missing]


def test_an_instance_that_is_up_to_date_needs_nothing(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but())
    assert requests_of(instance) == []


def test_the_newest_hour_is_requested_alone_and_ahead_of_the_backlog(instance: dg.DagsterInstance) -> None:
    old = [NEWEST - timedelta(days=2), NEWEST - timedelta(days=2) + HOUR]
    done(instance, *all_but(NEWEST, *old))
    newest, backlog = requests_of(instance)
    assert (newest.partition_key, newest.tags["dagster/priority"]) == ("2026-11-22-09:00", "1")
    assert backlog.partition_key is None
    assert {name: backlog.tags[name] for name in range_tags(*old)} == range_tags(*old)


def test_as_many_days_are_looked_back_on_as_baselines_reach_and_one_more() -> None:
    assert timedelta(days=31) == ledger.LOOKED_BACK


def test_an_hour_is_done_once_its_summary_and_its_days_digest_are_there(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    summary, digest = LAST_ASSETS
    for asset, requested in ((summary, [key_of(NEWEST)]), (digest, [])):
        materialised(instance, asset, NEWEST, timedelta(minutes=20))
        assert [request.partition_key for request in requests_of(instance)] == requested


@pytest.mark.parametrize("behind", LAST_ASSETS)
def test_an_hour_is_based_on_the_earlier_pull_of_the_two(instance: dg.DagsterInstance, behind: dg.AssetKey) -> None:
    hour = NEWEST - HOUR * 30
    done(instance, *all_but())
    materialised(instance, behind, hour, timedelta(hours=1))
    assert [request.partition_key for request in requests_of(instance)] == [key_of(hour)]


def test_an_hour_that_has_not_settled_is_not_requested(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but())
    assert all(request.partition_key != "2026-11-22-10:00" for request in requests_of(instance))


def test_an_hour_that_runs_is_not_requested_again(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    a_run(instance, dg.DagsterRunStatus.STARTED, {"dagster/partition": key_of(NEWEST)})
    assert requests_of(instance) == []


def test_an_hour_that_failed_is_paused_before_it_is_requested_again(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    (first,) = requests_of(instance)
    a_run(instance, dg.DagsterRunStatus.FAILURE, {**first.tags, "dagster/partition": key_of(NEWEST)})
    assert requests_of(instance) == []


def test_a_run_that_does_not_end_an_hour_does_not_hold_it_up(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    a_run(instance, dg.DagsterRunStatus.STARTED, {"dagster/partition": key_of(NEWEST)}, job="history")
    assert [request.partition_key for request in requests_of(instance)] == [key_of(NEWEST)]


def test_an_hour_whose_run_succeeded_but_left_nothing_is_requested_under_a_new_key(
    instance: dg.DagsterInstance,
) -> None:
    done(instance, *all_but(NEWEST))
    (first,) = requests_of(instance)
    a_run(instance, dg.DagsterRunStatus.SUCCESS, {**first.tags, "dagster/partition": key_of(NEWEST)})
    (second,) = requests_of(instance)
    assert second.run_key == "2026-11-22-09:00/attempt-2"


def test_a_run_of_another_pipeline_is_none_of_our_business(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))

    @dg.job(name="daily_report")
    def another() -> None:
        pass

    tags = {"dagster/partition": "2026-11-21"}
    instance.create_run_for_job(another, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert len(requests_of(instance)) == 1


def test_hours_before_the_first_are_never_requested(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "2026-11-22-08:00")
    assert [request.run_key for request in requests_of(instance)] == [
        "2026-11-22-09:00/attempt-1",
        "2026-11-22-08:00/attempt-1",
    ]


def test_a_request_of_the_sensor_is_a_run_that_dagster_can_make(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST - HOUR * 30, NEWEST - HOUR * 31))
    (request,) = requests_of(instance)
    job = build_defs().resolve_job_def("hourly_audit")
    run = instance.create_run_for_job(job, tags=dict(request.tags))
    assert run.tags["dagster/asset_partition_range_start"] == "2026-11-21-02:00"


def test_an_hour_is_requested_again_behind_everything_else_when_entries_may_have_come_late(
    instance: dg.DagsterInstance,
) -> None:
    (due, missing) = NEWEST - HOUR * 7, NEWEST - HOUR * 9
    done(instance, *all_but(NEWEST, due, missing))
    done(instance, due, began=timedelta(hours=1, minutes=4))
    requested = [(each.partition_key, each.tags["dagster/priority"]) for each in requests_of(instance)]
    assert requested == [(key_of(NEWEST), "1"), (key_of(missing), "0"), (key_of(due), "-1")]


def test_an_hour_that_was_done_before_pulls_were_recorded_is_pulled_again(instance: dg.DagsterInstance) -> None:
    old = NEWEST - HOUR * 70
    done(instance, *all_but(old))
    done(instance, old, began=None)
    assert [each.partition_key for each in requests_of(instance)] == [key_of(old)]


def test_a_pull_that_no_run_carried_on_to_the_summary_does_not_count(instance: dg.DagsterInstance) -> None:
    hour = NEWEST - HOUR * 30
    done(instance, *all_but(hour))
    done(instance, hour, began=timedelta(hours=7))
    began = {"pull_began": dg.MetadataValue.timestamp(hour + HOUR * 26)}
    instance.report_runless_asset_event(
        dg.AssetMaterialization("raw_audit_entries", partition=key_of(hour), metadata=began)
    )
    assert [each.partition_key for each in requests_of(instance)] == [key_of(hour)]


def test_the_latest_summary_of_an_hour_is_the_one_that_counts(instance: dg.DagsterInstance) -> None:
    hour = NEWEST - HOUR * 30
    done(instance, *all_but(), began=None)
    done(instance, *all_but())
    assert requests_of(instance) == []
    done(instance, hour, began=timedelta(hours=1))
    assert [each.partition_key for each in requests_of(instance)] == [key_of(hour)]


def test_hours_that_keep_failing_are_an_error_until_they_are_done(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    (all_is_well,) = evaluations_of(tick(instance))
    assert (all_is_well.passed, all_is_well.description) == (True, None)
    for _ in range(ALERT_AFTER_FAILURES):
        tags = {"audit/requested_by": "missing_hours", "dagster/partition": key_of(NEWEST)}
        a_run(instance, dg.DagsterRunStatus.FAILURE, tags)
    (error,) = evaluations_of(tick(instance))
    assert (error.passed, error.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert error.description == "failing again and again: 1 hour: 2026-11-22-09:00"
    shown = instance.get_latest_asset_check_evaluation_record(EVERY_HOUR)
    assert shown is not None
    assert shown.status.value == "FAILED"
    is_quiet = any(evaluations_of(tick(instance)) == [] for _ in range(TICKS))
    assert is_quiet, "what is shown already is not reported again"
    done(instance, NEWEST)
    (over,) = evaluations_of(tick(instance))
    assert over.passed


def test_the_check_is_evaluated_again_when_dagster_shows_it_as_outdated(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    assert any(evaluations_of(tick(instance)) == [] for _ in range(TICKS))
    done(instance, NEWEST - HOUR * 40)
    assert [evaluation.passed for evaluation in evaluations_of(tick(instance))] == [True]


def test_failures_of_before_an_hour_was_done_are_forgotten_when_it_is_pulled_again(
    instance: dg.DagsterInstance,
) -> None:
    hour = NEWEST - HOUR * 30
    for _ in range(ALERT_AFTER_FAILURES):
        tags = {"audit/requested_by": "missing_hours", "dagster/partition": key_of(hour)}
        a_run(instance, dg.DagsterRunStatus.FAILURE, tags)
    done(instance, *all_but(hour))
    done(instance, hour, began=timedelta(hours=6))
    made = tick(instance)
    assert [each.partition_key for each in made.run_requests or []] == [key_of(hour)]
    assert all("failed" not in (each.description or "") for each in evaluations_of(made))


def test_failures_count_although_each_of_those_runs_wrote_the_summary(instance: dg.DagsterInstance) -> None:
    hour = NEWEST - HOUR * 30
    done(instance, *all_but(hour))
    done(instance, hour, began=timedelta(hours=6))
    summary, _ = LAST_ASSETS
    for _ in range(ALERT_AFTER_FAILURES):
        tags = {"audit/requested_by": "missing_hours", "dagster/partition": key_of(hour)}
        run = a_run(instance, dg.DagsterRunStatus.STARTED, tags)
        materialised(instance, summary, hour, timedelta(days=4))
        instance.report_run_failed(run)  # unlike the creation of a run, its end is recorded to the microsecond
    made = tick(instance)
    assert not made.run_requests, "paused after the last failure"
    (error,) = evaluations_of(made)
    assert error.severity == dg.AssetCheckSeverity.ERROR
    assert error.description == f"failing again and again: 1 hour: {key_of(hour)}"


def test_overdue_hours_are_named_and_the_check_can_be_run_by_hand(
    instance: dg.DagsterInstance,
) -> None:
    missed = [NEWEST - HOUR * back for back in range(10)]
    done(instance, *all_but(*missed))
    (by_sensor,) = evaluations_of(tick(instance))
    assert (by_sensor.passed, by_sensor.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert by_sensor.description is not None
    assert "62 of 72 hours of history are present (86 %)" in by_sensor.description
    assert "the newest judged hour is 2026-11-21-23:00, which ended 10 hours ago" in by_sensor.description
    named = "2026-11-22-00:00, 2026-11-22-01:00, 2026-11-22-02:00 and 4 more"
    assert by_sensor.description.endswith(f"should have been pulled hours ago: 7 hours: {named}")
    assert by_sensor.metadata["missing"].value == 10
    resources = {"storage": StorageResource(StoppedClock())}
    by_hand = dg.define_asset_job("by_hand", selection=dg.AssetSelection.checks(EVERY_HOUR))
    defs = dg.Definitions(asset_checks=[every_hour_is_done(ENVIRONMENT)], jobs=[by_hand], resources=resources)
    (evaluation,) = defs.resolve_job_def("by_hand").execute_in_process(instance=instance).get_asset_check_evaluations()
    assert (evaluation.passed, evaluation.description) == (by_sensor.passed, by_sensor.description)


def test_the_check_is_not_green_with_133_of_720_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(NEWEST - HOUR * 132))
        done(instance, *(NEWEST - HOUR * back for back in range(133)))
        (evaluation,) = evaluations_of(tick(instance))
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert evaluation.description is not None
    assert evaluation.description.startswith("133 of 720 hours of history are present (18 %)")


def test_hours_that_were_pulled_and_never_judged_are_called_that(instance: dg.DagsterInstance) -> None:
    hour = NEWEST - HOUR
    done(instance, *all_but(hour))
    materialised(instance, INGEST, hour, timedelta(days=4))
    (evaluation,) = evaluations_of(tick(instance))
    assert evaluation.description == f"pulled but never judged: 1 hour: {key_of(hour)}"
    a_run(instance, dg.DagsterRunStatus.STARTED, {"dagster/partition": key_of(hour)})
    (evaluation,) = evaluations_of(tick(instance))
    assert evaluation.passed, "each hour is pulled first, and judged a little later by the same run"


def test_the_check_of_all_hours_is_no_part_of_an_hours_run() -> None:
    steps = {node.name for node in build_defs().resolve_job_def("hourly_audit").nodes}
    assert "raw_audit_entries_hour_is_complete" in steps
    assert not [step for step in steps if step.endswith(EVERY_HOUR.name)]


def test_nothing_starts_by_itself() -> None:
    defs = build_defs()
    schedules = [defs.resolve_schedule_def(name) for name in ("every_hour", "every_day", "daily_retention")]
    sensors = [defs.resolve_sensor_def(name) for name in SWITCHES if name != "every_hour"]
    assert (len(list(defs.schedules or [])), len(list(defs.sensors or []))) == (len(schedules), len(sensors))
    assert {schedule.default_status for schedule in schedules} == {dg.DefaultScheduleStatus.STOPPED}
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.STOPPED}


def test_the_schedule_requests_the_hour_that_has_settled_for_15_minutes_and_what_is_due_again(tmp_path: Path) -> None:
    schedule = build_defs().resolve_schedule_def("every_hour")
    assert schedule.cron_schedule == "16 * * * *"
    tick = datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:  # a schedule gets no instance in memory
        done(instance, NEWEST - HOUR * 6, began=timedelta(hours=1))
        made = dg.build_schedule_context(
            instance=instance, repository_def=build_defs().get_repository_def(), scheduled_execution_time=tick
        )
        with made as context:
            (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == "2026-11-22-09:00"
    assert request.tags["audit/pulled_again"] == "2026-11-22-03:00"


def test_a_first_hour_that_can_not_be_understood_fails_the_ticks_with_one_sentence(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "yesterday")
    with pytest.raises(dg.Failure, match="AUDIT_ASSETS_FIRST_HOUR is 'yesterday': set it to a full hour") as error:
        tick(instance)
    assert error.value.allow_retries is False


def test_the_schedule_waits_for_the_first_hour(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "2026-11-22-10:00")
    tick = datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
    defs = build_defs()
    made = dg.build_schedule_context(
        instance=instance, repository_def=defs.get_repository_def(), scheduled_execution_time=tick
    )
    with made as context:
        assert not defs.resolve_schedule_def("every_hour").evaluate_tick(context).run_requests


def test_an_hour_that_is_due_is_pulled_by_the_newest_hours_run_unless_a_run_of_its_own_mends_something(
    instance: dg.DagsterInstance,
) -> None:
    due = NEWEST - HOUR * 6
    done(instance, *all_but(NEWEST, due))
    done(instance, due, began=timedelta(hours=1))
    assert [each.tags.get("audit/pulled_again") for each in requests_of(instance)] == [key_of(due)]
    unsent = {"unresolved": {key_of(due): "The channel did not take it."}}
    summary, _ = LAST_ASSETS
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=summary, check_name="findings_were_sent", passed=False, metadata=unsent)
    )
    newest, again = requests_of(instance)
    assert "audit/pulled_again" not in newest.tags
    assert (again.partition_key, again.tags["audit/reason"]) == (key_of(due), "settling")
