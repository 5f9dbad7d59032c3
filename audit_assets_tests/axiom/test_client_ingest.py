"""Events reach Axiom once, whatever becomes of the replies."""

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply
from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_delivery import IngestStatus, classify_reply
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.errors import Incomplete, Refused, Unavailable
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.axiom.made_entries import AT, DAY, HOUR, client_of, entries
from audit_assets_tests.axiom.test_tabular_results import json_values
from audit_assets_tests.support import JumpingClock


def misbehave(sandbox: Sandbox, kind: str, call: str = "ingest", at: int = 1, times: int = 1, **options: Any) -> None:
    sandbox.faults.add(Fault("axiom", call, kind, at, times, options))


def posts(sandbox: Sandbox) -> int:
    return sandbox.shared.call_counts()["axiom", "ingest"]


def sent(axiom: AxiomClient, count: int = 3) -> pl.DataFrame:
    """Ingest some entries and return them."""
    made = entries(count)
    axiom.ingest(events_from(made))
    return made


@pytest.mark.parametrize("edge", [False, True], ids=["classic", "edge"])
def test_what_is_sent_is_there(sandbox: Sandbox, clock: JumpingClock, edge: bool) -> None:
    with client_of(sandbox, clock, edge=edge) as axiom:
        receipt = axiom.ingest(events_from(entries(5)))
        proof = axiom.prove(entries(5))
    assert (receipt.offered, receipt.already_there, receipt.sent, receipt.batches) == (5, 0, 5, 1)
    assert (proof.expected, proof.found, proof.missing, proof.unexpected, proof.rows) == (5, 5, 0, 0, 5)
    assert proof.holds
    paths = {call.path for call in sandbox.shared.calls}
    ours = {"/v1/ingest/cloudflare-audit", "/v1/query/_apl"}
    classic = {"/v1/datasets/cloudflare-audit/ingest", "/v1/datasets/_apl"}
    assert paths == (ours if edge else classic)


def test_sending_again_sends_nothing_and_a_grown_hour_sends_the_rest(axiom: AxiomClient, sandbox: Sandbox) -> None:
    axiom.prove(sent(axiom))
    again = axiom.ingest(events_from(entries(3)))
    assert (again.already_there, again.sent, posts(sandbox)) == (3, 0, 1)
    grown = axiom.ingest(events_from(entries(5)))
    assert (grown.offered, grown.already_there, grown.sent) == (5, 3, 2)
    assert axiom.prove(entries(5)).rows == 5


def test_the_receipt_has_a_row_for_each_hour(axiom: AxiomClient) -> None:
    axiom.prove(sent(axiom))
    receipt = axiom.ingest(events_from(pl.concat([entries(4), entries(2, at=AT + HOUR)])))
    assert receipt.hours.rows() == [(AT, 4, 3), (AT + HOUR, 2, 0)]


def test_without_events_nothing_is_requested(axiom: AxiomClient, sandbox: Sandbox) -> None:
    assert axiom.ingest(events_from(entries(0))).offered == 0
    assert axiom.prove(entries(0)).holds
    assert sandbox.shared.calls == []


def test_an_event_that_is_passed_in_twice_is_sent_once(axiom: AxiomClient) -> None:
    assert axiom.ingest(events_from(pl.concat([entries(2), entries(2)]))).sent == 2


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("drop_after", {}),
        ("torn", {}),
        ("bare_receipt", {}),
        ("late_surfacing", {"seconds": 50, "status": 500}),
        ("late_surfacing", {"seconds": 50, "silent": True}),
        ("late_surfacing", {"seconds": 50}),
    ],
    ids=["answer lost", "answer torn", "bare receipt", "500 after storing", "lost and late", "late"],
)
def test_what_landed_is_not_sent_again(
    axiom: AxiomClient, sandbox: Sandbox, kind: str, options: dict[str, Any]
) -> None:
    misbehave(sandbox, kind, **options)
    receipt = axiom.ingest(events_from(entries(3)))
    assert (receipt.sent, receipt.sent_again, posts(sandbox)) == (3, 0, 1)
    assert axiom.prove(entries(3)).rows == 3


def test_a_slow_reply_is_given_up_and_its_events_are_found(sandbox: Sandbox, clock: JumpingClock) -> None:
    misbehave(sandbox, "slow_after", seconds=1.5)
    with client_of(sandbox, clock, limits=AxiomLimits(read_seconds=0.3)) as axiom:
        receipt = axiom.ingest(events_from(entries(3)))
        assert (receipt.sent_again, posts(sandbox)) == (0, 1)
        assert axiom.prove(entries(3)).rows == 3


