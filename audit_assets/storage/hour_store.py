"""Hours as files: `<root>/<table>/<day>/<hour>.parquet`, each written whole or not at all; and `<root>/<table>.parquet`
for what belongs to no hour.

Frames pass between assets through this store. The root is a folder, or an object store's URL (`s3://bucket/path`,
with fsspec's package for it installed), where one put is atomic by itself. No value of an entry becomes part of a path.
"""

import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from upath import UPath

from audit_assets.config.errors import StoreError
from audit_assets.config.settings import setting
from audit_assets.storage.hour_groups import FOLDER, GROUP_OF
from audit_assets.storage.hours import days_of
from audit_assets.storage.renamed_columns import with_current_names, with_current_values
from audit_assets.storage.run_cache import RunCache, cache_of_run
from audit_assets.storage.store_files import StoreFiles
from audit_assets.storage.table_files import TableFiles

METADATA_KEY = "audit_assets.evidence"
"""Key in the Parquet file's footer under which the metadata of a frame lies, so that both are written at once. The text
is that of the first version: files of then are read by it."""

FOOTER_TAIL = 8
"""Bytes at the end of a Parquet file: the length of its footer, and a marker."""


ROWS_AT_ONCE = 20_000
"""Of a group in the Parquet file: a large hour is written and read by parts, of which a few are in memory at a time."""

USUAL_FOOTER = 16_384
"""Bytes that are read of a file for its footer."""

DAY = re.compile(r"\d{4}-\d\d-\d\d")
HOUR_FILE = re.compile(r"\d\d\.(json|parquet)")


