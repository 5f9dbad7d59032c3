"""Where tables lie in an object store: groups, copies of a day, and what earlier versions or a copy left elsewhere."""

import gc
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import polars as pl
import pytest

from audit_assets.config.errors import StoreError
from audit_assets.storage import hour_groups, run_cache, table_files
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.run_cache import RunCache, cache_of_run
from audit_assets.storage.tables import ACTIVITY, BASELINES, DELIVERIES, ENTRIES, FLAGGED, SUMMARY, TICKETS
from audit_assets_tests.storage.counting_s3 import CountingS3, counting_s3, use

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)
NEXT = HOUR + timedelta(hours=1)
FRAME = pl.DataFrame({"actor_key": ["anne", "bert"], "changes": [3, 4]})
OTHER = pl.DataFrame({"actor_key": ["carl"], "changes": [5]})


@pytest.fixture(scope="module")
def s3() -> Iterator[CountingS3]:
    with counting_s3() as server:
        yield server


@pytest.fixture
def root(s3: CountingS3, monkeypatch: pytest.MonkeyPatch) -> str:
    return f"s3://{use(s3, monkeypatch)}/team"


def test_what_an_earlier_version_stored_is_read_and_then_replaced(root: str, tmp_path: Path) -> None:
    local, fs = HourStore(str(tmp_path)), fsspec.filesystem("s3")
    for hour in (HOUR, NEXT):
        local.write(FLAGGED, hour, FRAME, {"pulls": 2})
        local.write_json(SUMMARY, hour, {"version": 2})
    for file in (file for file in tmp_path.rglob("*") if file.is_file()):
        fs.pipe_file(f"{root}/{file.relative_to(tmp_path)}", file.read_bytes())
    for store in (HourStore(root), HourStore(root, RunCache())):
        assert store.require(FLAGGED, HOUR).equals(FRAME)
        assert (store.metadata(FLAGGED, HOUR), store.read_json(SUMMARY, HOUR)) == ({"pulls": 2}, {"version": 2})
        assert (store.newest(SUMMARY), store.oldest(FLAGGED)) == (NEXT, HOUR)
    HourStore(root, RunCache()).write(FLAGGED, HOUR, OTHER)
    store = HourStore(root)
    assert [store.require(FLAGGED, hour).equals(OTHER) for hour in (HOUR, NEXT)] == [True, False]
    assert store.read_json(SUMMARY, HOUR) == {"version": 2}
    later = NEXT + timedelta(days=1)
    store.write(FLAGGED, later, OTHER)
    assert store.newest(FLAGGED) == later
    assert store.hours_of([FLAGGED, SUMMARY], HOUR, later) == {FLAGGED: {HOUR, NEXT, later}, SUMMARY: {HOUR, NEXT}}
    assert store.delete_before(later) == 5
    assert store.hours_of([FLAGGED, SUMMARY], HOUR, later) == {FLAGGED: {later}, SUMMARY: set()}


def test_tables_that_are_written_together_are_one_object_or_none(root: str, s3: CountingS3) -> None:
    store = HourStore(root)
    store.write(ACTIVITY, HOUR, FRAME)
    s3.calls.clear()
    with store.together():
        store.write(ACTIVITY, HOUR, OTHER)
        store.write(BASELINES, HOUR, FRAME)
        assert store.require(BASELINES, HOUR).equals(FRAME)
        assert s3.by_kind()["PUT"] == 0
    assert s3.by_kind()["PUT"] == 1
    with suppress(StoreError), store.together():
        store.write(ACTIVITY, HOUR, FRAME)
        store.require(TICKETS, HOUR)
    fresh = HourStore(root)
    assert fresh.require(ACTIVITY, HOUR).equals(OTHER)
    assert fresh.require(BASELINES, HOUR).equals(FRAME)
    assert fresh.read(TICKETS, HOUR) is None


def test_a_run_neither_sees_what_another_wrote_meanwhile_nor_hides_it(root: str) -> None:
    first, second = HourStore(root, RunCache()), HourStore(root, RunCache())
    first.write(FLAGGED, HOUR, FRAME)
    second.write_json(SUMMARY, HOUR, {"version": 1})
    assert first.read_json(SUMMARY, HOUR) is None, "a run sees the store as when it began with the day"
    second.write(FLAGGED, NEXT, OTHER)
    second.pack_days([HOUR])
    first.pack_days([HOUR])
    HourStore(root).write_json(SUMMARY, HOUR, {"version": 2})  # after the copies were made
    for store in (HourStore(root, RunCache()), HourStore(root)):
        assert store.read_json(SUMMARY, HOUR) == {"version": 2}
        assert store.require(FLAGGED, HOUR).equals(FRAME)
        assert store.require(FLAGGED, NEXT).equals(OTHER)


def test_a_copy_is_never_of_a_version_that_another_run_has_overwritten(root: str) -> None:
    first, second = HourStore(root, RunCache()), HourStore(root, RunCache())
    first.write_json(SUMMARY, HOUR, {"version": 1})
    second.write_json(SUMMARY, HOUR, {"version": 2})  # and then it is killed
    first.pack_days([HOUR])
    assert HourStore(root, RunCache()).read_json(SUMMARY, HOUR) == {"version": 2}


