"""The first hour that exists: 31 days before the first start, and never another one afterwards."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_assets.config.errors import SettingError, StoreError
from audit_assets.defs.automation.ledger import LOOKED_BACK
from audit_assets.storage import first_start
from audit_assets.storage.first_start import (
    FILLED_AT_FIRST,
    first_hour,
    first_started,
    keep_first_hour,
    move_first_hour_back,
    remember_first_hour,
)
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES, FIRST_START

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
NEWEST = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRST = datetime(2026, 10, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["folder", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "hours") if request.param == "folder" else f"memory://{tmp_path.name}/hours"


@pytest.fixture
def store(root: str, monkeypatch: pytest.MonkeyPatch) -> HourStore:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", root)
    monkeypatch.delenv("AUDIT_ASSETS_FIRST_HOUR")
    return HourStore(root)


def test_it_is_31_days_before_the_first_start_and_never_moves(store: HourStore) -> None:
    assert keep_first_hour(store, NOW) == FIRST == NEWEST - timedelta(days=31)
    assert keep_first_hour(HourStore(str(store.root)), NOW + timedelta(days=400)) == FIRST
    assert first_hour() == remember_first_hour() == FIRST


def test_it_moves_back_alone_where_a_store_was_lost_with_what_it_remembered(store: HourStore) -> None:
    keep_first_hour(store, NOW + timedelta(days=400))  # as a code server does at once in an empty store
    move_first_hour_back(store, FIRST, NOW)
    assert first_hour() == FIRST
    assert first_started(store) == NOW + timedelta(days=400)
    move_first_hour_back(store, FIRST + HOUR, NOW)
    assert first_hour() == FIRST


def test_the_hours_that_exist_at_first_are_those_that_the_sensor_requests() -> None:
    assert FILLED_AT_FIRST == LOOKED_BACK


def test_only_a_start_is_remembered(store: HourStore) -> None:
    before = datetime.now(UTC)
    assert before - FILLED_AT_FIRST - HOUR * 3 < first_hour() < before - FILLED_AT_FIRST
    assert store.read_json(FIRST_START, None) is None
    started = remember_first_hour()
    assert store.read_json(FIRST_START, None)["first_hour"] == f"{started:%Y-%m-%d-%H:%M}"


def test_where_older_hours_are_stored_none_of_them_is_lost(store: HourStore) -> None:
    oldest = datetime(2026, 3, 12, 7, tzinfo=UTC)
    for hour in (oldest + HOUR * 9, oldest, NEWEST):
        store.write(ENTRIES, hour, pl.DataFrame({"entry_id": ["a"]}))
    assert keep_first_hour(store, NOW) == oldest


def test_where_few_hours_are_stored_the_days_before_them_exist_as_well(store: HourStore) -> None:
    store.write(ENTRIES, NEWEST, pl.DataFrame({"entry_id": ["a"]}))
    assert keep_first_hour(store, NOW) == FIRST


def test_what_is_set_counts_and_is_not_remembered(store: HourStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "2026-11-01-05:00")
    assert first_hour() == remember_first_hour() == datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert store.read_json(FIRST_START, None) is None
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "yesterday")
    with pytest.raises(SettingError):
        first_hour()


@pytest.mark.parametrize("content", [{"first_hour": "yesterday"}, {}, [], "2026-11-01-05:00"])
def test_what_is_remembered_and_can_not_be_understood_is_one_sentence(store: HourStore, content: object) -> None:
    store.write_json(FIRST_START, None, content)
    with pytest.raises(
        StoreError, match=r"first_start\.json names no first hour: correct it, or set AUDIT_ASSETS_FIRST"
    ):
        first_hour()


def test_of_two_first_starts_at_once_both_have_the_same(store: HourStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has found nothing, and an hour passes between the two."""
    both_looked = threading.Barrier(2)
    choose = first_start._choose

    def choose_together(of: HourStore, now: datetime) -> datetime:
        both_looked.wait(timeout=60)
        return choose(of, now)

    monkeypatch.setattr(first_start, "_choose", choose_together)
    found: list[datetime] = []

    def start(now: datetime) -> None:
        found.append(keep_first_hour(HourStore(str(store.root)), now))

    starts = [threading.Thread(target=start, args=(NOW + HOUR * later,)) for later in (0, 1)]
    for each in starts:
        each.start()
    for each in starts:
        each.join()
    assert len(found) == 2
    assert {*found} in ({FIRST}, {FIRST + HOUR})
    assert first_hour() == found[0]


def test_a_file_system_without_hard_links_keeps_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("audit_assets.storage.durable_files.os.link", refuse)
    store = HourStore(str(tmp_path))
    assert keep_first_hour(store, NOW) == keep_first_hour(store, NOW + HOUR) == FIRST
    assert [path.name for path in tmp_path.iterdir()] == ["first_start.json"]