class HourStore:
    """Tables by hour. An hour that was never written reads as None: it is missing, not empty. The hour None is that of
    a table that has no hours."""

    def __init__(self, root: str, cache: RunCache | None = None) -> None:
        """`cache`: of the run that it is opened for. Raises `StoreError` for a URL that no installed package of
        fsspec's knows."""
        self._files = StoreFiles(root, cache)
        self._tables = TableFiles(self._files)
        self.root = self._files.root

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
        self._tables.write(table, hour, "parquet", _parquet(frame, metadata or {}))

    def write_first(self, table: str, hour: datetime, frame: pl.DataFrame) -> bool:
        """Write an hour of a table that has a file of its own for each, unless it is there already: then it stays as it
        is. Returns whether it was written; in an object store it takes one request to find out. Raises `StoreError`."""
        return self._files.create(self.path(table, hour), _parquet(frame, {}))

    def together(self) -> AbstractContextManager[None]:
        """For a block that writes several tables of one asset: an object store gets one object of them when it ends,
        and none if it fails. In a folder each is written at once."""
        return nullcontext() if self._files.is_folder else self._tables.together()

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
        source = self._source(table, hour)
        if source is None:
            return None
        with self.reading(table, hour):
            return with_current_names(table, pl.scan_parquet(source, glob=False))

    def _source(self, table: str, hour: datetime | None) -> Path | bytes | None:
        """A local file by its path, so that only the columns in question are read."""
        path = self.path(table, hour)
        if self._files.is_folder and self._files.read(path, FOOTER_TAIL) is not None:
            return Path(str(path))
        return self._tables.read(table, hour, "parquet")

    def parts(self, table: str, hour: datetime, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """As `require`, at most ROWS_AT_ONCE rows at a time; no part if the hour is empty."""
        for lazily in self.lazy_parts(table, hour):
            with self.reading(table, hour):
                part = (lazily if columns is None else lazily.select(columns)).collect()
            yield part

    def lazy_parts(self, table: str, hour: datetime) -> Iterator[pl.LazyFrame]:
        """As `parts`, lazily: to be collected within `reading`."""
        whole = self.scan(table, hour)
        if whole is None:
            raise self.missing(table, hour)
        with self.reading(table, hour):
            rows = whole.select(pl.len()).collect().item()
        yield from in_parts(whole, rows)

    def metadata(self, table: str, hour: datetime | None) -> dict[str, Any] | None:
        """The metadata written with an hour, or None if the hour was never written. Reads no column."""
        footer = self._footer(table, hour)
        if footer is None:
            return None
        with self.reading(table, hour):
            return json.loads(pl.read_parquet_metadata(footer).get(METADATA_KEY, "{}"))

    def counts(self, table: str, hours: Iterable[datetime]) -> dict[datetime, int]:
        """How many rows each of these hours holds; hours that were never written are left out. Reads no column."""
        found: dict[datetime, int] = {}
        for hour in hours:
            footer = self._footer(table, hour)
            if footer is not None:
                with self.reading(table, hour):
                    found[hour] = pl.scan_parquet(footer).select(pl.len()).collect().item()
        return found

    def write_json(self, table: str, hour: datetime | None, value: Any) -> None:
        """Replace an hour of a table that holds one JSON value an hour."""
        self._tables.write(table, hour, "json", json.dumps(value, indent=1).encode())

    def read_json(self, table: str, hour: datetime | None) -> Any:
        """The JSON value of an hour, or None if it was never written."""
        path = self.path(table, hour, "json")
        content = self._tables.read(table, hour, "json")
        try:
            return None if content is None else with_current_values(table, json.loads(content))
        except (ValueError, RecursionError):
            raise StoreError(f"{path} is not readable JSON: remove it, then run the hour again.") from None

    def keep_json(self, table: str, value: Any) -> Any:
        """Write the one JSON value of a table that has no hours, unless it is there already. Returns the one that is
        there: of several processes that do this at once, all get the same."""
        self._files.create(self.path(table, None, "json"), json.dumps(value, indent=1).encode())
        return self.read_json(table, None)

    def newest(self, table: str) -> datetime | None:
        """The newest hour of a table, None if it has none. Raises `StoreError` if it can't be listed."""
        return next((max(hours) for hours in self._hours_by_day(table, newest_first=True)), None)

    def oldest(self, table: str) -> datetime | None:
        """The oldest hour of a table, as `newest`."""
        return next((min(hours) for hours in self._hours_by_day(table, newest_first=False)), None)

    def _hours_by_day(self, table: str, *, newest_first: bool) -> Iterator[list[datetime]]:
        """The hours of each day that has any."""
        folders = [(table, HOUR_FILE)]
        if not self._files.is_folder and table in GROUP_OF:
            folders.append((FOLDER, re.compile(rf"\d\d\.{GROUP_OF[table]}\.zip")))
        days = {day for folder, _ in folders for day in self._files.names(self.root / folder) if DAY.fullmatch(day)}
        for day in sorted(days, reverse=newest_first):
            files = {
                name[:2]
                for folder, pattern in folders
                for name in filter(pattern.fullmatch, self._files.names(self.root / folder / day))
            }
            if files:
                yield [datetime.strptime(f"{day}-{name}", "%Y-%m-%d-%H").replace(tzinfo=UTC) for name in sorted(files)]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder on this machine, which costs nothing to look into."""
        return self._files.is_folder

    def hours_of(self, tables: Collection[str], first: datetime, last: datetime) -> dict[str, set[datetime]]:
        """Which of the hours from the first to the last are stored, by table. Only lists; raises `StoreError`."""
        return self._tables.hours_of(tables, first, last)

    def list_days(self, days: Iterable[datetime]) -> None:
        """Before hours of many days are read: find out with few requests what there is. Raises `StoreError`."""
        self._tables.list_days(days)

    def pack_days(self, hours: Iterable[datetime]) -> None:
        """After hours were judged: copy what is small of their days into an object each, where there are any, for
        whoever reads many hours. Raises `StoreError`."""
        for day in days_of(hours):
            self._tables.pack_day(day)

    def delete(self, table: str, hour: datetime) -> None:
        """Delete an hour of a table that holds frames, if it is there. Raises `StoreError` if it can't be deleted."""
        if self._footer(table, hour) is not None:
            self._files.delete(self.path(table, hour))

    def delete_before(self, day: datetime) -> int:
        """Delete the hours of all UTC days before that of `day`, in every table that has hours. Returns how many files.
        Raises `StoreError` if one can't be deleted: those that are left go next time."""
        deleted = 0
        for table in self._files.names(self.root):
            for name in self._files.names(self.root / table):
                if not DAY.fullmatch(name) or name >= f"{day.astimezone(UTC):%Y-%m-%d}":
                    continue
                folder = self.root / table / name
                for file in self._files.names(folder):
                    self._files.delete(folder / file)
                    deleted += 1
                if self._files.is_folder:  # an object store has none
                    self._files.delete(folder)
        return deleted

    def check(self) -> None:
        """Write something and take it away again. Raises `StoreError` if the store can't be written."""
        probe = self.root / ".probe"
        self._files.write(probe, b"")
        self._files.delete(probe)

    def path(self, table: str, hour: datetime | None, suffix: str = "parquet") -> UPath:
        """Where an hour of a table lies."""
        return self._tables.path(table, hour, suffix)

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

    def _footer(self, table: str, hour: datetime | None) -> io.BytesIO | None:
        """The end of a Parquet file, which holds the number of its rows and its metadata: in one read, unless it is
        larger than most."""
        end = self._tables.read(table, hour, "parquet", USUAL_FOOTER)
        if end is None:
            return None
        length = int.from_bytes(end[-FOOTER_TAIL:][:4], "little") + FOOTER_TAIL
        if length > len(end) == USUAL_FOOTER:
            end = self._tables.read(table, hour, "parquet", length) or end
        return io.BytesIO(end[-length:])


def _parquet(frame: pl.DataFrame | pl.LazyFrame, metadata: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    frame.lazy().sink_parquet(
        buffer,
        compression="zstd",
        row_group_size=ROWS_AT_ONCE,
        metadata={METADATA_KEY: json.dumps(dict(metadata))},
    )
    return buffer.getvalue()


def in_parts(whole: pl.LazyFrame, rows: int) -> Iterator[pl.LazyFrame]:
    """A frame of so many rows, at most ROWS_AT_ONCE of them at a time: as one source polars 2.1 reads ahead of what it
    writes, 280 MB of a large hour."""
    for first in range(0, rows, ROWS_AT_ONCE):
        yield whole.slice(first, ROWS_AT_ONCE)


def open_store(run_id: str | None = None) -> HourStore:
    """The store that is set. `run_id`: of the run that it is for, which reads nothing twice; None to see what is stored
    at each moment. Raises `SettingError` and `StoreError`."""
    return HourStore(setting("AUDIT_ASSETS_STORAGE"), cache_of_run(run_id) if run_id else None)