@pytest.mark.parametrize(
    "fault",
    [
        ("drop_before", {}),
        ("status", {"status": 500}),
        ("status", {"status": 502, "body": "<html>bad gateway</html>", "headers": {"content-type": "text/html"}}),
        ("status", {"status": 200, "body": "<html>sign in</html>", "headers": {"content-type": "text/html"}}),
        ("status", {"status": 503, "headers": {"retry-after": "120"}}),
        ("status", {"status": 504}),
        ("status", {"status": 204}),
    ],
    ids=["dropped", "500", "html 502", "html 200", "503 and a wait", "504", "204"],
)
def test_what_did_not_land_is_sent_again_after_looking(
    axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock, fault: tuple[str, dict[str, Any]]
) -> None:
    kind, options = fault
    misbehave(sandbox, kind, **options)
    receipt = axiom.ingest(events_from(entries(3)))
    assert (receipt.sent, receipt.sent_again, posts(sandbox)) == (3, 3, 2)
    assert sum(clock.waits) >= 60, "Axiom's own tests wait that long for rows to show"
    assert axiom.prove(entries(3)).rows == 3


def test_a_batch_that_surfaces_after_it_was_sent_again_counts_once(axiom: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "late_surfacing", seconds=400, silent=True)
    assert axiom.ingest(events_from(entries(3))).sent_again == 3
    sandbox.shared.clock.advance(timedelta(seconds=500))
    proof = axiom.prove(entries(3))
    assert (proof.rows, proof.found, proof.missing, proof.unexpected) == (6, 3, 0, 0)
    assert axiom.entry_ids(AT, AT + HOUR).len() == 3
    assert axiom.activity([entries(1)["actor_key"][0]], AT, AT + HOUR)["changes"].sum() == 3
    assert axiom.organisation_hours(AT, AT + HOUR).rows() == [(AT, 1, 3)]
    assert axiom.organisation_types(AT, AT + HOUR)["changes"].sum() == 3


@pytest.mark.parametrize(("surfaces_after", "posted"), [(60, 1), (80, 1), (400, 2)])
def test_what_may_have_landed_is_looked_for_until_the_visibility_delay_is_over(
    axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock, surfaces_after: int, posted: int
) -> None:
    misbehave(sandbox, "late_surfacing", seconds=surfaces_after, silent=True)
    axiom.ingest(events_from(entries(3)))
    assert posts(sandbox) == posted
    assert sum(clock.waits) >= min(surfaces_after, AxiomLimits().visibility_seconds) - 1


def test_only_the_events_that_a_200_rejected_are_sent_again(axiom: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "rejected_events", events=1)
    receipt = axiom.ingest(events_from(entries(4)))
    assert (receipt.sent, receipt.sent_again, posts(sandbox)) == (4, 1, 2)
    assert axiom.prove(entries(4)).rows == 4


def test_events_that_are_rejected_for_good_are_reported_with_axioms_reason(
    axiom: AxiomClient, sandbox: Sandbox
) -> None:
    misbehave(sandbox, "rejected_events", times=9, events=1, error="too many\nfields " + "x" * 999)
    with pytest.raises(
        Incomplete, match=r"1 of 4 events are not in Axiom dataset .* too many fields x+\. Run"
    ) as raised:
        axiom.ingest(events_from(entries(4)))
    assert len(str(raised.value)) < 600
    assert posts(sandbox) == 3


def test_a_service_that_fails_for_ever_is_given_up(axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock) -> None:
    misbehave(sandbox, "status", times=99, status=500)
    with pytest.raises(Incomplete, match="3 of 3 events are not in Axiom dataset 'cloudflare-audit' after 3 attempts"):
        axiom.ingest(events_from(entries(3)))
    assert (posts(sandbox), sum(clock.waits) < 900) == (3, True)


@pytest.mark.parametrize("status", [429, 430])
def test_what_axiom_asks_to_send_later_is_sent_later(
    axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock, status: int
) -> None:
    misbehave(sandbox, "status", times=2, status=status, headers={"retry-after": "37"})
    receipt = axiom.ingest(events_from(entries(3)))
    assert (receipt.sent, receipt.sent_again, posts(sandbox)) == (3, 0, 3)
    assert clock.waits == [37, 37]


def test_the_reset_of_a_rate_limit_is_waited_for(axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock) -> None:
    reset = int(clock.now().timestamp()) + 20
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    misbehave(sandbox, "status", status=429, headers=headers)
    axiom.ingest(events_from(entries(3)))
    assert 15 < sum(clock.waits) <= 20


