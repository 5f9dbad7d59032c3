"""Pulls that are due again ride on the newest hour's run, and only what has something new gets a run of its own."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import dagster as dg
import pytest

from audit_assets.defs.automation.hour_planner import GRACE
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.automation.sensors import missing_hours
from audit_assets.defs.materialized_hours import read_newest_pulls
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.defs.steps.late_entries import pull_again
from audit_assets.sandbox.cloudflare.audit_log import AuditLog
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.pull_history import REPEATS, SETTLING, KnownPull, pulls_of
from audit_assets_tests.defs.keys import LAST_ASSETS
from audit_assets_tests.pipeline import DAY, HOUR, QUIET, Pipeline, check_of, v2_burst

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
    runs: list[dg.ExecuteInProcessResult] = []
    late = [(AFTER_1, ALICE, 46, 1), (AFTER_6, CAROL, 1, 1), (AFTER_24, CAROL, 1, 1), (AFTER_72, BOB, 46, 2)]
    for newest, actor, count, tickets in late:
        burst = v2_burst(newest.replace(day=JUDGED.day, hour=JUDGED.hour, minute=count), count, actor=actor)
        for entry in burst:
            entry["id"] = f"{newest:%d%H}{entry['id'][4:]}"
        world.sandbox.cloudflare.add("v2", burst, visible_at=newest + HOUR)
        runs += carry(world, newest)
        assert runs[-1].success
        assert tick(world, newest + HOUR) == []
        assert len(world.summary(JUDGED)["flagged"]) == len(world.tickets()) == tickets
    assert added(world) == [2, 46, 0, 1, 0, 1, 0, 46, 0], "pulled in passing, then by the run of its own"
    assert len(runs) == len(late)
    settled = check_of(runs[-1], "settled_hours_stay_as_they_are")
    assert settled.description == "2026-11-22-09:00 entries that came after a pull of a day or more after its end: 46"


def test_an_hour_without_anything_new_needs_no_run_of_its_own_and_settles(world: Pipeline) -> None:
    for newest in (AFTER_1, AFTER_6, AFTER_24, AFTER_72):
        assert carry(world, newest) == []
    assert added(world) == [2, 0, 0], (
        "in the hour's own file the last pull, and the one before it, which brought nothing"
    )
    pulls = pulls_of(world.store.metadata(ENTRIES, JUDGED) or {})
    assert [pull.began - ENDED >= step for pull, step in zip(pulls[1:], REPEATS[-2:], strict=True)] == [True, True]
    assert requests_at(world, AFTER_72 + HOUR * 5) == []
    plan = plan_requests(world.instance, world.clock.now())
    assert plan.due == ()

    assert world.run(AFTER_72).success, "so that of its first run only the pull in passing is still needed"
    now = world.clock.now()
    world.clock.sleep((datetime.now(UTC) - now + DAY * 60).total_seconds())  # Dagster dates runs by our own
    assert world.defs.resolve_job_def("retention").execute_in_process(run_config=QUIET, instance=world.instance).success
    assert plan_requests(world.instance, now) == plan, "what was pulled again stays so"


@pytest.mark.parametrize("by", ["the last pull in passing", "a person"])
def test_what_comes_after_a_pull_of_a_day_later_that_brought_nothing_is_reported(world: Pipeline, by: str) -> None:
    for newest in (AFTER_1, AFTER_6, AFTER_24):
        assert carry(world, newest) == []
    assert added(world) == [2], "nothing of it is in the hour's own file"
    world.sandbox.cloudflare.add("v2", v2_burst(JUDGED + HOUR / 2, 3), visible_at=AFTER_24 + HOUR * 2)
    if by == "a person":
        world.clock.sleep(HOUR.total_seconds() * 2)
        run = world.run(JUDGED)
    else:
        (run,) = carry(world, AFTER_72)
    assert run.success
    assert added(world)[:3] == [2, 0, 3]
    settled = check_of(run, "settled_hours_stay_as_they_are")
    assert settled.description == "2026-11-22-09:00 entries that came after a pull of a day or more after its end: 3"


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


def pull_judged_hour(pipeline: Pipeline) -> list[tuple[datetime, KnownPull] | str]:
    """As the run of the newest hour does, but Dagster gets to know nothing of it."""
    cloudflare = CloudflareResource(pipeline.clock)
    with closing(cloudflare.client()) as client:
        known = read_newest_pulls(pipeline.instance, [JUDGED])
        return [*pull_again(client, cloudflare.streams(), pipeline.store, [JUDGED], known)]


def test_what_was_stored_when_its_run_died_is_still_judged(world: Pipeline) -> None:
    world.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, actor=BOB), visible_at=ENDED + HOUR)
    requests_at(world, AFTER_1 + HOUR)
    pull_judged_hour(world)
    assert added(world) == [2, 45]
    assert len(carry(world, AFTER_1)) == 1, "the next pull in passing added nothing, and found what nobody had judged"
    assert added(world) == [2, 45, 0, 0]
    assert [each["actor"] for each in world.summary(JUDGED)["flagged"]] == [BOB]


def test_two_that_pull_an_hour_again_at_once_store_everything_once(world: Pipeline) -> None:
    world.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, actor=BOB), visible_at=ENDED + HOUR)
    requests_at(world, AFTER_1 + HOUR)
    with ThreadPoolExecutor(2) as both:
        found = [each for made in both.map(pull_judged_hour, [world, world]) for each in made]
    assert len(found) == 2
    assert len({each[1].content for each in found if not isinstance(each, str)}) == 1, "whichever is written last"
    assert all("another run" in each for each in found if isinstance(each, str)), "one may have to come again"
    ids = world.store.require(ENTRIES, JUDGED)["entry_id"]
    assert (len(ids), ids.n_unique()) == (47, 47)


def test_entries_that_are_no_longer_listed_have_the_hour_run_again_with_its_checks(world: Pipeline) -> None:
    world.sandbox.cloudflare.logs["v2"] = AuditLog("v2")
    (of_its_own,) = carry(world, AFTER_1)
    alarm = check_of(of_its_own, "nothing_is_taken_back")
    assert alarm.description == "2026-11-22-09:00 entries no longer in Cloudflare's answer: 2"
    assert tick(world, AFTER_1 + HOUR) == [], "once"


def test_an_hour_that_was_judged_before_its_history_grew_is_run_with_what_grew(world: Pipeline) -> None:
    (request,) = requests_at(world, AFTER_1 + HOUR)
    world.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 1, actor=BOB), visible_at=ENDED)
    assert world.carry_out(request).success
    (both,) = requests_at(world, AFTER_1 + HOUR)
    assert both.tags["audit/hours"] == "2026-11-22-09:00 to 2026-11-22-10:00"
    assert world.carry_out(both).success
    assert requests_at(world, AFTER_1 + HOUR) == []