def test_what_is_too_large_for_a_copy_is_read_by_itself_and_only_then(
    root: str, s3: CountingS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "MOST_PACKED", 400)
    store = HourStore(root, RunCache())
    store.write_json(SUMMARY, HOUR, {"version": 1})
    store.write(FLAGGED, HOUR, FRAME)
    store.pack_days([HOUR])
    later = HourStore(root, RunCache())
    later.write_json(SUMMARY, NEXT, {"version": 1})
    s3.calls.clear()
    later.pack_days([HOUR])
    assert s3.by_kind() == {"PUT": 1}
    assert later.require(FLAGGED, HOUR).equals(FRAME)
    assert later.read_json(SUMMARY, HOUR) == {"version": 1}
    assert s3.by_kind() == {"PUT": 1, "GET": 1}


@pytest.mark.parametrize("tags_are_md5", [True, False])
def test_copies_of_what_a_run_wrote_are_used_whatever_the_store_s_tags_are(
    root: str, s3: CountingS3, monkeypatch: pytest.MonkeyPatch, tags_are_md5: bool
) -> None:
    if not tags_are_md5:  # as with a key of the customer's
        for module in (table_files, hour_groups):
            monkeypatch.setattr(module, "is_version_of", lambda *_: False)
    first, second = HourStore(root, RunCache()), HourStore(root, RunCache())
    first.write(FLAGGED, HOUR, FRAME)
    first.pack_days([HOUR])
    second.write(FLAGGED, NEXT, OTHER)
    s3.calls.clear()
    second.pack_days([HOUR])
    assert s3.by_kind() == {"PUT": 1, **({} if tags_are_md5 else {"LIST": 1, "GET": 1})}
    s3.calls.clear()
    reader = HourStore(root, RunCache())
    assert (reader.require(FLAGGED, HOUR).equals(FRAME), reader.require(FLAGGED, NEXT).equals(OTHER)) == (True, True)
    assert sorted(s3.calls) == ["GET team/hours/2026-11-22/day.zip", "LIST team/hours/2026-11-22/"]


def test_another_run_in_this_process_begins_with_nothing(root: str) -> None:
    one = HourStore(root, cache_of_run("one"))
    assert one.read(ENTRIES, HOUR) is None
    HourStore(root).write(ENTRIES, HOUR, FRAME)
    assert one.read(ENTRIES, HOUR) is None
    assert HourStore(root, cache_of_run("two")).require(ENTRIES, HOUR).equals(FRAME)


def test_what_is_kept_is_bounded_and_what_is_large_is_in_a_file_as_long_as_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(run_cache, "MOST_IN_MEMORY", 25)
    monkeypatch.setattr(run_cache, "LARGE", 12)
    monkeypatch.setattr(run_cache, "MOST_ON_DISK", 50)
    cache = RunCache()
    for path in ("a", "b", "c"):
        cache.put(path, bytes(10))
    assert ["a" in cache, "b" in cache, "c" in cache] == [False, True, True]
    cache.put("d", b"d" * 40)
    cache.put("e", b"e" * 40)
    assert ["b" in cache, "d" in cache, "e" in cache] == [True, True, False]
    assert cache.get("d") == b"d" * 40
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0, "nobody else reads it"
    cache.drop("d")
    assert [*folder.iterdir()] == []
    del cache
    gc.collect()
    assert [*tmp_path.iterdir()] == []


def test_hours_that_were_copied_into_a_folder_are_read_there_and_written_as_files(root: str, tmp_path: Path) -> None:
    store, fs = HourStore(root), fsspec.filesystem("s3")
    store.write_json(SUMMARY, HOUR, {"version": 2})
    store.write_json(DELIVERIES, HOUR, {"digest": "x"})
    store.write(FLAGGED, HOUR, FRAME, {"pulls": 2})
    for key in fs.find(root):
        file = tmp_path / key.split("/team/")[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(fs.cat_file(key))
    local = HourStore(str(tmp_path))
    assert local.require(FLAGGED, HOUR).equals(FRAME)
    assert local.metadata(FLAGGED, HOUR) == {"pulls": 2}
    assert local.counts(FLAGGED, [HOUR]) == {HOUR: 2}
    assert local.hours_of([FLAGGED], HOUR, HOUR) == {FLAGGED: {HOUR}}
    local.write_json(SUMMARY, HOUR, {"version": 3})
    assert (local.read_json(SUMMARY, HOUR), local.read_json(DELIVERIES, HOUR)) == ({"version": 3}, {"digest": "x"})
    assert not [*tmp_path.rglob("*.summary.zip")]


def test_a_damaged_object_is_named_and_damaged_copies_are_passed_over(root: str) -> None:
    store, fs = HourStore(root, RunCache()), fsspec.filesystem("s3")
    store.write_json(SUMMARY, HOUR, {"version": 2})
    store.pack_days([HOUR])
    fs.pipe_file(f"{root}/hours/2026-11-22/day.zip", b"no archive")
    assert HourStore(root, RunCache()).read_json(SUMMARY, HOUR) == {"version": 2}
    fs.pipe_file(f"{root}/hours/2026-11-22/09.summary.zip", b"no archive")
    with pytest.raises(StoreError, match=r"09\.summary\.zip is damaged \(.*\): remove it, then run the hour again"):
        HourStore(root).read_json(SUMMARY, HOUR)
