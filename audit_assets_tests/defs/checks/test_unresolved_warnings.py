"""A warning stays visible until its hour is run again, and only a check that was evaluated can fail.

What Dagster shows of a check is its latest execution, resolved with the run that planned it.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest
from dagster._core.test_utils import freeze_time

from audit_assets.defs.automation.sensors import missing_hours
from audit_assets.defs.checks.check_results import NAMED, name_hours
from audit_assets.defs.partitions import range_tags
from audit_assets.defs.resources import StorageResource
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.tables import FIRST_START
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, v2_burst

FIRST = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECOND = FIRST + HOUR
QUARANTINED = dg.AssetCheckKey(dg.AssetKey("raw_audit_entries"), "nothing_quarantined")
TICKETS = dg.AssetCheckKey(dg.AssetKey("opened_tickets"), "every_flagged_actor_has_a_ticket")
NO_ID = '{"action": {"type": "create", "time": "2026-11-22T08:10:00Z"}, "note": "no id"}'


def shown(pipeline: Pipeline, key: dg.AssetCheckKey) -> tuple[str, str | None]:
    """A check's status and description, as the page of its asset and Dagster's API show them."""
    record = pipeline.instance.get_latest_asset_check_evaluation_record(key)
    assert record is not None
    context = LoadingContextForTest(pipeline.instance)
    status = asyncio.run(record.resolve_status(context))
    assert asyncio.run(record.targets_latest_materialization(context)), "else it is shown as not evaluated"
    return status.value, getattr(record.evaluation, "description", None)


def tick(pipeline: Pipeline) -> list[str]:
    """The sensor's tick, its events stored as the daemon does. Returns the checks that it reported on."""
    context = dg.build_sensor_context(instance=pipeline.instance, definitions=pipeline.defs)
    made = missing_hours(context, storage=StorageResource(pipeline.clock))
    assert isinstance(made, dg.SensorResult)
    for event in made.asset_events:
        pipeline.instance.report_runless_asset_event(event)
    return [event.check_name for event in made.asset_events if isinstance(event, dg.AssetCheckEvaluation)]


