"""Each fault of the sandbox's Axiom, as its clients meet it (docs/facts/axiom.md, 6)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from audit_assets.sandbox.fault_plan import Fault
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, rows_of

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom

EVENTS = [{"entry_id": "e1"}, {"entry_id": "e2"}, {"entry_id": "e3"}, {"entry_id": "e4"}]
IDS = "| distinct entry_id | sort by entry_id asc"


def misbehave(axiom: AxiomCalls, call: str, kind: str, **options: Any) -> None:
    axiom.sandbox.faults.add(Fault("axiom", call, kind, options=options))


def test_acknowledged_events_may_surface_late(axiom: AxiomCalls) -> None:
    misbehave(axiom, "ingest", "late_surfacing", seconds=60)

    receipt = axiom.ingest(EVENTS)

    assert receipt.json()["ingested"] == 4
    axiom.pass_time(seconds=55)
    assert axiom.count() == 0
    axiom.pass_time(seconds=10)
    assert axiom.count() == 4


def test_refused_events_may_surface_late_all_the_same(axiom: AxiomCalls) -> None:
    misbehave(axiom, "ingest", "late_surfacing", seconds=60, status=504)

    assert axiom.ingest(EVENTS).status_code == 504
    axiom.pass_time(seconds=70)
    assert axiom.count() == 4


def test_events_whose_answer_was_lost_may_surface_late(axiom: AxiomCalls) -> None:
    misbehave(axiom, "ingest", "late_surfacing", seconds=60, silent=True)

    with pytest.raises(httpx.TransportError):
        axiom.ingest(EVENTS)

    axiom.pass_time(seconds=70)
    assert axiom.count() == 4


def test_a_batch_whose_answer_was_lost_is_stored(axiom: AxiomCalls) -> None:
    misbehave(axiom, "ingest", "drop_after")

    with pytest.raises(httpx.TransportError):
        axiom.ingest(EVENTS)

    axiom.pass_time(seconds=10)
    assert axiom.count() == 4


def test_a_batch_is_stored_though_its_sender_did_not_wait(axiom: AxiomCalls) -> None:
    axiom.sandbox.axiom.behaviour.row_delay = axiom.sandbox.axiom.behaviour.field_delay = timedelta(0)
    misbehave(axiom, "ingest", "slow_before", seconds=0.2)
    axiom.http.timeout = 0.1
    with pytest.raises(httpx.ReadTimeout):
        axiom.ingest(EVENTS)

    axiom.http.timeout = 10
    misbehave(axiom, "query", "slow_before", seconds=0.4)
    assert axiom.count() == 4


def test_some_events_of_an_accepted_batch_may_be_lost(axiom: AxiomCalls) -> None:
    misbehave(axiom, "ingest", "rejected_events", events=1)

    response = axiom.ingest(EVENTS)

    assert response.status_code == 200
    receipt = response.json()
    assert (receipt["ingested"], receipt["failed"], len(receipt["failures"])) == (3, 1, 1)
    axiom.pass_time(seconds=10)
    assert axiom.rows(IDS) == [("e1",), ("e2",), ("e3",)]


def test_a_receipt_may_lack_what_is_not_required(axiom: AxiomCalls) -> None:
    misbehave(axiom, "ingest", "bare_receipt")

    receipt = axiom.ingest(EVENTS).json()

    assert set(receipt) == {"ingested", "failed", "processedBytes"}
    axiom.pass_time(seconds=10)
    assert axiom.count() == 4


@pytest.mark.parametrize("call", ["ingest", "query", "datasets"])
@pytest.mark.parametrize("status", [429, 430, 432, 500, 502, 504])
def test_any_call_may_answer_with_any_status(axiom: AxiomCalls, call: str, status: int) -> None:
    misbehave(axiom, call, "status", status=status, body='{"message": "no"}', headers={"retry-after": "3600"})

    response = {
        "ingest": lambda: axiom.ingest(EVENTS),
        "query": lambda: axiom.query("| summarize n = count()"),
        "datasets": lambda: axiom.http.get("/v2/datasets"),
    }[call]()

    assert (response.status_code, response.headers["retry-after"]) == (status, "3600")


def test_a_result_may_be_partial(axiom: AxiomCalls) -> None:
    axiom.store(*EVENTS)
    misbehave(axiom, "query", "partial")

    partial, whole = axiom.query(IDS), axiom.query(IDS)

    status = partial.json()["status"]
    assert (status["isPartial"], bool(status["continuationToken"])) == (True, True)
    assert (len(rows_of(partial)), len(rows_of(whole))) == (2, 4)


def test_a_result_may_be_an_estimate(axiom: AxiomCalls) -> None:
    misbehave(axiom, "query", "estimate")

    assert axiom.query("| summarize n = count()").json()["status"]["isEstimate"] is True
    assert "isEstimate" not in axiom.query("| summarize n = count()").json()["status"]


def test_a_message_can_have_an_unknown_priority(axiom: AxiomCalls) -> None:
    misbehave(axiom, "query", "unknown_priority")

    [message] = axiom.query("| summarize n = count()").json()["status"]["messages"]
    assert message["priority"] not in ("trace", "debug", "info", "warn", "error", "fatal")


def test_a_table_may_be_empty_though_rows_matched(axiom: AxiomCalls) -> None:
    axiom.store(*EVENTS)
    misbehave(axiom, "query", "empty_tables")

    response = axiom.query(IDS)

    assert rows_of(response) == []
    assert response.json()["status"]["rowsMatched"] == 4


def test_tables_may_be_missing(axiom: AxiomCalls) -> None:
    misbehave(axiom, "query", "empty_tables", null=True)

    assert axiom.query("| summarize n = count()").json()["tables"] is None


def test_a_result_can_be_cut_without_a_message(axiom: AxiomCalls) -> None:
    axiom.store(*EVENTS)
    misbehave(axiom, "query", "truncated", rows=3)

    response = axiom.query(IDS)

    assert len(rows_of(response)) == 3
    assert "messages" not in response.json()["status"]
