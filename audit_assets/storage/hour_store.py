"""Hours as files: `<root>/<table>/<day>/<hour>.parquet`, each written whole or not at all; and `<root>/<table>.parquet`
for what belongs to no hour.

Frames pass between assets through this store. The root is a folder, or an object store's URL (`s3://bucket/path`,
with fsspec's package for it installed), where one put is atomic by itself. Nothing of an entry ever gets into a path.
"""

import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from upath import UPath

from audit_assets.config.errors import StoreError

EVIDENCE_KEY = "audit_assets.evidence"
"""Key of the Parquet file's own metadata that holds how a frame came about, so that both are written at once."""

ROWS_AT_ONCE = 20_000
"""Of a group in the Parquet file: whoever writes or reads a large hour by parts holds a few of them at a time."""

STALE_SECONDS = 3600
"""No write takes so long."""


class HourStore:
    """Tables by hour. An hour that was never written reads as None: it is missing, not empty. The hour None is that of
    a table that has no hours."""

    def __init__(self, root: str) -> None:
        """Raises `StoreError` for a URL that no installed package of fsspec's knows."""
        try:
            self.root = UPath(root)
            self.root.exists()
            if "://" in root and not root.startswith("file:") and isinstance(self.root, Path):
                raise ValueError(f"{root.split('://', maxsplit=1)[0]}:// is no protocol that is known")
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"AUDIT_ASSETS_STORAGE can't be used: {error}. Install what it names, or correct it."
            ) from None
        except OSError:
            pass  # told when it is read or written

    def write(
        self,
        table: str,
        hour: datetime | None,
        frame: pl.DataFrame | pl.LazyFrame,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace an hour of a table. A reader sees the old one or the new one, whole.

        A lazy frame is written by parts, and never stands in memory as a whole.
        `evidence`: anything JSON, kept inside the same file. Raises `StoreError` (disk full, no permission) with
        the old hour untouched.
        """
        buffer = io.BytesIO()
        frame.lazy().sink_parquet(
            buffer,
            compression="zstd",
            row_group_size=ROWS_AT_ONCE,
            metadata={EVIDENCE_KEY: json.dumps(dict(evidence or {}))},
        )
        self._put(self.path(table, hour), buffer.getvalue())

    def read(self, table: str, hour: datetime | None, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        """An hour of a table, or None if it was never written. Raises `StoreError` if it can't be read.

        `columns`: those that are wanted, None for all.
        """
        content = self._get(self.path(table, hour))
        if content is None:
            return None
        try:
            return pl.read_parquet(content, columns=None if columns is None else [*columns])
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(table, hour, error) from None

    def require(self, table: str, hour: datetime, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """As `read`, for an hour that must be there: raises `StoreError` if it is not."""
        frame = self.read(table, hour, columns)
        if frame is None:
            raise self._missing(table, hour)
        return frame

    def scan(self, table: str, hour: datetime) -> pl.LazyFrame | None:
        """As `read`, but lazily: no more of it is in memory than is asked for at once."""
        content = self._get(self.path(table, hour))
        return None if content is None else pl.scan_parquet(io.BytesIO(content))

    def parts(self, table: str, hour: datetime) -> Iterator[pl.DataFrame]:
        """As `require`, at most ROWS_AT_ONCE rows at a time; no part if the hour is empty."""
        content = self._get(self.path(table, hour))
        if content is None:
            raise self._missing(table, hour)
        try:
            whole = pl.scan_parquet(content)
            rows = whole.select(pl.len()).collect().item()
            for first in range(0, rows, ROWS_AT_ONCE):
                yield whole.slice(first, ROWS_AT_ONCE).collect()
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(table, hour, error) from None

    def evidence(self, table: str, hour: datetime | None) -> dict[str, Any] | None:
        """The evidence written with an hour, or None if the hour was never written."""
        content = self._get(self.path(table, hour))
        if content is None:
            return None
        try:
            return json.loads(pl.read_parquet_metadata(io.BytesIO(content)).get(EVIDENCE_KEY, "{}"))
        except (pl.exceptions.PolarsError, ValueError) as error:
            raise self._unreadable(table, hour, error) from None

    def write_json(self, table: str, hour: datetime | None, value: Any) -> None:
        """Replace an hour of a table that holds one JSON value an hour."""
        self._put(self.path(table, hour, "json"), json.dumps(value, indent=1).encode())

    def read_json(self, table: str, hour: datetime | None) -> Any:
        """The JSON value of an hour, or None if it was never written."""
        content = self._get(self.path(table, hour, "json"))
        return None if content is None else json.loads(content)

    def counts(self, table: str, hours: Iterable[datetime]) -> dict[datetime, int]:
        """How many rows each of these hours holds; hours that were never written are left out."""
        found: dict[datetime, int] = {}
        for hour in hours:
            content = self._get(self.path(table, hour))
            if content is not None:
                try:
                    found[hour] = pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item()
                except pl.exceptions.PolarsError as error:
                    raise self._unreadable(table, hour, error) from None
        return found

    def check(self) -> None:
        """Write something and take it away again. Raises `StoreError` if the store can't be written."""
        probe = self.root / ".probe"
        self._put(probe, b"")
        try:
            probe.unlink()
        except OSError as error:
            raise StoreError(f"{probe} can't be removed: {error.strerror or error}.") from None

    def path(self, table: str, hour: datetime | None, suffix: str = "parquet") -> UPath:
        """Where an hour of a table lies. No colon: it is no file name on Windows and awkward in a URL."""
        if hour is None:
            return self.root / f"{table}.{suffix}"
        hour = hour.astimezone(UTC)
        return self.root / table / f"{hour:%Y-%m-%d}" / f"{hour:%H}.{suffix}"

    def _missing(self, table: str, hour: datetime) -> StoreError:
        return StoreError(f"{table} holds nothing for {hour:%Y-%m-%d-%H:%M}: materialise that asset for this hour.")

    def _unreadable(self, table: str, hour: datetime | None, error: Exception) -> StoreError:
        named = f"{self.path(table, hour)} is not a readable Parquet file"
        return StoreError(f"{named} ({str(error).splitlines()[0]}): remove it, then run the hour again.")

    def _get(self, path: UPath) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} can't be read: {error.strerror or error}.") from None

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


def _replace_durably(path: Path, content: bytes) -> None:
    """Write to a temporary name, then rename, with the file, its folder and whatever folder is new synced.

    Without the first fsync a power cut may leave a renamed, empty file; without the others, none, or not even the day
    (docs/facts/reliability.md, 2a).
    """
    _make_durably(path.parent)
    _sweep(path)
    half_written = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
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
        with suppress(OSError):  # no harm but its size; what is in the way of writing is told by the writing
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _make_durably(folder: Path) -> None:
    """Make a folder and those above it. The name of a new one is lost in a power cut until the one above is synced."""
    if folder.exists():
        return
    _make_durably(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder can't be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
