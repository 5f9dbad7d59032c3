"""A run loads what its assets share once, and its policy is that of its start."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit_assets.config import policy
from audit_assets.config.policy import Tables
from audit_assets.defs.resources import AxiomResource, RunInputsResource
from audit_assets.defs.steps import run_inputs
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets_tests.pipeline import HOUR, Pipeline, problems_of, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOST_READS = 4
"""Of an hour's file: to grow it, to send its raw entries, to match them against the watch rules, which need raw entries
too, and for everything else."""


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts how often the content of an hour of entries is read, and a policy parsed."""
    calls: Counter[str] = Counter()
    scan, tables = HourStore.scan, policy._valid

    def counted_scan(store: HourStore, table: str, hour: datetime | None) -> Any:
        calls["content"] += (table, hour) == (ENTRIES, JUDGED)
        calls["before"] += table == ENTRIES and hour == JUDGED - HOUR
        return scan(store, table, hour)

    def counted_tables(found: dict[str, Any], path: str) -> Tables:
        calls["policy"] += 1
        return tables(found, path)

    with monkeypatch.context() as patched:
        patched.setattr(HourStore, "scan", counted_scan)
        patched.setattr(policy, "_valid", counted_tables)
        yield calls


def test_an_hour_that_is_run_again_reads_its_entries_four_times_and_the_policy_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    assert not problems_of(pipeline.run(JUDGED, open_tickets="always", flags={"preset": "plain"}))
    with counted(monkeypatch) as calls:
        assert not problems_of(pipeline.run(JUDGED, open_tickets="always", flags={"preset": "plain"}))
    assert calls["content"] <= MOST_READS
    assert calls["before"] <= 1, "for the watch rules that count"
    assert calls["policy"] == 1


def test_hours_beyond_what_is_kept_are_read_again_and_come_to_the_same(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (JUDGED - HOUR, JUDGED):
        pipeline.sandbox.cloudflare.add("v2", v2_burst(hour, 20))
    assert not problems_of(pipeline.run(JUDGED - HOUR, JUDGED))
    kept = pipeline.summary(JUDGED)
    monkeypatch.setattr(run_inputs, "MOST_ROWS", 25)
    inputs = run_inputs.load_run_inputs("a" * 32, pipeline.store)
    first, second = inputs.entries_of(JUDGED - HOUR), inputs.entries_of(JUDGED)
    assert inputs.entries_of(JUDGED - HOUR) is first
    assert inputs.entries_of(JUDGED) is not second
    assert not problems_of(pipeline.run(JUDGED - HOUR, JUDGED))
    assert pipeline.summary(JUDGED)["entries"] == kept["entries"]


def test_the_entries_that_are_kept_have_all_columns_that_tickets_need(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", [v2_entry(JUDGED, actor="bob@example.com"), v2_entry(JUDGED + HOUR / 2)])
    assert not problems_of(pipeline.run(JUDGED))
    inputs = RunInputsResource().of_run("a run")
    loaded = inputs.entries_of(JUDGED)
    changes = inputs.changes_of(JUDGED, loaded.actors["actor_key"]).collect()
    assert changes["time"].to_list() == [JUDGED, JUDGED + HOUR / 2]
    assert "raw" not in {*loaded.entries.columns, *changes.columns}
    assert set(loaded.actors["actor"]) == {"bob@example.com", "alice@example.com"}
    assert loaded.entries["time"].to_list() == [JUDGED, JUDGED + HOUR / 2]


def test_a_policy_that_is_edited_during_a_run_is_the_next_run_s(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("")
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(file))
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 5))
    edited, with_tables = 'counted.without_actions = ["create"]', AxiomResource.with_tables

    def edit_then_go_on(resource: AxiomResource, tables: Tables) -> AxiomResource:
        file.write_text(edited)
        return with_tables(resource, tables)

    with monkeypatch.context() as patched:
        patched.setattr(AxiomResource, "with_tables", edit_then_go_on)
        assert not problems_of(pipeline.run(JUDGED))
    assert file.read_text() == edited
    assert pipeline.summary(JUDGED)["entries"]["changes"] == 5
    assert not problems_of(pipeline.run(JUDGED))
    assert pipeline.summary(JUDGED)["entries"]["changes"] == 0