def test_the_pass_of_a_later_hour_does_not_hide_a_warning(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add_text("v2", NO_ID, FIRST + timedelta(minutes=10))
    assert not check_of(pipeline.run(FIRST), QUARANTINED.name).passed
    pipeline.sandbox.cloudflare.add("v2", v2_burst(SECOND, 3))
    assert pipeline.run(SECOND).success
    assert shown(pipeline, QUARANTINED) == ("FAILED", "2026-11-22-08:00 1 quarantined")
    record = pipeline.instance.get_latest_asset_check_evaluation_record(QUARANTINED)
    assert record is not None
    assert record.evaluation is not None
    assert record.evaluation.metadata["unresolved"].value == {"2026-11-22-08:00": "1 quarantined"}


def test_an_actor_without_a_ticket_is_named_until_it_has_one(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKET_MAX_AGE_HOURS", "0.5")
    pipeline.remember([entry for day in range(1, 15) for entry in v2_burst(FIRST - DAY * day, 3)])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(FIRST, 45))
    assert pipeline.run(FIRST).success
    too_old = "the hour ended longer ago than AUDIT_ASSETS_TICKET_MAX_AGE_HOURS"
    without_ticket = ("FAILED", f"2026-11-22-08:00 has no ticket for 1 flagged actor: {too_old}")
    assert shown(pipeline, TICKETS) == without_ticket
    assert pipeline.run(SECOND).success
    assert shown(pipeline, TICKETS) == without_ticket, "though nobody was flagged in the second hour"
    assert pipeline.run(FIRST, open_tickets="always").success
    assert shown(pipeline, TICKETS) == ("SUCCEEDED", None)


def test_hours_before_the_first_start_were_too_old_from_the_beginning(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKET_MAX_AGE_HOURS", "0.5")
    pipeline.store.write_json(
        FIRST_START, None, {"first_hour": "2026-10-22-08:00", "started_at": (FIRST + DAY).isoformat()}
    )
    pipeline.remember([entry for day in range(1, 15) for entry in v2_burst(FIRST - DAY * day, 3)])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(FIRST, 45))
    assert pipeline.run(FIRST).success
    assert pipeline.tickets() == []
    assert shown(pipeline, TICKETS) == ("SUCCEEDED", None)


def test_warnings_of_hours_that_are_no_longer_looked_back_on_are_dropped(pipeline: Pipeline) -> None:
    old = FIRST - DAY * 31
    pipeline.sandbox.cloudflare.add_text("v2", NO_ID.replace("11-22", "10-22"), old + timedelta(minutes=10))
    assert pipeline.run(old).success
    assert shown(pipeline, QUARANTINED) == ("FAILED", "2026-10-22-08:00 1 quarantined")
    assert pipeline.run(FIRST).success
    assert shown(pipeline, QUARANTINED) == ("SUCCEEDED", None)


def test_after_a_failed_run_each_check_shows_what_it_found_last(pipeline: Pipeline) -> None:
    pipeline.remember([entry for day in range(1, 15) for entry in v2_burst(FIRST - DAY * day, 3)])
    pipeline.sandbox.cloudflare.add_text("v2", NO_ID, FIRST + timedelta(minutes=10))
    # Dagster keeps the time of an evaluation in whole seconds, and it must be after that of the materialisation
    with freeze_time(datetime.now(UTC) - timedelta(minutes=1)):
        assert pipeline.run(FIRST).success
    pipeline.sandbox.faults.add(Fault("cloudflare", "v2", "status", times=3, options={"status": 403}))
    assert not pipeline.run(SECOND).success
    assert shown(pipeline, QUARANTINED)[0] == shown(pipeline, TICKETS)[0] == "EXECUTION_FAILED", "what Dagster does"
    reported = tick(pipeline)
    assert shown(pipeline, QUARANTINED) == ("FAILED", "2026-11-22-08:00 1 quarantined")
    assert shown(pipeline, TICKETS) == ("SUCCEEDED", None)
    assert len(reported) == len(set(reported)) == 15
    assert tick(pipeline) == [], "once"


def test_a_check_that_was_never_evaluated_is_no_failure_after_a_failed_run(pipeline: Pipeline) -> None:
    pipeline.sandbox.faults.add(Fault("cloudflare", "v2", "status", times=3, options={"status": 403}))
    failed = pipeline.run(FIRST)
    assert not failed.success
    tick(pipeline)
    assert shown(pipeline, TICKETS) == ("SUCCEEDED", f"Not evaluated yet: the run {failed.run_id} ended before it.")


def test_a_warning_check_that_can_not_read_its_hour_is_skipped(pipeline: Pipeline) -> None:
    alone = dg.define_asset_job("alone", selection=dg.AssetSelection.checks(TICKETS))
    defs = dg.Definitions.merge(pipeline.defs, dg.Definitions(jobs=[alone]))
    job = defs.resolve_job_def("alone")
    for tags in ({}, range_tags(FIRST, FIRST)):
        assert job.execute_in_process(instance=pipeline.instance, tags=tags).success
        assert shown(pipeline, TICKETS)[0] == "SKIPPED"


def test_neighbouring_hours_with_one_problem_are_named_as_a_stretch() -> None:
    problems = {FIRST + HOUR * number: "is odd" for number in (0, 1, 2, 5)}
    assert name_hours(problems) == "2026-11-22-08:00 to 2026-11-22-10:00 is odd; 2026-11-22-13:00 is odd"
    assert name_hours({}) == ""


@pytest.mark.parametrize(("more", "end"), [(1, "and 1 more hour"), (3, "and 3 more hours")])
def test_only_so_many_stretches_are_named_in_a_sentence(more: int, end: str) -> None:
    problems = {FIRST + HOUR * 2 * number: "is odd" for number in range(NAMED + more)}
    assert name_hours(problems).endswith(end)
