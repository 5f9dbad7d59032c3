"""Hours are written whole or not at all, on a disk and on an object store."""

import errno
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_assets.config.errors import StoreError
from audit_assets.storage.hour_store import HourStore

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 11, tzinfo=UTC)
FRAME = pl.DataFrame(
    {"entry_id": ["a", "b"], "time": [HOUR, HOUR]}, schema_overrides={"time": pl.Datetime("us", "UTC")}
)


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> HourStore:
    return HourStore(str(tmp_path / "hours") if request.param == "folder" else f"memory://{tmp_path.name}/hours")


def test_what_is_written_is_read_back_with_its_metadata(store: HourStore) -> None:
    store.write("entries", HOUR, FRAME, {"v2": {"pages": 3}})
    read = store.read("entries", HOUR)
    assert read is not None
    assert read.equals(FRAME)
    assert store.metadata("entries", HOUR) == {"v2": {"pages": 3}}
    assert store.counts("entries", [HOUR, LATER]) == {HOUR: 2}


def test_an_hour_is_deleted_whether_it_is_there_or_not(store: HourStore) -> None:
    store.write("entries", HOUR, FRAME)
    store.write("entries", LATER, FRAME)
    for _ in range(2):
        store.delete("entries", HOUR)
    assert store.counts("entries", [HOUR, LATER]) == {LATER: 2}


def test_an_hour_that_was_never_written_is_missing_and_not_empty(store: HourStore) -> None:
    assert store.read("entries", HOUR) is None
    assert store.metadata("entries", HOUR) is None
    assert store.read_json("summary", HOUR) is None
    with pytest.raises(StoreError, match="entries holds nothing for 2026-11-22-10:00: materialise that asset"):
        store.require("entries", HOUR)


def test_a_large_hour_is_written_and_read_by_parts(store: HourStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_assets.storage.hour_store.ROWS_AT_ONCE", 4)
    large = pl.DataFrame({"entry_id": [str(number) for number in range(10)], "raw": ["x"] * 10})
    store.write("entries", HOUR, pl.concat([large.head(3).lazy(), large.tail(7).lazy()]), {"v2": {"pages": 3}})
    parts = list(store.parts("entries", HOUR))
    assert [part.height for part in parts] == [4, 4, 2]
    assert pl.concat(parts).equals(large)
    assert store.require("entries", HOUR, ["raw"]).equals(large.select("raw"))
    assert store.metadata("entries", HOUR) == {"v2": {"pages": 3}}


def test_an_hour_that_is_missing_has_no_parts_and_an_empty_one_has_none_either(store: HourStore) -> None:
    with pytest.raises(StoreError, match="entries holds nothing for 2026-11-22-10:00"):
        list(store.parts("entries", HOUR))
    store.write("entries", HOUR, FRAME.clear())
    assert list(store.parts("entries", HOUR)) == []


def test_json_is_read_back(store: HourStore) -> None:
    store.write_json("summary", HOUR, {"flagged": [{"actor": "☃ \u202e"}]})
    assert store.read_json("summary", HOUR) == {"flagged": [{"actor": "☃ \u202e"}]}


def test_what_belongs_to_no_hour_is_kept_beside_the_hours(store: HourStore) -> None:
    assert [store.read("notes", None), store.metadata("notes", None), store.read_json("notes", None)] == [None] * 3
    store.write("notes", None, FRAME, {"read_until": 7})
    store.write_json("notes", None, [1])
    read = store.read("notes", None)
    assert read is not None
    assert read.equals(FRAME)
    assert (store.metadata("notes", None), store.read_json("notes", None)) == ({"read_until": 7}, [1])
    assert {path.name for path in store.root.iterdir()} == {"notes.parquet", "notes.json"}


def test_hours_are_deleted_beside_what_belongs_to_no_hour(store: HourStore) -> None:
    store.write("entries", HOUR, FRAME)
    store.write_json("first_start", None, {"first_hour": "2026-11-22-10:00"})
    assert store.delete_before(HOUR) == 0
    assert store.delete_before(HOUR + timedelta(days=1)) == 1
    assert store.read("entries", HOUR) is None
    assert store.read_json("first_start", None) == {"first_hour": "2026-11-22-10:00"}


def test_a_root_that_is_a_file_is_one_sentence_however_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "hours").touch()
    store = HourStore(str(tmp_path / "hours"))
    for ask in (store.newest, store.oldest, lambda table: store.read(table, HOUR), lambda _: store.delete_before(HOUR)):
        with pytest.raises(StoreError, match="Not a directory"):
            ask("entries")


