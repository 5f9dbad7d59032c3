"""What the checks find in Axiom, while the hour goes on."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import httpx

from audit_assets.sandbox.fault_plan import Fault
from audit_assets_tests.pipeline import Pipeline, check_of, dagster_failure_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
NO_ID = '{"action": {"type": "create", "time": "2026-11-22T09:10:00Z"}, "note": "no id"}'


def with_one_quarantined(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    pipeline.sandbox.cloudflare.add_text("v2", NO_ID, JUDGED + timedelta(minutes=10))


def ingest(pipeline: Pipeline, events: list[dict[str, Any]]) -> None:
    """Events of somebody else, with the sandbox's token."""
    known = pipeline.sandbox.axiom.environment(pipeline.sandbox.url)
    httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/{known['AXIOM_DATASET']}/ingest",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json=events,
    ).raise_for_status()


def test_the_proof_covers_what_was_quarantined(pipeline: Pipeline) -> None:
    with_one_quarantined(pipeline)
    result = pipeline.run(JUDGED)
    assert result.success
    proof = check_of(result, "axiom_holds_every_entry")
    assert (proof.metadata["expected"].value, proof.metadata["found"].value) == (4, 4)
    (shown,) = [
        event.step_materialization_data.materialization.metadata
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == dg.AssetKey("axiom_ingest")
    ]
    assert (shown["quarantined"].value, shown["dagster/partition_row_count"].value) == (1, 4)
    assert pipeline.summary(JUDGED)["entries"]["changes"] == 3, "and it counts as no change"


def test_what_was_quarantined_and_can_not_be_seen_in_axiom_stops_the_hour(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add_text("v2", NO_ID, JUDGED + timedelta(minutes=10))
    pipeline.sandbox.faults.add(Fault("axiom", "ingest", "late_surfacing", options={"seconds": 10**6}))
    result = pipeline.run(JUDGED)
    assert not result.success
    assert check_of(result, "axiom_holds_every_entry").description == "2026-11-22-09:00 entries missing in Axiom: 1"


def test_copies_are_reported_and_stop_nothing(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    pipeline.sandbox.faults.add(Fault("axiom", "ingest", "late_surfacing", options={"seconds": 150, "silent": True}))
    assert pipeline.run(JUDGED).success
    pipeline.clock.sleep(200)
    result = pipeline.run(JUDGED)
    assert result.success
    copies = check_of(result, "few_copies_in_axiom")
    assert (copies.passed, copies.severity.value, copies.description) == (
        False,
        "WARN",
        "2026-11-22-09:00 3 of 6 rows are copies",
    )
    assert check_of(result, "axiom_holds_every_entry").passed


def test_no_copies_are_no_remark(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    copies = check_of(pipeline.run(JUDGED), "few_copies_in_axiom")
    assert (copies.passed, copies.description) == (True, None)


def test_a_retention_too_short_for_the_window_is_reported(pipeline: Pipeline) -> None:
    pipeline.sandbox.axiom.behaviour.retention_days = 30
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    result = pipeline.run(JUDGED)
    assert result.success
    fit = check_of(result, "axiom_dataset_is_fit")
    assert (fit.passed, fit.severity.value) == (False, "WARN")
    assert fit.description
    assert fit.description.startswith(
        "the dataset keeps 30 days: too few for a baseline of 30. Set its retention to 45"
    )


def test_a_field_limit_that_is_near_is_reported(pipeline: Pipeline) -> None:
    ingest(pipeline, [{f"theirs_{number}": 1 for number in range(215)}])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert pipeline.run(JUDGED).success
    pipeline.clock.sleep(60)
    fit = check_of(pipeline.run(JUDGED), "axiom_dataset_is_fit")
    assert not fit.passed
    assert "fields of the 256 that Personal plans allow" in (fit.description or "")


def test_what_this_token_may_not_read_is_reported_as_unknown(pipeline: Pipeline) -> None:
    for call in ("datasets", "fields"):
        pipeline.sandbox.faults.add(Fault("axiom", call, "status", options={"status": 403}))
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    fit = check_of(pipeline.run(JUDGED), "axiom_dataset_is_fit")
    assert fit.passed
    assert (fit.description or "").count("this token can't see how") == 2


def test_fields_that_a_locked_schema_dropped_are_reported_however_often_the_hour_is_run(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    messages = [{"priority": "warn", "code": "schema_rules_drop:raw", "count": 3, "msg": "dropped"}]
    receipt = json.dumps({"ingested": 3, "failed": 0, "failures": [], "processedBytes": 9, "messages": messages})
    pipeline.sandbox.faults.add(Fault("axiom", "ingest", "status", options={"status": 200, "body": receipt}))
    assert "has a locked schema and dropped raw: unlock its schema" in dagster_failure_of(pipeline.run(JUDGED))
    assert pipeline.run(JUDGED).success
    without_raw = {"_time": JUDGED.isoformat(), "entry_id": "f" * 64, "stream": "v2", "change_kind": "none"}
    ingest(pipeline, [without_raw])
    pipeline.clock.sleep(60)
    for _ in range(2):
        fit = check_of(pipeline.run(JUDGED), "axiom_dataset_is_fit")
        assert not fit.passed
        assert "1 events in the dataset lack fields that they were sent with" in (fit.description or "")
