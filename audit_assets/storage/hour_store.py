"""Hours as files: `<root>/<table>/<day>/<hour>.parquet`, each written whole or not at all; and `<root>/<table>.parquet`
for what belongs to no hour.

Frames pass between assets through this store. The root is a folder, or an object store's URL (`s3://bucket/path`,
with fsspec's package for it installed), where one put is atomic by itself. No value of an entry becomes part of a path.
"""

import io
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

import polars as pl
from upath import UPath

from audit_assets.config.errors import StoreError
from audit_assets.storage.file_modes import PRIVATE_FILE, PRIVATE_FOLDER
from audit_assets.storage.renamed_columns import with_current_names, with_current_values

T = TypeVar("T")

METADATA_KEY = "audit_assets.evidence"
"""Key in the Parquet file's footer under which the metadata of a frame lies, so that both are written at once. The text
is that of the first version: files of then are read by it."""

FOOTER_TAIL = 8
"""Bytes at the end of a Parquet file: the length of its footer, and a marker."""


ROWS_AT_ONCE = 20_000
"""Of a group in the Parquet file: a large hour is written and read by parts, of which a few are in memory at a time."""

DAY = re.compile(r"\d{4}-\d\d-\d\d")

STALE_SECONDS = 3600
"""No write takes so long."""


class HourStore:
    """Tables by hour. An hour that was never written reads as None: it is missing, not empty. The hour None is that of
    a table that has no hours."""

    def __init__(self, root: str) -> None:
        """Raises `StoreError` for a URL that no installed package of fsspec's knows."""
        try:
            self.root = UPath(root)
            if self.root.protocol in ("file", "local"):
                self.root = UPath(self.root.path)  # written as any folder is: durably, and for its owner alone
            self.root.exists()
            if "://" in root and not root.startswith(("file:", "local:")) and isinstance(self.root, Path):
                raise ValueError(f"{root.split('://', maxsplit=1)[0]}:// is no protocol that is known")
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"AUDIT_ASSETS_STORAGE can't be used: {error}. Install what it names, or correct it."
            ) from None
        except OSError:
            pass  # raised when it is read or written

    def write(
        self,
        table: str,
        hour: datetime | None,
        frame: pl.DataFrame | pl.LazyFrame,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace an hour of a table. A reader sees the old one or the new one, whole.

        A lazy frame is written by parts, and is never in memory as a whole.
        `metadata`: anything JSON, kept inside the same file. Raises `StoreError` (disk full, no permission) with
        the old hour untouched.
        """
        buffer = io.BytesIO()
        frame.lazy().sink_parquet(
            buffer,
            compression="zstd",
            row_group_size=ROWS_AT_ONCE,
            metadata={METADATA_KEY: json.dumps(dict(metadata or {}))},
        )
        self._put(self.path(table, hour), buffer.getvalue())

    def read(self, table: str, hour: datetime | None, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        """An hour of a table, or None if it was never written. Raises `StoreError` if it can't be read.

        `columns`: those that are needed, None for all.
        """
        with self.reading(table, hour):
            frame = self.scan(table, hour)
            return None if frame is None else (frame if columns is None else frame.select(columns)).collect()

    def require(self, table: str, hour: datetime, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """As `read`, for an hour that must be there: raises `StoreError` if it is not."""
        frame = self.read(table, hour, columns)
        if frame is None:
            raise self.missing(table, hour)
        return frame

    def scan(self, table: str, hour: datetime | None) -> pl.LazyFrame | None:
        """As `read`, but lazily: it is in memory only as far as it is needed. To be collected within `reading`."""
        path = self.path(table, hour)
        # A local file by its path, so that only the columns in question are read
        source = _read(path, lambda file: Path(path) if isinstance(path, Path) else file.read())
        if source is None:
            return None
        with self.reading(table, hour):
            return with_current_names(table, pl.scan_parquet(source, glob=False))

    def parts(self, table: str, hour: datetime) -> Iterator[pl.DataFrame]:
        """As `require`, at most ROWS_AT_ONCE rows at a time; no part if the hour is empty."""
        whole = self.scan(table, hour)
        if whole is None:
            raise self.missing(table, hour)
        with self.reading(table, hour):
            rows = whole.select(pl.len()).collect().item()
        for first in range(0, rows, ROWS_AT_ONCE):
            with self.reading(table, hour):
                part = whole.slice(first, ROWS_AT_ONCE).collect()
            yield part

    def metadata(self, table: str, hour: datetime | None) -> dict[str, Any] | None:
        """The metadata written with an hour, or None if the hour was never written. Reads no column."""
        footer = _read(self.path(table, hour), _footer)
        if footer is None:
            return None
        with self.reading(table, hour):
            return json.loads(pl.read_parquet_metadata(footer).get(METADATA_KEY, "{}"))

    def counts(self, table: str, hours: Iterable[datetime]) -> dict[datetime, int]:
        """How many rows each of these hours holds; hours that were never written are left out. Reads no column."""
        found: dict[datetime, int] = {}
        for hour in hours:
            footer = _read(self.path(table, hour), _footer)
            if footer is not None:
                with self.reading(table, hour):
                    found[hour] = pl.scan_parquet(footer).select(pl.len()).collect().item()
        return found

    def write_json(self, table: str, hour: datetime | None, value: Any) -> None:
        """Replace an hour of a table that holds one JSON value an hour."""
        self._put(self.path(table, hour, "json"), json.dumps(value, indent=1).encode())

    def read_json(self, table: str, hour: datetime | None) -> Any:
        """The JSON value of an hour, or None if it was never written."""
        content = _read(self.path(table, hour, "json"), lambda file: file.read())
        return None if content is None else with_current_values(table, json.loads(content))

    def newest(self, table: str) -> datetime | None:
        """The newest hour of a table, None if it has none. Raises `StoreError` if it can't be listed."""
        try:
            days = sorted((day for day in (self.root / table).iterdir() if day.is_dir()), key=lambda day: day.name)
            for day in reversed(days):
                if hours := [file.stem for file in day.iterdir() if file.suffix in (".json", ".parquet")]:
                    return datetime.strptime(f"{day.name}-{max(hours)}", "%Y-%m-%d-%H").replace(tzinfo=UTC)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.root / table} can't be listed: {error}.") from None
        return None

    def delete_before(self, day: datetime) -> int:
        """Delete the hours of all UTC days before that of `day`, in every table that has hours. Returns how many files.
        Raises `StoreError` if one can't be deleted: those that are left go next time."""
        deleted = 0
        try:
            for table in [each for each in self.root.iterdir() if each.is_dir()]:
                for folder in [each for each in table.iterdir() if DAY.fullmatch(each.name)]:
                    if folder.name >= f"{day.astimezone(UTC):%Y-%m-%d}":
                        continue
                    for file in [*folder.iterdir()]:
                        file.unlink()
                        deleted += 1
                    if isinstance(folder, Path):  # an object store has no folders
                        folder.rmdir()
        except FileNotFoundError:
            return deleted
        except OSError as error:
            raise StoreError(f"Old hours in {self.root} can't be deleted: {error.strerror or error}.") from None
        return deleted

    def check(self) -> None:
        """Write something and take it away again. Raises `StoreError` if the store can't be written."""
        probe = self.root / ".probe"
        self._put(probe, b"")
        try:
            probe.unlink()
        except OSError as error:
            raise StoreError(f"{probe} can't be removed: {error.strerror or error}.") from None

    def path(self, table: str, hour: datetime | None, suffix: str = "parquet") -> UPath:
        """Where an hour of a table lies. Without a colon: no file name on Windows has one, and URLs would escape it."""
        if hour is None:
            return self.root / f"{table}.{suffix}"
        hour = hour.astimezone(UTC)
        return self.root / table / f"{hour:%Y-%m-%d}" / f"{hour:%H}.{suffix}"

    def missing(self, table: str, hour: datetime) -> StoreError:
        """The error for an hour that must be there."""
        return StoreError(f"{table} holds nothing for {hour:%Y-%m-%d-%H:%M}: materialise that asset for this hour.")

    @contextmanager
    def reading(self, table: str, hour: datetime | None) -> Iterator[None]:
        """Raises `StoreError` for a file that the block finds damaged."""
        try:
            yield
        except (pl.exceptions.PolarsError, ValueError) as error:
            named = f"{self.path(table, hour)} is not a readable Parquet file"
            reason = str(error).splitlines()[0]
            raise StoreError(f"{named} ({reason}): remove it, then run the hour again.") from None

    def _put(self, path: UPath, content: bytes) -> None:
        try:
            if isinstance(path, Path):
                _replace_durably(Path(path), content)
            else:
                path.write_bytes(content)
        except OSError as error:
            raise StoreError(
                f"{path} can't be written: {error.strerror or error}. Free some space or correct AUDIT_ASSETS_STORAGE, "
                "then run the hour again."
            ) from None


