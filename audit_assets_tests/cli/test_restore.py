"""A store that was lost, in whole or in part, is reported by its hours, and one command brings it back."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.cli.restore_command import restore_lost
from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.automation.lost_hours import describe_lost, find_lost
from audit_assets.defs.checks.every_hour_is_done import evaluate, has_found_lost
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage import tables
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import hours_between
from audit_assets_tests.cli.doctor_world import DagsterRecord, without_settings
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.defs.conftest import pipeline as pipeline  # noqa: PLC0414 - a fixture
from audit_assets_tests.defs.conftest import sandbox as sandbox  # noqa: PLC0414 - a fixture
from audit_assets_tests.defs.keys import SUMMARIES
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, environment_of, problems_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOURS = hours_between(JUDGED - HOUR * 2, JUDGED)
OLD = JUDGED - DAY * 3

OTHERWISE = {"outcome", "raised", "refused"}
"""The columns that a found ticket has otherwise than one that was opened."""


@pytest.fixture
def remembered() -> list[pl.DataFrame | None]:
    """What the tests' past has in `axiom_record`: no run has pulled it, so that Dagster's record can't have it."""
    return []


@pytest.fixture
def judged(pipeline: Pipeline, remembered: list[pl.DataFrame | None]) -> Pipeline:
    """Three judged hours, the last with a ticket that people completed, and one that was loaded only."""
    past = a_quiet_fortnight()
    pipeline.remember(past)
    remembered.append(pipeline.store.read(tables.AXIOM_RECORD, None))
    cloudflare = pipeline.sandbox.cloudflare
    cloudflare.add("v2", past)
    cloudflare.add("v2", v2_burst(OLD + HOUR, 4) + v2_burst(HOURS[0], 4) + v2_burst(JUDGED, 45, action="delete"))
    assert not problems_of(pipeline.run(OLD + HOUR, job="history"))
    assert not problems_of(pipeline.run(HOURS[0], HOURS[1]))
    assert not problems_of(pipeline.run(JUDGED))
    assert len(pipeline.tickets()) == 1
    assert pipeline.read_verdicts().success
    return pipeline


def problem_of(pipeline: Pipeline) -> str | None:
    """What the check `every_hour_is_done` has of the store."""
    now = pipeline.clock.now()
    lost = describe_lost(find_lost(pipeline.instance, pipeline.store, now))
    found = evaluate(pipeline.instance, plan_requests(pipeline.instance, now), now, lost)
    assert not found.passed
    pipeline.instance.report_runless_asset_event(found)
    assert has_found_lost(pipeline.instance) == bool(lost)
    return next((each for each in (found.description or "").split("; ") if "store lacks" in each), None)


def contents(store: HourStore) -> dict[tuple[str, datetime | None], Any]:
    """All that is stored of the hours, without what is otherwise after a second pull."""
    found: dict[tuple[str, datetime | None], Any] = {}
    by_hour = (tables.ENTRIES, tables.QUARANTINE, tables.ACTIVITY, tables.BASELINES, tables.TOUCHED, tables.ASSESSED)
    for table in (*by_hour, tables.ORIGINS, tables.NAMES, tables.FLAGGED, tables.TICKETS):
        for hour in (OLD + HOUR, *HOURS):
            frame = store.read(table, hour)
            found[table, hour] = None if frame is None else rows(frame.drop(OTHERWISE, strict=False))
    for table in (tables.PRIORS, tables.NEWCOMERS, tables.TOUCHED_BY, tables.ORIGINS_BEFORE, tables.SCORES_BEFORE):
        found[table, None] = rows(store.require(table, JUDGED.replace(hour=0)))
    verdicts = store.read(tables.VERDICTS, None)
    found[tables.VERDICTS, None] = None if verdicts is None else rows(verdicts.drop("seen_at"))
    return found


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """In an order of their own: what Axiom groups comes in any."""
    return sorted(frame.to_dicts(), key=str)


def restored(pipeline: Pipeline) -> list[str]:
    return [*restore_lost(pipeline.instance, pipeline.resources, pipeline.clock.now())]


def test_a_store_that_was_lost_comes_back_as_it_was(
    judged: Pipeline, tmp_path: Path, remembered: list[pl.DataFrame]
) -> None:
    before, root, tickets = contents(judged.store), tmp_path / "hours", judged.tickets()
    assert problem_of(judged) is None
    shutil.rmtree(root)
    sentence = problem_of(judged)
    assert sentence is not None
    assert "of 4 hours, the first 2026-11-19-10:00, the last 2026-11-22-09:00: `audit-assets restore`" in sentence
    judged.store.write(tables.AXIOM_RECORD, None, remembered[0])
    assert restored(judged) == []
    assert contents(judged.store) == before
    assert judged.tickets() == tickets, "nothing was opened or written"
    assert problem_of(judged) is None
    for lost in (root / tables.BASELINES, root / tables.ENTRIES / "2026-11-22"):
        shutil.rmtree(lost)
        sentence = problem_of(judged)
        assert sentence is not None
        assert lost.relative_to(root).parts[0] in sentence
        assert restored(judged) == []
        assert problem_of(judged) is None
    assert contents(judged.store) == before
    assert judged.tickets() == tickets


def test_what_hours_of_an_earlier_version_never_had_is_not_lost(judged: Pipeline) -> None:
    root = Path(str(judged.store.root))
    for later in (tables.ADDRESSES, tables.NAMES_BEFORE, tables.PAST_BEFORE, tables.HISTORY_BEFORE):
        shutil.rmtree(root / later)
    assert problem_of(judged) is None
    assert judged.run(JUDGED).success


def test_the_command_restores_an_hour_and_then_finds_nothing_lost(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_settings(monkeypatch, tmp_path)
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    sandbox.shared.clock.advance(datetime.now(UTC) - sandbox.shared.clock.now())
    hour = newest_due_hour(datetime.now(UTC))
    record = DagsterRecord()
    record.done([hour], [SUMMARIES])
    record.instance.dispose()
    shutil.rmtree(tmp_path / "hours")
    result = CliRunner().invoke(app, ["restore"])
    assert (result.exit_code, "Restored: 1 of 1 hour." in " ".join(result.output.split())) == (0, True), result.output
    assert HourStore(str(tmp_path / "hours")).read_json(tables.SUMMARY, hour)["entries"]["pulled"] == 0
    result = CliRunner().invoke(app, ["restore"])
    assert (result.exit_code, "has what Dagster's record has as done" in " ".join(result.output.split())) == (0, True)
