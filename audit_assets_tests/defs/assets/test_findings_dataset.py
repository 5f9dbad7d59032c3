"""Findings are events in a dataset of their own, once, and no failure of it costs a ticket."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from audit_assets.defs.resources import AxiomResource
from audit_assets.sandbox.axiom.axiom_service import TOKEN
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import Pipeline, check_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
FINDINGS = "audit-findings"

pytestmark = pytest.mark.usefixtures("without_watch_rules")


@pytest.fixture
def lived(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A quiet fortnight and then a burst of deletes; the dataset of findings is set, and not there yet."""
    monkeypatch.setenv("AXIOM_FINDINGS_DATASET", FINDINGS)
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    return pipeline


def create(pipeline: Pipeline) -> None:
    pipeline.sandbox.axiom.store.create(FINDINGS, "", None, pipeline.sandbox.shared.clock.now())


def held(pipeline: Pipeline) -> list[dict[str, object]]:
    """All rows of the dataset, copies included."""
    pipeline.sandbox.shared.clock.advance(timedelta(seconds=30))
    answer = httpx.post(
        f"{pipeline.sandbox.url}/v1/datasets/_apl?format=tabular",
        headers={"authorization": f"Bearer {TOKEN}"},
        json={"apl": f"['{FINDINGS}'] | limit 100"},
    ).json()
    table = answer["tables"][0]
    names = [field["name"] for field in table["fields"]]
    return [dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True)]


def test_a_finding_is_an_event_with_its_ticket_and_a_run_again_sends_it_no_more(lived: Pipeline) -> None:
    create(lived)
    result = lived.run(JUDGED)
    assert result.success
    assert check_of(result, "findings_are_in_axiom").passed
    (event,) = held(lived)
    flagged = lived.summary(JUDGED)["flagged"][0]
    assert event["_time"] == "2026-11-22T09:00:00Z"
    assert (event["actor"], event["severity"]) == (flagged["actor"], flagged["severity"])
    assert (event["ticket"], event["ticket_url"]) == (flagged["ticket"]["identifier"], flagged["ticket"]["url"])
    assert (event["disposition"], event["changes"], event["kinds"]) == ("ticket", 45, "volume, many_deletes")
    assert lived.run(JUDGED).success
    assert len(held(lived)) == 1


def test_a_dataset_that_is_not_there_costs_no_ticket_and_is_made_good(lived: Pipeline) -> None:
    result = lived.run(JUDGED)
    assert result.success
    assert len(lived.tickets()) == 1
    check = check_of(result, "findings_are_in_axiom")
    assert not check.passed
    problem = f"Axiom dataset '{FINDINGS}' not found with this token: create it, or set AXIOM_FINDINGS_DATASET"
    assert f"has findings that are not in their dataset: {problem}" in (check.description or "")
    create(lived)
    again = lived.run(JUDGED)
    assert check_of(again, "findings_are_in_axiom").passed
    assert len(held(lived)) == 1


def test_the_dataset_of_the_entries_is_never_that_of_findings(lived: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIOM_FINDINGS_DATASET", "cloudflare-audit")
    result = lived.run(JUDGED)
    assert result.success
    assert "is the dataset of the entries" in (check_of(result, "findings_are_in_axiom").description or "")
    with closing(AxiomResource(lived.clock).client()) as client:
        assert len(client.entry_ids(JUDGED, JUDGED + timedelta(hours=1))) == 45


def test_a_dry_run_sends_nothing(lived: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    create(lived)
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    assert lived.run(JUDGED).success
    assert held(lived) == []
