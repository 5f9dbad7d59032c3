"""What a probe contradicted stops the runs that rely on it, and only those."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.defs.steps.first_contact import (
    ContradictedAssumption,
    refuse_contradicted,
    remember_contradictions,
)
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES, FLAGGED, TICKETS
from audit_assets_tests.defs.conftest import NOW
from audit_assets_tests.pipeline import Pipeline, dagster_failure_of, v2_burst

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)


def contradict(store: HourStore, *services: str) -> None:
    found = {f"{each.lower()}-x": {"service": each, "assumed": f"{each} keeps its word"} for each in services}
    remember_contradictions(store, found, set(), NOW)


def test_a_contradiction_of_cloudflare_stops_the_pull(pipeline: Pipeline) -> None:
    contradict(pipeline.store, "Cloudflare")
    failure = dagster_failure_of(pipeline.run(HOUR))
    assert failure == (
        "Cloudflare behaves otherwise than correct hours need it, so this run stops: the probe of 2026-11-22 10:20 UTC "
        "contradicted that Cloudflare keeps its word. Run `audit-assets doctor --probe` again: runs go on once it "
        "finds this confirmed."
    )
    assert pipeline.store.read(ENTRIES, HOUR) is None


def test_a_contradiction_of_axiom_stops_what_follows_the_pull(pipeline: Pipeline) -> None:
    contradict(pipeline.store, "Axiom")
    pipeline.sandbox.cloudflare.add("v2", v2_burst(HOUR, 3))
    assert "Axiom keeps its word" in dagster_failure_of(pipeline.run(HOUR))
    assert pipeline.store.require(ENTRIES, HOUR).height == 3
    assert pipeline.sandbox.shared.call_counts()["axiom", "ingest"] == 0


def test_a_contradiction_of_linear_stops_the_tickets_and_the_digest_and_no_dry_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    contradict(pipeline.store, "Linear")
    pipeline.sandbox.cloudflare.add("v2", v2_burst(HOUR, 3))
    assert "Linear keeps its word" in dagster_failure_of(pipeline.run(HOUR))
    assert pipeline.store.read(FLAGGED, HOUR) is not None
    assert pipeline.store.read(TICKETS, HOUR) is None
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    assert pipeline.run(HOUR).success


def test_only_a_confirmation_takes_a_refusal_away(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    contradict(store, "Cloudflare", "Axiom")
    with pytest.raises(ContradictedAssumption, match=r"Axiom keeps its word\. Run"):
        refuse_contradicted(store, "Axiom")
    with pytest.raises(ContradictedAssumption, match=r"\(and 1 other assumption\)"):
        refuse_contradicted(store, "Cloudflare", "Axiom")
    remember_contradictions(store, {}, {"cloudflare-x"}, NOW)
    refuse_contradicted(store, "Cloudflare", "Linear")
    with pytest.raises(ContradictedAssumption):
        refuse_contradicted(store, "Cloudflare", "Axiom")
    remember_contradictions(store, {}, {"axiom-x"}, NOW)
    refuse_contradicted(store, "Cloudflare", "Axiom", "Linear")


def test_a_store_that_was_never_probed_refuses_nothing(tmp_path: Path) -> None:
    refuse_contradicted(HourStore(str(tmp_path)), "Cloudflare", "Axiom", "Linear")
