"""The datasets of the sandbox's Axiom, as v2 lists them."""

from pathlib import Path

import pytest

from audit_assets.sandbox.axiom.axiom_service import DATASET, ORG_ID, TOKEN
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


def test_the_environment_names_the_existing_dataset(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    settings = sandbox.axiom.environment(sandbox.url)

    assert settings == {
        "AXIOM_URL": sandbox.url,
        "AXIOM_TOKEN": TOKEN,
        "AXIOM_ORG_ID": ORG_ID,
        "AXIOM_DATASET": DATASET,
    }
    [only] = axiom.http.get("/v2/datasets").json()
    assert (only["id"], only["name"]) == (DATASET, DATASET)


def test_the_list_of_datasets_shows_the_retention(axiom: AxiomCalls) -> None:
    [first] = axiom.http.get("/v2/datasets").json()

    assert (first["retentionDays"], first["useRetentionPeriod"]) == (95, True)
    assert (first["kind"], first["canWrite"]) == ("axiom:events:v1", True)


def test_a_dataset_holds_nothing_of_another_one(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    sandbox.axiom.store.create("more", "", None, sandbox.shared.clock.now())
    axiom.ingest([{"n": 1}], dataset="more")
    axiom.pass_time(seconds=10)

    assert axiom.query_text("['more'] | distinct n").json()["tables"][0]["columns"] == [[1]]
    assert axiom.count() == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/datasets"),
        ("PUT", f"/v2/datasets/{DATASET}"),
        ("DELETE", f"/v2/datasets/{DATASET}"),
        ("POST", f"/v1/datasets/{DATASET}/trim"),
    ],
)
def test_datasets_cannot_be_changed(axiom: AxiomCalls, method: str, path: str) -> None:
    assert axiom.http.request(method, path, json={"name": "more"}).status_code in (404, 405)


def test_calls_are_recorded_by_kind(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.ingest([{"n": 1}])
    axiom.query("| summarize n = count()")
    axiom.http.get("/v2/datasets")

    assert sandbox.shared.call_counts() == {("axiom", "ingest"): 1, ("axiom", "query"): 1, ("axiom", "datasets"): 1}


def test_the_database_itself_reads_no_file(axiom: AxiomCalls, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    database = axiom.sandbox.axiom.store._database

    for statement in (
        f"FROM read_csv('{secret}')",
        f"FROM '{secret}'",
        f"ATTACH '{tmp_path / 'x.duckdb'}'",
        f"COPY datasets TO '{tmp_path / 'out.csv'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(Exception, match=r"(?i)disabled|locked|cannot"):
            database.cursor().execute(statement)