def test_a_file_that_is_no_parquet_is_an_error_and_not_an_empty_hour(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    store.write("entries", HOUR, FRAME)
    Path(str(store.path("entries", HOUR))).write_bytes(b"PAR1 torn")
    with pytest.raises(StoreError, match="not a readable Parquet file"):
        store.read("entries", HOUR)
    with pytest.raises(StoreError, match="not a readable Parquet file"):
        list(store.parts("entries", HOUR))


def test_a_full_disk_leaves_the_old_hour_and_nothing_half_written(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    store.write("entries", HOUR, FRAME)
    large = pl.DataFrame({"entry_id": [str(number) for number in range(100_000)]})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StoreError, match="Free some space"):
            store.write("entries", HOUR, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    read = store.read("entries", HOUR)
    assert read is not None
    assert read.equals(FRAME)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["10.parquet"]


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "hours").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=f"can't be written: {os.strerror(errno.ENOTDIR)}"):
        HourStore(str(tmp_path / "hours")).write("entries", HOUR, FRAME)


def test_a_process_killed_while_it_writes_leaves_no_hour(tmp_path: Path) -> None:
    killed_in_fsync = (
        "import os, stat, sys, datetime, polars as pl\n"
        "from audit_assets.storage.hour_store import HourStore\n"
        "os.fsync = lambda file: os._exit(9) if stat.S_ISREG(os.fstat(file).st_mode) else None\n"
        "hour = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)\n"
        "HourStore(sys.argv[1]).write('entries', hour, pl.DataFrame({'a': [1]}))\n"
    )
    killed = subprocess.run([sys.executable, "-c", killed_in_fsync, str(tmp_path)], check=False)  # noqa: S603 - our own text
    assert killed.returncode == 9
    assert HourStore(str(tmp_path)).read("entries", HOUR) is None


def test_a_new_folder_is_synced_into_the_one_above_before_anything_lies_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    inner = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        inner(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    store = HourStore(str(tmp_path / "hours"))
    store.write("entries", HOUR, FRAME)
    *above, file, folder = synced
    assert (above, folder) == ([tmp_path.name, "hours", "entries"], "2026-11-22")
    assert file.endswith(".tmp")
    synced.clear()
    store.write("entries", HOUR, FRAME)
    assert len(synced) == 2


@pytest.mark.parametrize("root", ["no-such-protocol://bucket/hours", "abfs://bucket/hours"])
def test_a_store_that_nothing_installed_can_open_is_one_sentence(root: str) -> None:
    with pytest.raises(StoreError, match="AUDIT_ASSETS_STORAGE can't be used"):
        HourStore(root)


def test_a_damaged_file_is_reported_however_it_is_read(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    store.write("entries", HOUR, FRAME)
    Path(str(store.path("entries", HOUR))).write_bytes(b"PAR1 torn")
    for ask in (store.metadata, store.read, lambda table, hour: store.counts(table, [hour])):
        with pytest.raises(StoreError, match="remove it, then run the hour again"):
            ask("entries", HOUR)


def test_what_a_killed_process_left_half_written_is_taken_away_once_nobody_can_be_at_it(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    store.write("entries", HOUR, FRAME)
    day = store.path("entries", HOUR).parent
    old, young, others = (
        Path(str(day / name)) for name in (".10.parquet.a.tmp", ".10.parquet.b.tmp", ".11.parquet.a.tmp")
    )
    for left in (old, young, others):
        left.write_bytes(b"half of")
    for left in (old, others):
        os.utime(left, (0, 0))
    store.write("entries", HOUR, FRAME)
    assert {path.name for path in day.iterdir()} == {"10.parquet", young.name, others.name}