def _read(path: UPath, take: Callable[[BinaryIO], T]) -> T | None:
    """What is taken from a file, or None if it was never written."""
    try:
        with path.open("rb") as file:
            return take(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror or error}.") from None


def _footer(file: BinaryIO) -> io.BytesIO:
    """The end of a Parquet file, which holds the number of its rows and its metadata."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - FOOTER_TAIL))
    length = int.from_bytes(file.read(FOOTER_TAIL)[:4], "little")
    file.seek(max(0, size - FOOTER_TAIL - length))
    return io.BytesIO(file.read())


def _replace_durably(path: Path, content: bytes) -> None:
    """Write to a temporary name, then rename, with the file, its folder and whatever folder is new synced.

    Without the first fsync a power cut may leave a renamed, empty file; without the others, none, or not even the day
    (docs/facts/reliability.md, 2a).
    """
    _make_durably(path.parent)
    _sweep(path)
    half_written = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        half_written.touch(PRIVATE_FILE, exist_ok=False)
        with half_written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half_written.replace(path)
    except OSError:
        half_written.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sweep(path: Path) -> None:
    """Take away what processes that were killed have left half written. A young one may still be somebody's."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):  # its size is its only harm; what prevents writing is raised by the write itself
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _make_durably(folder: Path) -> None:
    """Make a folder and those above it. The name of a new one is lost in a power cut until the one above is synced."""
    if folder.exists():
        return
    _make_durably(folder.parent)
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder can't be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
