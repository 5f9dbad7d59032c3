"""The sandbox's dashboards take what Axiom's OpenAPI document has, and refuse the rest."""

from typing import Any

import httpx
import pytest

from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, axiom, door, sandbox

__all__ = ["axiom", "door", "sandbox"]

CHART = {"id": "a", "name": "A", "type": "Table", "query": {"apl": "['cloudflare-audit'] | limit 1"}}
DOCUMENT = {
    "name": "Ours",
    "owner": "X-AXIOM-EVERYONE",
    "charts": [CHART],
    "layout": [{"i": "a", "x": 0, "y": 0, "w": 6, "h": 4}],
    "refreshTime": 60,
    "schemaVersion": 2,
    "timeWindowStart": "qr-now-30d",
    "timeWindowEnd": "qr-now",
}


def write(axiom: AxiomCalls, document: Any, **body: Any) -> httpx.Response:
    return axiom.http.post("/v2/dashboards", json={"uid": "ours", "dashboard": document, **body})


def test_one_is_created_then_updated_only_if_it_may_be_overwritten(axiom: AxiomCalls) -> None:
    created = write(axiom, DOCUMENT)
    assert (created.status_code, created.json()["status"]) == (201, "created")
    assert write(axiom, DOCUMENT).status_code == 409
    updated = write(axiom, {**DOCUMENT, "name": "Theirs"}, overwrite=True)
    assert (updated.status_code, updated.json()["dashboard"]["version"]) == (200, 2)
    shown = axiom.http.get("/v2/dashboards/uid/ours").json()
    assert shown["dashboard"]["name"] == "Theirs"
    assert axiom.http.get("/v2/dashboards/uid/other").status_code == 404


@pytest.mark.parametrize(
    "changed",
    [
        {"extra": 1},
        {"name": ""},
        {"owner": "me"},
        {"refreshTime": 30},
        {"schemaVersion": 1},
        {"timeWindowStart": "now-7d"},
        {"charts": [{**CHART, "dataset": "x"}]},
        {"charts": [{**CHART, "type": "Pie"}]},
        {"charts": [{**CHART, "query": {"mpl": "x"}}]},
        {"charts": [{"id": "a"}]},
        {"layout": [{"i": "a", "x": 12, "y": 0, "w": 6, "h": 4}]},
        {"layout": [{"i": "a", "x": 0, "y": 0, "w": 6, "h": 4, "moved": False}]},
    ],
)
def test_a_document_that_the_schema_does_not_have_is_refused(axiom: AxiomCalls, changed: dict[str, Any]) -> None:
    assert write(axiom, DOCUMENT | changed).status_code == 400


def test_it_needs_a_document_a_uid_and_the_capability(axiom: AxiomCalls) -> None:
    assert axiom.http.post("/v2/dashboards", json={"uid": "ours"}).status_code == 400
    assert write(axiom, DOCUMENT, uid="a/b").status_code == 400
    axiom.sandbox.axiom.behaviour.capabilities.discard("dashboards")
    assert write(axiom, DOCUMENT).status_code == 403
