"""Entries that come late: the sensor finds their hour by itself, and they become tickets like any other."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from audit_assets.defs.automation.hour_planner import GRACE
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.automation.sensors import missing_hours
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import StorageResource
from audit_assets.sandbox.cloudflare.audit_log import AuditLog
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.pull_history import REPEATS, pulls_of
from audit_assets_tests.defs.keys import LAST_ASSETS
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, v1_entry, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
ENDED = JUDGED + HOUR
ALICE, BOB = "alice@example.com", "bob@example.com"
ENTRIES = "raw_audit_entries"


@pytest.fixture
def one_hour(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """The judged hour is the only one that the sensor finds anything to do for, in the days after it."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(JUDGED))
    for step in range(1, 90):
        hour = JUDGED + HOUR * step
        for_good = {"pull_began": dg.MetadataValue.timestamp(hour + DAY * 4)}
        for asset in LAST_ASSETS:
            pipeline.instance.report_runless_asset_event(
                dg.AssetMaterialization(asset, partition=key_of(hour), metadata=for_good)
            )
    return pipeline


def with_history(pipeline: Pipeline) -> None:
    days = [JUDGED - DAY * day for day in range(1, 15)]
    pipeline.remember([entry for actor in (ALICE, BOB) for day in days for entry in v2_burst(day, 3, actor=actor)])


def tick(pipeline: Pipeline, after: timedelta) -> list[dg.ExecuteInProcessResult]:
    """One tick of the sensor so long after the hour's end, and the runs that it asked for."""
    pipeline.clock.sleep(max(0.0, (ENDED + after + GRACE - pipeline.clock.now()).total_seconds()))
    context = dg.build_sensor_context(instance=pipeline.instance, definitions=pipeline.defs)
    made = missing_hours(context, storage=StorageResource(pipeline.clock))
    assert isinstance(made, dg.SensorResult)
    return [pipeline.carry_out(request) for request in made.run_requests or []]


def added(pipeline: Pipeline) -> list[int]:
    return [pull.added for pull in pulls_of(pipeline.store.metadata(ENTRIES, JUDGED) or {})]


def test_late_entries_become_tickets_by_themselves_through_downtime(one_hour: Pipeline) -> None:
    with_history(one_hour)
    log = one_hour.sandbox.cloudflare
    log.add("v2", v2_burst(JUDGED, 2, actor=ALICE))
    log.add("v2", v2_burst(JUDGED + timedelta(minutes=9), 45, actor=ALICE), visible_at=JUDGED + 2 * HOUR)
    log.add("v2", v2_burst(JUDGED + timedelta(minutes=9), 46, actor=BOB), visible_at=JUDGED + 70 * HOUR)
    (in_time,) = tick(one_hour, timedelta(minutes=15))
    assert in_time.success
    assert one_hour.tickets() == []

    (after_downtime,) = tick(one_hour, 30 * HOUR)
    assert after_downtime.success
    assert check_of(after_downtime, "settled_hours_stay_as_they_are").passed
    assert [ticket["title"].count("alice") for ticket in one_hour.tickets()] == [1]
    assert tick(one_hour, 31 * HOUR) == []

    (last,) = tick(one_hour, 72 * HOUR)
    assert last.success
    assert added(one_hour) == [2, 45, 46]
    proof = check_of(last, "axiom_holds_every_entry").metadata
    assert (proof["found"].value, proof["rows"].value) == (93, 93)
    assert {each["actor"] for each in one_hour.summary(JUDGED)["flagged"]} == {ALICE, BOB}
    assert len(one_hour.tickets()) == 2
    settled = check_of(last, "settled_hours_stay_as_they_are")
    assert (settled.passed, settled.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert settled.description == "2026-11-22-09:00 entries that came after a pull of a day or more after its end: 46"
    assert tick(one_hour, 79 * HOUR) == []


def test_an_hour_is_pulled_five_times_and_that_changes_nothing_when_nothing_is_new(one_hour: Pipeline) -> None:
    with_history(one_hour)
    one_hour.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    (first,) = tick(one_hour, timedelta(minutes=15))
    assert first.success
    (ticket,) = one_hour.tickets()
    stored, evidence = one_hour.store.require(ENTRIES, JUDGED), one_hour.store.metadata(ENTRIES, JUDGED) or {}
    sent = one_hour.sandbox.shared.call_counts()
    for after in REPEATS:
        (again,) = tick(one_hour, after)
        assert again.success
        assert tick(one_hour, after) == []
    now = one_hour.sandbox.shared.call_counts()
    unsent = [("axiom", "ingest"), ("linear", "commentCreate")]
    assert [now[call] for call in unsent] == [sent[call] for call in unsent]
    assert one_hour.tickets() == [ticket]
    assert one_hour.store.require(ENTRIES, JUDGED).equals(stored)
    assert added(one_hour) == [45, 0, 0, 0, 0]
    again = one_hour.store.metadata(ENTRIES, JUDGED) or {}
    assert again["entry_ids_sha256"] == evidence["entry_ids_sha256"]
    assert again["v2"]["bodies_sha256"] == evidence["v2"]["bodies_sha256"], "Cloudflare's words were the same"


def test_what_a_failed_run_pulled_is_still_to_be_judged(one_hour: Pipeline) -> None:
    one_hour.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    (first,) = tick(one_hour, timedelta(minutes=15))
    assert first.success
    one_hour.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, actor=BOB), visible_at=ENDED)
    one_hour.sandbox.faults.add(Fault("axiom", "ingest", "status", times=500, options={"status": 500}))
    (failed,) = tick(one_hour, 1 * HOUR)
    assert not failed.success
    assert added(one_hour) == [3, 45]
    assert plan_requests(one_hour.instance, one_hour.clock.now()).due == (JUDGED,)


