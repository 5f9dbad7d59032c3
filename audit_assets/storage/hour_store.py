"""Hours as files: `<root>/<table>/<day>/<hour>.parquet`, each written whole or not at all; and `<root>/<table>.parquet`
for what belongs to no hour.

Frames pass between assets through this store. The root is a folder, or an object store's URL (`s3://bucket/path`,
with fsspec's package for it installed), where one put is atomic by itself. No value of an entry becomes part of a path.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from upath import UPath

from audit_assets.config.errors import StoreError
from audit_assets.storage.renamed_columns import with_current_names, with_current_values
from audit_assets.storage.store_files import StoreFiles

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

    def __init__(self, root: str) -> None:
        """Raises `StoreError` for a URL that no installed package of fsspec's knows."""
        self._files = StoreFiles(root)
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
        buffer = io.BytesIO()
        frame.lazy().sink_parquet(
            buffer,
            compression="zstd",
            row_group_size=ROWS_AT_ONCE,
            metadata={METADATA_KEY: json.dumps(dict(metadata or {}))},
        )
        self._files.write(self.path(table, hour), buffer.getvalue())

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
        source = self._source(path)
        if source is None:
            return None
        with self.reading(table, hour):
            return with_current_names(table, pl.scan_parquet(source, glob=False))

    def _source(self, path: UPath) -> Path | bytes | None:
        """A local file by its path, so that only the columns in question are read."""
        if not self._files.is_folder:
            return self._files.read(path)
        return Path(str(path)) if self._files.read(path, FOOTER_TAIL) is not None else None

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
        for first in range(0, rows, ROWS_AT_ONCE):
            yield whole.slice(first, ROWS_AT_ONCE)

    def metadata(self, table: str, hour: datetime | None) -> dict[str, Any] | None:
        """The metadata written with an hour, or None if the hour was never written. Reads no column."""
        footer = self._footer(self.path(table, hour))
        if footer is None:
            return None
        with self.reading(table, hour):
            return json.loads(pl.read_parquet_metadata(footer).get(METADATA_KEY, "{}"))

    def counts(self, table: str, hours: Iterable[datetime]) -> dict[datetime, int]:
        """How many rows each of these hours holds; hours that were never written are left out. Reads no column."""
        found: dict[datetime, int] = {}
        for hour in hours:
            footer = self._footer(self.path(table, hour))
            if footer is not None:
                with self.reading(table, hour):
                    found[hour] = pl.scan_parquet(footer).select(pl.len()).collect().item()
        return found

    def write_json(self, table: str, hour: datetime | None, value: Any) -> None:
        """Replace an hour of a table that holds one JSON value an hour."""
        self._files.write(self.path(table, hour, "json"), json.dumps(value, indent=1).encode())

    def read_json(self, table: str, hour: datetime | None) -> Any:
        """The JSON value of an hour, or None if it was never written."""
        path = self.path(table, hour, "json")
        content = self._files.read(path)
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
        folder = self.root / table
        for day in sorted(filter(DAY.fullmatch, self._files.names(folder)), reverse=newest_first):
            files = filter(HOUR_FILE.fullmatch, self._files.names(folder / day))
            hours = [datetime.strptime(f"{day}-{name[:2]}", "%Y-%m-%d-%H").replace(tzinfo=UTC) for name in files]
            if hours:
                yield hours

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

    def _footer(self, path: UPath) -> io.BytesIO | None:
        """The end of a Parquet file, which holds the number of its rows and its metadata: in one read, unless it is
        larger than most."""
        end = self._files.read(path, USUAL_FOOTER)
        if end is None:
            return None
        length = int.from_bytes(end[-FOOTER_TAIL:][:4], "little") + FOOTER_TAIL
        if length > len(end) == USUAL_FOOTER:
            end = self._files.read(path, length) or end
        return io.BytesIO(end[-length:])
