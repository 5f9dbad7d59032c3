"""The sandbox's Axiom over HTTP: tokens, headers, limits, and many clients at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from audit_assets.sandbox.axiom.axiom_service import DATASET, TOKEN
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, connected

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


EVENT = {"_time": "2026-11-20T10:00:00Z", "entry_id": "e1", "status": 200}


@pytest.mark.parametrize(
    "token", [None, "Bearer xaat-other", f"Basic {TOKEN}", f"bearer{TOKEN}"], ids=["none", "other", "basic", "no space"]
)
def test_a_wrong_token_is_unauthorized(axiom: AxiomCalls, token: str | None) -> None:
    axiom.http.headers["authorization"] = token or ""

    for response in (axiom.ingest([EVENT]), axiom.query("| summarize n = count()"), axiom.http.get("/v2/datasets")):
        assert (response.status_code, response.json()) == (401, {"code": 401, "message": "Unauthorized"})


def test_a_token_without_a_capability_is_forbidden(axiom: AxiomCalls) -> None:
    behaviour = axiom.sandbox.axiom.behaviour

    behaviour.capabilities = {"query"}
    assert axiom.ingest([EVENT]).json() == {"code": 403, "message": "Forbidden"}
    assert axiom.query("| summarize n = count()").status_code == 200
    behaviour.capabilities = {"ingest"}
    assert axiom.query("| summarize n = count()").status_code == 403
    assert axiom.http.get("/v2/datasets").status_code == 200, "listing needs no capability"
    assert axiom.http.get(f"/v2/datasets/{DATASET}/fields").status_code == 403


def test_a_dataset_that_does_not_exist_is_not_found(axiom: AxiomCalls) -> None:
    response = axiom.ingest([EVENT], dataset="other")

    assert (response.status_code, response.json()["code"]) == (404, 404)


def test_events_survive_a_restart(axiom: AxiomCalls) -> None:
    axiom.store(EVENT)
    axiom.sandbox.axiom.close()

    with serve_sandbox(Sandbox(axiom.sandbox.shared.data_dir)) as again, connected(again) as calls:
        calls.pass_time(seconds=20)
        assert calls.rows("", "entry_id", "status") == [("e1", 200)]
        assert calls.ingest([EVENT]).json()["walLength"] == 2


def test_every_answer_has_the_documented_headers(axiom: AxiomCalls) -> None:
    ingested, queried = axiom.ingest([EVENT]), axiom.query("| summarize n = count()")

    for response in (ingested, queried):
        assert response.headers["x-ratelimit-scope"] == "organization"
        assert int(response.headers["x-ratelimit-remaining"]) < int(response.headers["x-ratelimit-limit"])
        assert int(response.headers["x-ratelimit-reset"]) > axiom.sandbox.shared.clock.now().timestamp()
        assert response.headers["x-axiom-trace-id"]
    assert ingested.headers["x-ingestlimit-remaining"]
    assert queried.headers["x-querylimit-remaining"]
    assert queried.headers["x-axiom-history-query-id"]
    assert queried.headers["x-axiom-query-cost-gbms"]


def test_too_many_requests_in_a_minute_are_refused_until_the_next(axiom: AxiomCalls) -> None:
    axiom.sandbox.axiom.behaviour.requests_per_minute = 2
    axiom.pass_time(seconds=60 - axiom.sandbox.shared.clock.now().timestamp() % 60)  # all within one minute

    statuses = [axiom.http.get("/v2/datasets").status_code for _ in range(3)]
    axiom.pass_time(seconds=60)

    assert statuses == [200, 200, 429]
    assert axiom.http.get("/v2/datasets").status_code == 200


def test_many_writers_and_readers_lose_nothing(axiom: AxiomCalls) -> None:
    def write(writer: int) -> None:
        for batch in range(5):
            receipt = axiom.ingest([{"writer": writer, f"field_{writer}_{batch}": n} for n in range(50)])
            assert receipt.json()["ingested"] == 50, receipt.text
            assert axiom.query("| summarize n = count()").status_code == 200

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))

    axiom.pass_time(seconds=10)
    assert axiom.rows("| summarize n = count() by writer | sort by writer asc") == [(n, 250) for n in range(6)]
