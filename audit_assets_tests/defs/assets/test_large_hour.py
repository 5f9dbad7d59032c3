"""An hour that is too large to stand in memory as a whole is an hour like any other."""

from datetime import UTC, datetime

import pytest

from audit_assets.sandbox.cloudflare.audit_log import AuditLog
from audit_assets_tests.pipeline import Pipeline, problems_of, v1_entry, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows at a time in place of thousands."""
    monkeypatch.setattr("audit_assets.cloudflare.compressed_hours.BLOCK_ROWS", 10)
    monkeypatch.setattr("audit_assets.storage.hour_store.ROWS_AT_ONCE", 10)
    monkeypatch.setattr("audit_assets.defs.steps.axiom_events.ROWS_AT_ONCE", 10)


def test_a_large_hour_is_filed_sent_and_summed_up_whole(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    pipeline.sandbox.cloudflare.add("v1", [v1_entry(JUDGED, number=number) for number in range(12)])
    assert not problems_of(pipeline.run(JUDGED))
    assert pipeline.sandbox.shared.call_counts()["axiom", "ingest"] == 6 + 1, "and the aggregate of the hour"
    stored = pipeline.store.require("raw_audit_entries", JUDGED)
    assert stored["entry_id"].n_unique() == stored.height == 57
    assert pipeline.summary(JUDGED)["entries"]["by_stream"] == {"v1": 12, "v2": 45}


def test_a_large_hour_that_is_pulled_again_keeps_what_is_no_longer_listed(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v1", [v1_entry(JUDGED, number=number) for number in range(25)])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 25))
    assert not problems_of(pipeline.run(JUDGED))
    first = pipeline.store.require("raw_audit_entries", JUDGED)
    pipeline.sandbox.cloudflare.logs["v1"] = AuditLog("v1")
    assert not problems_of(pipeline.run(JUDGED))
    again = pipeline.store.require("raw_audit_entries", JUDGED)
    assert again.sort("entry_id").equals(first.sort("entry_id"))
