"""Datasets of the sandbox's Axiom are listed, made, changed, trimmed and deleted as in v1 and v2."""

import pytest

from audit_assets.sandbox.axiom.service import DATASET, ORG_ID, TOKEN
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


def test_the_settings_lead_to_the_dataset_that_is_there(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    settings = sandbox.axiom.environment(sandbox.url)

    assert settings == {
        "AXIOM_URL": sandbox.url,
        "AXIOM_TOKEN": TOKEN,
        "AXIOM_ORG_ID": ORG_ID,
        "AXIOM_DATASET": DATASET,
    }
    [first] = axiom.http.get("/v1/datasets").json()
    assert set(first) == {"id", "name", "description", "who", "created"}
    assert (first["id"], first["name"]) == (DATASET, DATASET)
    assert axiom.http.get(f"/v1/datasets/{DATASET}").json() == first


def test_v2_tells_the_retention(axiom: AxiomCalls) -> None:
    [first] = axiom.http.get("/v2/datasets").json()

    assert (first["retentionDays"], first["useRetentionPeriod"]) == (95, True)
    assert (first["kind"], first["canWrite"]) == ("axiom:events:v1", True)
    assert axiom.http.get(f"/v2/datasets/{DATASET}").json() == first


def test_a_dataset_lives_from_creation_to_deletion(axiom: AxiomCalls) -> None:
    made = axiom.http.post("/v2/datasets", json={"name": "more", "useRetentionPeriod": True, "retentionDays": 30})
    assert (made.status_code, made.json()["retentionDays"]) == (200, 30)
    assert axiom.http.post("/v1/datasets", json={"name": "more"}).status_code == 409

    axiom.ingest([{"n": 1}], dataset="more")
    axiom.pass_time(seconds=10)
    assert axiom.query_text("more | project n").json()["tables"][0]["columns"] == [[1]]
    assert axiom.rows("| count") == [(0,)], "the other dataset has nothing of it"

    changed = axiom.http.put("/v2/datasets/more", json={"description": "Ours", "retentionDays": 60})
    assert (changed.json()["description"], changed.json()["retentionDays"]) == ("Ours", 60)
    assert axiom.http.delete("/v1/datasets/more").status_code == 204
    assert axiom.http.get("/v1/datasets/more").status_code == 404
    assert axiom.query_text("['more'] | count").status_code == 404

    axiom.http.post("/v1/datasets", json={"name": "more"})
    assert axiom.query_text("more | count").json()["tables"][0]["columns"] == [[0]], "nothing of the old one is left"


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "'] | union ['x", 5, None])
def test_a_name_that_is_none_is_refused(axiom: AxiomCalls, name: object) -> None:
    assert axiom.http.post("/v1/datasets", json={"name": name}).status_code == 400


def test_trim_deletes_what_is_older(axiom: AxiomCalls) -> None:
    axiom.store({"_time": "2020-01-01T00:00:00Z", "n": 1}, {"n": 2})

    assert axiom.http.post(f"/v1/datasets/{DATASET}/trim", json={"maxDuration": "24h0m0s"}).json() == {"numDeleted": 0}
    assert axiom.rows("| project n") == [(2,)]
    axiom.http.post(f"/v1/datasets/{DATASET}/trim", json={"maxDuration": "0s"})
    assert axiom.rows("| count") == [(0,)]


@pytest.mark.parametrize("text", ["", "1 day", "-1h", "all"])
def test_a_trim_that_is_not_understood_deletes_nothing(axiom: AxiomCalls, text: str) -> None:
    axiom.store({"n": 1})

    assert axiom.http.post(f"/v1/datasets/{DATASET}/trim", json={"maxDuration": text}).status_code == 400
    assert axiom.rows("| count") == [(1,)]


def test_calls_are_noted_by_kind(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.ingest([{"n": 1}])
    axiom.query("| count")
    axiom.http.get("/v2/datasets")

    assert sandbox.stage.count() == {("axiom", "ingest"): 1, ("axiom", "query"): 1, ("axiom", "datasets"): 1}
