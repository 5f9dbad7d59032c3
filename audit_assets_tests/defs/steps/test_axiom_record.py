"""Whoever writes into Axiom, or deletes there, moves no baseline: over real sockets, with a token that may ingest."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import httpx
import polars as pl
import pytest

from audit_assets.axiom.events import events_from
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.accounts import ENVIRONMENT
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.resources import AxiomResource, CloudflareResource, RunInputsResource, StorageResource
from audit_assets.detection.ranking import REACH
from audit_assets.sandbox.axiom.axiom_service import DATASET, Scan
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import AXIOM_RECORD, ENTRIES
from audit_assets_tests.pipeline import DAY, HOUR, QUIET, Pipeline, dagster_failure_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
PAST = JUDGED - DAY
"""An hour that was pulled and ingested."""

REMEDY = "Run the job `history` for these hours"
NO_ID = '{"action": {"type": "create", "time": "2026-11-21T09:10:00Z"}, "note": "no id"}'


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """Three changes a day for a fortnight, of which PAST came through the assets, with one unreadable entry; and a
    burst in the hour to be judged."""
    pipeline.remember([entry for day in range(2, 15) for entry in v2_burst(JUDGED - DAY * day, 3)])
    record = pipeline.store.read(AXIOM_RECORD, None)
    assert record is not None
    pipeline.store.write(AXIOM_RECORD, None, record.filter(~pl.col("hour").is_in([PAST, PAST - HOUR])))
    pipeline.sandbox.cloudflare.add("v2", [*v2_burst(PAST, 3), *v2_burst(JUDGED, 200)])
    pipeline.sandbox.cloudflare.add_text("v2", NO_ID, PAST + timedelta(minutes=10))
    assert pipeline.run(PAST, job="history").success
    return pipeline


def forge(pipeline: Pipeline, events: Sequence[dict[str, Any]]) -> None:
    """Events of somebody who has an ingest token; they can be seen afterwards."""
    known = pipeline.sandbox.axiom.environment(pipeline.sandbox.url)
    httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/{known['AXIOM_DATASET']}/ingest",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json=list(events),
    ).raise_for_status()
    pipeline.clock.sleep(60)


def copy_of(pipeline: Pipeline, **changed: Any) -> dict[str, Any]:
    """An event that Axiom holds, as it was sent, with these fields changed."""
    (event,) = events_from(pipeline.store.require(ENTRIES, PAST)).head(1).to_dicts()
    sent = {name: value for name, value in event.items() if value is not None}
    return {**sent, "_time": event["_time"].isoformat(), **changed}


def invented(pipeline: Pipeline, hour: datetime, count: int) -> list[dict[str, Any]]:
    """So many changes by the actor of PAST that nobody ever made."""
    return [copy_of(pipeline, entry_id=f"{hour:%m%d%H}{n:058x}", _time=hour.isoformat()) for n in range(count)]


def trim(pipeline: Pipeline, lost: datetime) -> None:
    """The dataset without an hour: all else that it held is sent again, as it was."""
    with closing(AxiomResource(pipeline.clock).client()) as client:
        store, start = pipeline.sandbox.axiom.store, JUDGED - REACH
        kept = _held(pipeline, start, lost) + _held(pipeline, lost + HOUR, JUDGED + HOUR)
        store.delete(DATASET)
        store.create(DATASET, "", pipeline.sandbox.axiom.behaviour.retention_days, pipeline.clock.now())
        forge(pipeline, kept)
        assert client.events_by_hour(lost, lost + HOUR).is_empty()


def _held(pipeline: Pipeline, start: datetime, end: datetime) -> list[dict[str, Any]]:
    known = pipeline.sandbox.axiom.environment(pipeline.sandbox.url)
    answer = httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json={
            "apl": f"['{known['AXIOM_DATASET']}'] | limit 50000",
            "startTime": start.isoformat(),
            "endTime": end.isoformat(),
        },
    ).raise_for_status()
    table = answer.json()["tables"][0]
    names = [field["name"] for field in table["fields"]]
    rows = (dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True))
    return [
        {name: value for name, value in row.items() if value is not None and name not in ("_sysTime", "_rowID")}
        for row in rows
    ]


def recorded(pipeline: Pipeline) -> dict[datetime, int]:
    """How many events of each hour were found right."""
    record = pipeline.store.read(AXIOM_RECORD, None)
    return {} if record is None else dict(record.iter_rows())


def assert_refused(pipeline: Pipeline, sentence: str) -> None:
    """The hour is not judged, and the reason begins so."""
    before = pipeline.tickets()
    failure = dagster_failure_of(pipeline.run(JUDGED))
    assert failure.startswith(f"Axiom dataset '{DATASET}' holds {sentence}"), failure
    assert REMEDY in failure
    assert pipeline.tickets() == before
    assert pipeline.store.read("flagged_actors", JUDGED) is None


def test_what_was_pulled_and_ingested_is_believed(lived: Pipeline) -> None:
    assert lived.run(JUDGED).success
    assert len(lived.tickets()) == 1
    record = recorded(lived)
    assert (record[PAST], record[JUDGED], sum(events > 0 for events in record.values())) == (4, 200, 15)


def test_forged_past_hours_do_not_make_a_burst_usual(lived: Pipeline) -> None:
    hours = [JUDGED - DAY * day for day in range(1, 15)] + [PAST - HOUR * step for step in range(1, 6)]
    forge(lived, [event for hour in hours for event in invented(lived, hour, 200)])
    first = "2026-11-08-09:00, 2026-11-09-09:00, 2026-11-10-09:00 and 16 more. "
    assert_refused(lived, f"3,800 events more than were pulled, in 19 hours: {first}")


@pytest.mark.parametrize(
    "changed",
    [
        {"actor_key": "f" * 32},
        {"actor": "somebody-else@example.com"},
        {"actor_type": "system"},
        {"resource_type": "api_tokens"},
        {"change_kind": "delete"},
        {"action_result": "failure"},
        {"entry_id": ""},
        {"entry_id": "", "actor_key": ""},
    ],
    ids=str,
)
def test_a_copy_that_says_something_else_is_one_too_many(lived: Pipeline, changed: dict[str, str]) -> None:
    forge(lived, [copy_of(lived, **changed)])
    assert_refused(lived, "1 event more than were pulled, in 1 hour: 2026-11-21-09:00. ")


def test_a_copy_in_another_hour_is_one_too_many(lived: Pipeline) -> None:
    forge(lived, [copy_of(lived, _time=(PAST - HOUR).isoformat())])
    assert_refused(lived, "1 event more than were pulled, in 1 hour: 2026-11-21-08:00. ")


@pytest.mark.parametrize("days", [1.5, 100, 200, 300])
def test_hours_that_were_never_pulled_are_not_believed(lived: Pipeline, days: float) -> None:
    hour = JUDGED.replace(hour=0) - timedelta(days=days)
    forge(lived, invented(lived, hour, 5))
    assert_refused(lived, f"5 events more than were pulled, in 1 hour: {key_of(hour)}. ")


def test_somebody_new_in_the_hour_itself_is_not_believed(lived: Pipeline) -> None:
    forge(lived, [copy_of(lived, entry_id="f" * 64, actor_key="f" * 32, _time=JUDGED.isoformat())])
    assert_refused(lived, "1 event more than were pulled, in 1 hour: 2026-11-22-09:00. ")


@pytest.mark.parametrize("changed", [{"resource_type": "dns_records"}, {"actor_key": "f" * 32}], ids=str)
def test_an_event_under_the_id_of_an_entry_that_is_still_to_be_pulled_hides_nothing(
    lived: Pipeline, changed: dict[str, str]
) -> None:
    """Its sender knows the id from the audit log; the entry itself is not sent then, since it seems to be there."""
    hour = JUDGED - HOUR
    lived.sandbox.cloudflare.add("v2", v2_burst(hour, 1, resource_type="api_tokens"))
    account = CloudflareResource().account_id()
    entries, _ = normalize_entries(v2_burst(hour, 1, resource_type="api_tokens"), "v2", account)
    forge(lived, [copy_of(lived, entry_id=entries["entry_id"][0], _time=hour.isoformat(), **changed)])
    failure = dagster_failure_of(lived.run(hour))
    assert failure.startswith("Axiom counts other changes than were pulled, for 1 actor: 0 in place of 1 ")


def test_an_event_under_the_id_of_what_changed_nothing_is_nobodys_change(lived: Pipeline) -> None:
    hour = JUDGED - HOUR
    view = v2_burst(hour, 1, action="view")
    lived.sandbox.cloudflare.add("v2", view)
    entries, _ = normalize_entries(view, "v2", CloudflareResource().account_id())
    assert not entries["is_change"].any()
    forge(lived, [copy_of(lived, entry_id=entries["entry_id"][0], _time=hour.isoformat())])
    failure = dagster_failure_of(lived.run(hour))
    sentence = "Axiom counts other changes than were pulled, in 1 hour: 1 in place of 0 in 2026-11-22-08:00. Run the "
    assert failure.startswith(sentence)


def test_forged_hours_are_refused_again_and_again(lived: Pipeline) -> None:
    forge(lived, invented(lived, PAST, 5))
    for _ in range(2):
        assert_refused(lived, "5 events more than were pulled, in 1 hour: 2026-11-21-09:00. ")
    assert lived.run(PAST, job="history").success
    assert_refused(lived, "5 events more than were pulled, in 1 hour: 2026-11-21-09:00. ")


def test_a_trimmed_hour_is_refused_until_it_is_sent_again(lived: Pipeline) -> None:
    trim(lived, PAST)
    assert_refused(lived, f"4 events fewer than it took, in 1 hour: 2026-11-21-09:00. {REMEDY}.")
    assert lived.run(PAST, job="history").success
    assert lived.run(JUDGED).success
    assert len(lived.tickets()) == 1


def test_an_hour_that_is_trimmed_after_it_was_believed_is_refused(lived: Pipeline) -> None:
    assert lived.run(PAST).success
    lived.instance.wipe_assets(lived.instance.get_asset_keys())
    trim(lived, PAST)
    assert_refused(lived, "4 events fewer than it took, in 1 hour: 2026-11-21-09:00. ")


def test_what_is_as_old_as_the_retention_may_be_gone(lived: Pipeline) -> None:
    old = JUDGED - DAY * 89
    lived.remember(v2_burst(old, 3))
    trim(lived, old)
    assert lived.run(JUDGED).success


def test_what_is_younger_than_the_retention_may_not_be_gone(lived: Pipeline) -> None:
    old = JUDGED - DAY * 86
    lived.remember(v2_burst(old, 3))
    trim(lived, old)
    assert_refused(lived, f"3 events fewer than it took, in 1 hour: {key_of(old)}. ")


@pytest.mark.parametrize("days", [25, 21])
def test_an_unknown_retention_is_taken_for_the_shortest_of_any_plan(lived: Pipeline, days: int) -> None:
    lived.remember(v2_burst(JUDGED - DAY * days, 3))
    lived.sandbox.axiom.behaviour.retention_days = None
    trim(lived, JUDGED - DAY * days)
    result = lived.run(JUDGED)
    if days == 25:
        assert result.success
    else:
        assert "3 events fewer than it took, in 1 hour: 2026-11-01-09:00. " in dagster_failure_of(result)


def test_equal_copies_are_no_forgery(lived: Pipeline) -> None:
    forge(lived, [copy_of(lived)] * 3)
    assert lived.run(JUDGED).success


def test_late_entries_are_no_forgery(lived: Pipeline) -> None:
    assert lived.run(JUDGED).success
    lived.sandbox.cloudflare.add("v2", v2_burst(PAST, 7, actor="bob@example.com"))
    assert lived.run(PAST, job="history").success
    assert lived.run(JUDGED).success
    assert recorded(lived)[PAST] == 11


@pytest.mark.parametrize("sent", [0, 3])
def test_an_hour_that_is_being_pulled_again_stops_no_other(lived: Pipeline, sent: int) -> None:
    """It holds late entries that Axiom has not acknowledged, or that reached it in part."""
    late = v2_burst(PAST, 7, actor="bob@example.com")
    lived.sandbox.cloudflare.add("v2", late)
    lived.sandbox.faults.add(Fault("axiom", "ingest", "status", times=500, options={"status": 500}))
    assert not lived.run(PAST, job="history").success
    lived.sandbox.faults.clear()
    assert lived.store.counts(ENTRIES, [PAST]) == {PAST: 10}
    new = events_from(lived.store.require(ENTRIES, PAST)).tail(7).head(sent)
    with closing(AxiomResource(lived.clock).client()) as client:
        client.ingest(new)
    lived.clock.sleep(60)
    assert lived.run(JUDGED).success
    assert len(lived.tickets()) == 1


def test_an_hour_that_was_never_acknowledged_is_not_missed(lived: Pipeline) -> None:
    lived.sandbox.cloudflare.add("v2", v2_burst(PAST - HOUR, 7))
    lived.sandbox.faults.add(Fault("axiom", "ingest", "status", times=500, options={"status": 500}))
    assert not lived.run(PAST - HOUR, job="history").success
    lived.sandbox.faults.clear()
    assert lived.run(JUDGED).success


def test_rows_that_are_not_visible_yet_are_waited_for(lived: Pipeline) -> None:
    assert lived.run(JUDGED).success
    lived.sandbox.cloudflare.add("v2", v2_burst(PAST - HOUR, 7))
    lived.sandbox.axiom.behaviour.row_delay = timedelta(seconds=70)
    resources = {
        "cloudflare": CloudflareResource(lived.clock),
        "axiom": AxiomResource(lived.clock),
        "storage": StorageResource(lived.clock),
        "run_inputs": RunInputsResource(),
    }
    of_another_run = dg.materialize(
        [raw_audit_entries(ENVIRONMENT), axiom_ingest(ENVIRONMENT)],
        partition_key=key_of(PAST - HOUR),
        resources=resources,
        instance=lived.instance,
        run_config=QUIET,
    )
    assert of_another_run.success
    assert lived.run(JUDGED).success
    assert sum(lived.clock.waits[-8:]) > 60


def test_what_is_recorded_needs_no_file_of_its_hour(lived: Pipeline) -> None:
    assert lived.run(JUDGED).success
    for table in (ENTRIES, "quarantined_entries"):
        lived.store.path(table, PAST).unlink()
    lived.instance.wipe_assets(lived.instance.get_asset_keys())
    assert lived.run(JUDGED).success


def test_hours_are_recounted_where_dagster_has_forgotten_them(lived: Pipeline) -> None:
    lived.instance.wipe_assets(lived.instance.get_asset_keys())
    assert lived.run(JUDGED).success
    assert recorded(lived)[PAST] == 4


def test_a_dataset_that_is_older_than_the_store_is_believed_once_its_hours_are_pulled(lived: Pipeline) -> None:
    for table in (ENTRIES, "quarantined_entries"):
        lived.store.path(table, PAST).unlink()
    lived.instance.wipe_assets(lived.instance.get_asset_keys())
    assert_refused(lived, "4 events more than were pulled, in 1 hour: 2026-11-21-09:00. ")
    sent = lived.sandbox.shared.call_counts()["axiom", "ingest"]
    assert lived.run(PAST, job="history").success
    assert lived.sandbox.shared.call_counts()["axiom", "ingest"] == sent, "nothing is sent again"
    assert lived.run(JUDGED).success


def test_events_are_counted_once_and_then_with_the_facts_of_the_hour_alone(lived: Pipeline) -> None:
    counted = [scan for scan in scans_of(lived) if scan.apl.startswith("// How many events each hour holds.")]
    assert len(counted) == 1
    assert "window_start = datetime(2026-01-10T00:00:00Z)" in counted[0].apl
    again = [scan.apl for scan in scans_of(lived) if scan.apl.startswith(("// How many", "// What each hour holds"))]
    (facts,) = again
    assert "window_start = datetime(2026-11-22T09:00:00Z)" in facts


def scans_of(pipeline: Pipeline) -> list[Scan]:
    """What was read of Axiom for a run of the judged hour."""
    before = len(pipeline.sandbox.axiom.scans)
    assert pipeline.run(JUDGED).success
    return pipeline.sandbox.axiom.scans[before:]
