"""Pulls that are due again ride on the newest hour's run, and only what has something new gets a run of its own."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from audit_assets.defs.automation.hour_planner import GRACE
from audit_assets.defs.automation.jobs import LAST_ASSETS
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.automation.sensors import missing_hours
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import StorageResource
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.pull_history import REPEATS, SETTLING, pulls_of
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
ENDED = JUDGED + HOUR
ENTRIES = "raw_audit_entries"
ACTORS = ALICE, BOB, CAROL = [f"{name}@example.com" for name in ("alice", "bob", "carol")]
AFTER_1, AFTER_6, AFTER_24, AFTER_72 = (JUDGED + step for step in REPEATS)
"""The hours whose first pulls come a quarter of an hour after the pulls of the judged hour are due."""


@pytest.fixture
def world(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Of all later hours only those are to be run in whose runs the judged hour can be pulled again."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(JUDGED))
    hours = [JUDGED + HOUR * step for step in range(1, 80)]
    settle(pipeline, *(hour for hour in hours if hour - JUDGED not in REPEATS))
    days = [JUDGED - DAY * day for day in range(1, 15)]
    pipeline.remember([entry for actor in ACTORS for day in days for entry in v2_burst(day, 3, actor=actor)])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 2))
    assert [each.success for each in tick(pipeline, ENDED)] == [True]
    return pipeline


def settle(pipeline: Pipeline, *hours: datetime) -> None:
    """Nothing is to be done for these hours any more."""
    for hour in hours:
        for_good = {"pull_began": dg.MetadataValue.timestamp(hour + DAY * 4)}
        for asset in LAST_ASSETS:
            event = dg.AssetMaterialization(asset, partition=key_of(hour), metadata=for_good)
            pipeline.instance.report_runless_asset_event(event)


def requests_at(pipeline: Pipeline, ended: datetime) -> list[dg.RunRequest]:
    """What the sensor requests once the first pull of the hour is due that ended then."""
    pipeline.clock.sleep(max(0.0, (ended + SETTLING + GRACE - pipeline.clock.now()).total_seconds()))
    context = dg.build_sensor_context(instance=pipeline.instance, definitions=pipeline.defs)
    made = missing_hours(context, storage=StorageResource(pipeline.clock))
    assert isinstance(made, dg.SensorResult)
    return list(made.run_requests or [])


def tick(pipeline: Pipeline, ended: datetime) -> list[dg.ExecuteInProcessResult]:
    """And the runs of it."""
    return [pipeline.carry_out(request) for request in requests_at(pipeline, ended)]


def carry(pipeline: Pipeline, newest: datetime) -> list[dg.ExecuteInProcessResult]:
    """The run of that newest hour, which pulls the judged hour again in passing, and those that follow from it."""
    (request,) = requests_at(pipeline, newest + HOUR)
    assert (request.partition_key, request.tags["audit/pulled_again"]) == (key_of(newest), key_of(JUDGED))
    assert pipeline.carry_out(request).success
    settle(pipeline, newest)
    return tick(pipeline, newest + HOUR)


def added(pipeline: Pipeline) -> list[int]:
    return [pull.added for pull in pulls_of(pipeline.store.metadata(ENTRIES, JUDGED) or {})]


def test_a_late_entry_of_each_step_reaches_the_ticket_of_its_hour(world: Pipeline) -> None:
    late = [(AFTER_1, ALICE, 46, 1), (AFTER_6, CAROL, 1, 1), (AFTER_24, CAROL, 1, 1), (AFTER_72, BOB, 46, 2)]
    for newest, actor, count, tickets in late:
        burst = v2_burst(newest.replace(day=JUDGED.day, hour=JUDGED.hour, minute=count), count, actor=actor)
        for entry in burst:
            entry["id"] = f"{newest:%d%H}{entry['id'][4:]}"
        world.sandbox.cloudflare.add("v2", burst, visible_at=newest + HOUR)
        (of_its_own,) = carry(world, newest)
        assert of_its_own.success
        assert tick(world, newest + HOUR) == []
        assert len(world.summary(JUDGED)["flagged"]) == len(world.tickets()) == tickets
    assert added(world) == [2, 46, 0, 1, 0, 1, 0, 46, 0], "pulled in passing, then by the run of its own"
    settled = check_of(of_its_own, "settled_hours_stay_as_they_are")
    assert settled.description == "2026-11-22-09:00 entries that came after a pull of a day or more after its end: 46"


def test_an_hour_without_anything_new_needs_no_run_of_its_own_and_settles(world: Pipeline) -> None:
    before = world.instance.get_latest_materialization_event(LAST_ASSETS[0])
    for newest in (AFTER_1, AFTER_6, AFTER_24, AFTER_72):
        assert carry(world, newest) == []
    assert added(world) == [2, 0, 0, 0, 0]
    assert before is not None
    assert requests_at(world, AFTER_72 + HOUR * 5) == []
    assert plan_requests(world.instance, world.clock.now()).due == ()


def test_what_can_not_be_pulled_in_passing_is_due_by_itself(world: Pipeline) -> None:
    world.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, actor="bob@example.com"), visible_at=ENDED)
    (request,) = requests_at(world, AFTER_1 + HOUR)
    world.sandbox.faults.add(Fault("cloudflare", "v2", "status", at=2, times=500, options={"status": 500}))
    assert world.carry_out(request).success, "the newest hour is not held up"
    world.sandbox.faults.clear()
    assert added(world) == [2]
    settle(world, AFTER_1)
    (of_its_own,) = tick(world, AFTER_1 + HOUR)
    assert of_its_own.success
    assert added(world) == [2, 45]