@pytest.mark.parametrize("status", [429, 430, 503])
def test_a_wait_of_an_hour_is_reported_and_not_waited_for(
    axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock, status: int
) -> None:
    misbehave(sandbox, "status", times=9, status=status, headers={"retry-after": "3600"})
    with pytest.raises(Unavailable, match=rf"HTTP {status}.*asks to wait 3600 s. Run the hour again later"):
        axiom.ingest(events_from(entries(3)))
    assert (sum(clock.waits), posts(sandbox)) == (0, 1)


def test_the_limit_of_the_plan_is_named(axiom: AxiomClient, sandbox: Sandbox) -> None:
    body = json.dumps({"code": 430, "message": "ingest limit exceeded"})
    misbehave(sandbox, "status", times=9, status=430, body=body)
    with pytest.raises(Unavailable, match=r"limit of the organisation's plan .*ingest limit exceeded"):
        axiom.ingest(events_from(entries(3)))


def test_a_batch_that_is_too_large_is_halved(axiom: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "status", times=2, status=413)
    receipt = axiom.ingest(events_from(entries(4)))
    assert (receipt.sent, receipt.sent_again, posts(sandbox)) == (4, 0, 5)
    assert axiom.prove(entries(4)).rows == 4


def test_an_event_that_is_too_large_alone_is_refused(axiom: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "status", times=9, status=413)
    with pytest.raises(Refused, match="HTTP 413"):
        axiom.ingest(events_from(entries(2)))


def test_a_locked_schema_that_drops_fields_is_refused(axiom: AxiomClient, sandbox: Sandbox) -> None:
    messages = [{"priority": "warn", "code": "schema_rules_drop:entry_id", "count": 3, "msg": "dropped"}]
    receipt = {"ingested": 3, "failed": 0, "failures": [], "processedBytes": 9, "messages": messages}
    misbehave(sandbox, "status", status=200, body=json.dumps(receipt))
    with pytest.raises(Refused, match="locked schema and dropped entry_id: unlock"):
        axiom.ingest(events_from(entries(3)))


def test_thirty_days_go_day_by_day_oldest_first(axiom: AxiomClient, sandbox: Sandbox) -> None:
    month = entries(720, at=AT - 30 * DAY, every=HOUR)
    receipt = axiom.ingest(events_from(month.reverse()))
    assert receipt.batches == posts(sandbox) == 31
    proof = axiom.prove(month)
    assert (proof.holds, proof.hours.height, proof.hours["found"].sum()) == (True, 720, 720)


# Proving


def test_a_proof_names_the_hours_with_missing_entries(axiom: AxiomClient, clock: JumpingClock) -> None:
    axiom.ingest(events_from(entries(3)))
    before = len(clock.waits)
    proof = axiom.prove(pl.concat([entries(3), entries(2, at=AT + 2 * HOUR)]))
    assert (proof.holds, proof.missing, proof.unexpected) == (False, 2, 0)
    assert proof.hours.rows() == [(AT, 3, 3, 0), (AT + 2 * HOUR, 2, 0, 0)]
    assert 60 <= sum(clock.waits[before:]) <= 120


def test_a_proof_waits_for_rows_to_show(axiom: AxiomClient, sandbox: Sandbox) -> None:
    sandbox.axiom.behaviour.row_delay = timedelta(seconds=45)
    assert axiom.prove(sent(axiom)).holds


def test_entries_that_nobody_expected_are_counted_in_their_hour(axiom: AxiomClient) -> None:
    sent(axiom, 5)
    proof = axiom.prove(entries(3))
    assert (proof.found, proof.missing, proof.unexpected, proof.rows) == (3, 0, 2, 5)
    assert proof.hours.rows() == [(AT, 3, 3, 2)]


def test_a_result_that_was_cut_in_silence_does_not_prove(axiom: AxiomClient, sandbox: Sandbox) -> None:
    axiom.prove(sent(axiom))
    misbehave(sandbox, "truncated", call="query", times=99, rows=1)
    assert axiom.prove(entries(3)).missing == 2


@given(
    json_values
    | st.fixed_dictionaries({}, optional=dict.fromkeys(("ingested", "failed", "failures", "messages"), json_values))
)
def test_any_json_is_an_outcome_of_an_ingest(body: Any) -> None:
    connection = AxiomConnection(
        token="xaat-t",
        dataset="d",
        org_id=None,
        url="https://api.axiom.co",
        edge=None,
        clock=JumpingClock(),
        limits=AxiomLimits(),
    )
    reply = AxiomReply(200, {}, json.dumps(body).encode())
    outcome = classify_reply(connection, reply, 3, AT)
    connection.close()
    assert outcome.status in (IngestStatus.ACCEPTED, IngestStatus.UNSURE)