def test_entries_that_are_no_longer_listed_stay_and_are_an_alarm(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    pipeline.sandbox.cloudflare.add("v1", [v1_entry(JUDGED)])
    assert check_of(pipeline.run(JUDGED), "nothing_is_taken_back").passed
    pipeline.sandbox.cloudflare.logs["v2"] = AuditLog("v2")
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 1))
    again = pipeline.run(JUDGED)
    assert again.success
    alarm = check_of(again, "nothing_is_taken_back")
    assert (alarm.passed, alarm.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert alarm.description == "2026-11-22-09:00 entries no longer in Cloudflare's answer: 2"
    assert pipeline.store.require(ENTRIES, JUDGED).height == 4


def test_a_stream_that_is_no_longer_asked_for_takes_nothing_back(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.cloudflare.add("v1", [v1_entry(JUDGED)])
    assert pipeline.run(JUDGED).success
    monkeypatch.setenv("CLOUDFLARE_STREAMS", "v2")
    assert check_of(pipeline.run(JUDGED), "nothing_is_taken_back").passed


def test_an_hour_of_before_pulls_were_recorded_knows_its_last_one(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert pipeline.run(JUDGED).success
    evidence = pipeline.store.metadata(ENTRIES, JUDGED) or {}
    stored = pipeline.store.require(ENTRIES, JUDGED)
    old = {stream: evidence[stream] for stream in ("v2", "v1")}
    pipeline.store.write(ENTRIES, JUDGED, stored.filter(pl.int_range(pl.len()) < 2), old)
    assert pipeline.run(JUDGED).success
    assert added(pipeline) == [2, 1]


def test_the_page_of_the_asset_shows_the_pulls_of_an_hour(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    first = pipeline.run(JUDGED)
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 2, actor=BOB))
    (before, shown) = [
        each.metadata
        for result in (first, pipeline.run(JUDGED))
        for each in result.asset_materializations_for_node(ENTRIES)
    ]
    assert shown["came_late"].value == 2
    assert not {"came_late", "no_longer_listed", "quarantined"} & before.keys()
    assert not {"no_longer_listed", "quarantined"} & shown.keys()
    table = str(shown["pulls"].value).splitlines()
    assert table[0] == "| pull began | after the hour's end | entries added | no longer listed |"
    assert [row.split("|")[3].strip() for row in table[2:]] == ["`3`", "`2`"]
