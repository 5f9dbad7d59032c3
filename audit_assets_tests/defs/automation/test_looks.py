"""What a look at the hours reads: each event once a process, and of one database only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sql
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.automation.superseded_runs import events_of
from audit_assets.defs.materialized_hours import READ_ALWAYS
from audit_assets.defs.steps.history_coverage import HOURS_IN_WINDOW, count_hours_present
from audit_assets.storage.hours import AN_HOUR, hours_between
from audit_assets_tests.defs.automation.test_sensors import done, materialised
from audit_assets_tests.defs.keys import LAST_ASSETS, PULLED, SUMMARIES

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
NEWEST = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOURS = hours_between(NEWEST - AN_HOUR * 59, NEWEST)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", f"{HOURS[0]:%Y-%m-%d-%H:%M}")
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each look into Dagster's record has read."""
    counts: list[int] = []

    def counting(name: str) -> None:
        fetch = getattr(dg.DagsterInstance, name)

        def counted(instance: dg.DagsterInstance, *arguments: Any, **options: Any) -> dg.EventRecordsResult:
            result = fetch(instance, *arguments, **options)
            counts.append(len(result.records))
            return result

        monkeypatch.setattr(dg.DagsterInstance, name, counted)

    for name in ("fetch_materializations", "fetch_observations"):
        counting(name)
    return counts


def test_a_second_look_reads_only_what_is_new_and_plans_by_it(instance: dg.DagsterInstance, fetched: list[int]) -> None:
    done(instance, *HOURS)
    assert plan_requests(instance, NOW).requests == ()
    assert sum(fetched) == len(LAST_ASSETS) * len(HOURS)
    fetched.clear()
    assert plan_requests(instance, NOW).requests == ()
    assert sum(fetched) == len(LAST_ASSETS) * READ_ALWAYS < len(LAST_ASSETS) * len(HOURS)
    fetched.clear()

    for asset in LAST_ASSETS:  # it was pulled so early that all pulls are due again
        materialised(instance, asset, HOURS[0], timedelta(minutes=16))
    (due,) = plan_requests(instance, NOW).due
    assert (due, sum(fetched)) == (HOURS[0], len(LAST_ASSETS) * READ_ALWAYS)
    fetched.clear()
    observed = {"pull_began": dg.MetadataValue.timestamp(NOW)}
    instance.report_runless_asset_event(dg.AssetObservation(PULLED, partition="2026-11-22-00:00", metadata=observed))
    plan_requests(instance, NOW)
    assert sum(fetched) == len(LAST_ASSETS) * READ_ALWAYS + 1


def test_events_that_got_the_ids_of_deleted_ones_are_read(instance: dg.DagsterInstance) -> None:
    """SQLite gives the ids of the newest events to others once these are deleted."""
    for asset in reversed(LAST_ASSETS):
        for hour in HOURS:
            materialised(instance, asset, hour, timedelta(days=5))
    assert plan_requests(instance, NOW).due == ()
    before = ids_of(instance, LAST_ASSETS[0])
    with events_of(instance).index_connection() as connection:  # as when their runs are deleted
        connection.execute(sql.delete(Events).where(Events.c.id.in_(before)))
    for hour in HOURS:
        materialised(instance, LAST_ASSETS[0], hour, timedelta(minutes=16))
    assert ids_of(instance, LAST_ASSETS[0]) == before
    assert NEWEST - AN_HOUR * 5 in plan_requests(instance, NOW).due


def ids_of(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[int]:
    """The ids of what an asset has materialised."""
    found = instance.fetch_materializations(asset, limit=len(HOURS))
    return {record.storage_id for record in found.records}


def test_an_hour_whose_materialisation_is_gone_is_missing_at_the_next_look(instance: dg.DagsterInstance) -> None:
    done(instance, *HOURS)
    assert plan_requests(instance, NOW).missing == ()
    instance.wipe_assets([SUMMARIES])
    assert plan_requests(instance, NOW).missing == tuple(HOURS)


def test_events_of_one_database_are_not_taken_for_those_of_another(instance: dg.DagsterInstance) -> None:
    done(instance, *HOURS)
    assert plan_requests(instance, NOW).due == ()
    with dg.DagsterInstance.ephemeral() as other:  # the same assets, hours and ids
        done(other, *HOURS, began=timedelta(minutes=16))
        assert set(plan_requests(other, NOW).due) == {hour for hour in HOURS if NOW - hour > timedelta(hours=2)}


def test_the_hours_that_are_there_are_those_of_the_thirty_days_before() -> None:
    rng = Random(7)  # noqa: S311 - no secret depends on it
    all_hours = hours_between(NEWEST - AN_HOUR * 1_500, NEWEST + AN_HOUR * 20)
    for share in (0.0, 0.1, 0.5, 1.0):
        present = [hour for hour in all_hours if rng.random() < share]
        for hour in (*rng.sample(all_hours, 20), all_hours[0], all_hours[-1]):
            wanted = sum(hour - AN_HOUR * back in present for back in range(1, HOURS_IN_WINDOW + 1))
            assert count_hours_present(present, hour) == wanted
