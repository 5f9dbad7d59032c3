"""What starts runs: the sensor asks Dagster what is missing; nothing starts until somebody turns it on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from audit_assets.automation.sensors import missing_hours
from audit_assets.build import build_defs
from audit_assets.partitions import key_of, range_tags
from audit_assets.resources import StorageResource

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
NEWEST = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class StoppedClock:
    """A time of day that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits here, for {seconds} s")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def requests_of(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    context = dg.build_sensor_context(instance=instance, definitions=build_defs())
    made = missing_hours(context, storage=StorageResource(StoppedClock()))
    return list(made.run_requests or []) if isinstance(made, dg.SensorResult) else []


def done(instance: dg.DagsterInstance, *hours: datetime) -> None:
    for hour in hours:
        instance.report_runless_asset_event(dg.AssetMaterialization("flagged_actor_summary", partition=key_of(hour)))


def a_run(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str], job: str = "hourly_audit"
) -> None:
    instance.create_run_for_job(build_defs().resolve_job_def(job), status=status, tags=tags)


def all_but(*missing: datetime) -> list[datetime]:
    return [hour for step in range(31 * 24 + 1) if (hour := NEWEST - HOUR * step) not in missing]


def test_an_instance_that_is_up_to_date_asks_for_nothing(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but())
    assert requests_of(instance) == []


def test_the_newest_hour_is_asked_for_alone_and_ahead_of_the_backlog(instance: dg.DagsterInstance) -> None:
    old = [NEWEST - timedelta(days=20), NEWEST - timedelta(days=20) + HOUR]
    done(instance, *all_but(NEWEST, *old))
    newest, backlog = requests_of(instance)
    assert (newest.partition_key, newest.tags["dagster/priority"]) == ("2026-11-22-09:00", "1")
    assert backlog.partition_key is None
    assert {name: backlog.tags[name] for name in range_tags(*old)} == range_tags(*old)


def test_an_hour_that_has_not_settled_is_not_asked_for(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but())
    assert all(request.partition_key != "2026-11-22-10:00" for request in requests_of(instance))


def test_an_hour_that_runs_is_not_asked_for_again(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    a_run(instance, dg.DagsterRunStatus.STARTED, {"dagster/partition": key_of(NEWEST)})
    assert requests_of(instance) == []


def test_a_failed_run_rests_before_it_is_asked_for_again(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    (first,) = requests_of(instance)
    a_run(instance, dg.DagsterRunStatus.FAILURE, {**first.tags, "dagster/partition": key_of(NEWEST)})
    assert requests_of(instance) == []


def test_a_run_that_does_not_end_an_hour_does_not_hold_it_up(instance: dg.DagsterInstance) -> None:
    done(instance, *all_but(NEWEST))
    a_run(instance, dg.DagsterRunStatus.STARTED, {"dagster/partition": key_of(NEWEST)}, job="history")
    assert [request.partition_key for request in requests_of(instance)] == [key_of(NEWEST)]


def test_an_hour_whose_run_succeeded_but_left_nothing_is_asked_for_under_a_new_key(
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


def test_hours_before_the_first_are_never_asked_for(
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


def test_nothing_starts_by_itself() -> None:
    defs = build_defs()
    schedule, sensor = defs.resolve_schedule_def("every_hour"), defs.resolve_sensor_def("missing_hours")
    assert (len(list(defs.schedules or [])), len(list(defs.sensors or []))) == (1, 1)
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED


def test_the_schedule_asks_for_the_hour_that_has_settled_for_15_minutes(instance: dg.DagsterInstance) -> None:
    schedule = build_defs().resolve_schedule_def("every_hour")
    assert schedule.cron_schedule == "16 * * * *"
    tick = datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
    context = dg.build_schedule_context(
        instance=instance, repository_def=build_defs().get_repository_def(), scheduled_execution_time=tick
    )
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == "2026-11-22-09:00"


def test_the_schedule_waits_for_the_first_hour(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "2026-11-22-10:00")
    tick = datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
    defs = build_defs()
    context = dg.build_schedule_context(
        instance=instance, repository_def=defs.get_repository_def(), scheduled_execution_time=tick
    )
    assert not defs.resolve_schedule_def("every_hour").evaluate_tick(context).run_requests
