"""When verdicts are read by a run: once they are new, and never twice at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from audit_assets.defs.automation import sensors
from audit_assets.defs.automation.sensors import new_verdicts
from audit_assets.defs.automation.verdict_planner import Cursor, plan_verdict_run
from audit_assets.defs.build import build_defs
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import LinearResource, StorageResource
from audit_assets_tests.defs.automation.test_sensors import NEWEST, StoppedClock

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_known_verdicts_request_nothing_and_what_was_read_is_remembered() -> None:
    assert plan_verdict_run(None, 7, Cursor(3, "a", NOW.isoformat()), NOW) == (Cursor(7), None)


def test_new_verdicts_are_requested_once_and_again_after_an_hour() -> None:
    first, key = plan_verdict_run("a" * 64, 7, Cursor(3), NOW)
    assert key == f"{'a' * 16}/2026-11-22T10:20:00+00:00"
    assert first.read_until == 3, "what was read counts only once it is kept"
    assert plan_verdict_run("a" * 64, 8, first, NOW + HOUR / 2) == (first, None)
    _, again = plan_verdict_run("a" * 64, 8, first, NOW + HOUR)
    assert again == f"{'a' * 16}/2026-11-22T11:20:00+00:00"
    _, other = plan_verdict_run("b" * 64, 8, first, NOW + HOUR / 2)
    assert other == f"{'b' * 16}/2026-11-22T10:50:00+00:00"


def test_verdicts_that_were_new_before_are_requested_again() -> None:
    """Given, taken back and given again: a run key is never run again."""
    first, key = plan_verdict_run("a" * 64, 1, Cursor(), NOW)
    known, _ = plan_verdict_run(None, 1, first, NOW + HOUR / 2)
    _, again = plan_verdict_run("a" * 64, 1, known, NOW + HOUR)
    assert again not in (None, key)


def test_a_cursor_is_read_back_and_another_versions_is_forgotten() -> None:
    cursor = Cursor(3, "a", NOW.isoformat())
    assert Cursor.of(cursor.text) == cursor
    assert Cursor.of(None) == Cursor.of('{"version": 0, "watermark": 1}') == Cursor()


def tick(instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, definitions=build_defs())
    made = new_verdicts(context, linear=LinearResource(StoppedClock()), storage=StorageResource(StoppedClock()))
    assert isinstance(made, dg.SensorResult | dg.SkipReason)
    return made


def test_a_run_that_is_under_way_is_waited_for(instance: dg.DagsterInstance) -> None:
    instance.create_run_for_job(build_defs().resolve_job_def("verdicts"), status=dg.DagsterRunStatus.STARTED)
    made = tick(instance)
    assert isinstance(made, dg.SkipReason)
    assert made.skip_message == "A run that reads the verdicts is in progress."


def test_many_unread_hours_are_left_to_a_run(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path))
    monkeypatch.setattr(sensors, "MOST_HOURS", 2)
    for back in range(3):
        instance.report_runless_asset_event(
            dg.AssetMaterialization("opened_tickets", partition=key_of(NEWEST - HOUR * back))
        )
    made = tick(instance)
    assert isinstance(made, dg.SensorResult), "without a key to Linear: nothing was read there"
    assert len(made.run_requests or []) == 1
