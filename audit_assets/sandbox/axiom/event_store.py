"""The sandbox's Axiom datasets on disk: one DuckDB file, one wide table for each dataset, no deduplication.

Tables and columns have names of our own (`events_3`, `c7`); the names of fields are values in a table, so that no
text of an event ever becomes part of a statement here. DuckDB reads and writes no other file.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomRefusal
from audit_assets.sandbox.axiom.event_batches import Batch

COLUMN_TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "array": "JSON",
}

TIMES: Mapping[str, str] = {"_sysTime": "sys_time", "_time": "event_time"}
"""The two fields that every dataset has, and their columns."""

SOURCE = "visible_events"
"""The name under which a query finds the visible events, with the names of their fields."""

SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL python_enable_replacements = false",
    "SET GLOBAL threads = 2",
    "SET GLOBAL memory_limit = '512MB'",
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
)

SCHEMA = """
    CREATE SEQUENCE IF NOT EXISTS dataset_ids;
    CREATE TABLE IF NOT EXISTS datasets (
        id BIGINT PRIMARY KEY, name VARCHAR UNIQUE, description VARCHAR, created TIMESTAMP, updated TIMESTAMP,
        retention_days BIGINT, wal_length BIGINT);
    CREATE TABLE IF NOT EXISTS fields (
        dataset BIGINT, position BIGINT, name VARCHAR, type VARCHAR, visible_at TIMESTAMP);
"""


@dataclass(frozen=True)
class Dataset:
    """A dataset as management calls show it. Times are naive and in UTC."""

    id: int
    name: str
    description: str
    created: datetime
    updated: datetime
    retention_days: int | None
    wal_length: int


@dataclass(frozen=True)
class View:
    """What is visible to one query. `fields` are in the order of a plain result."""

    cursor: duckdb.DuckDBPyConnection
    dataset: Dataset
    fields: dict[str, str]
    columns: dict[str, str]
    now: datetime

    def source(self, start: datetime, end: datetime) -> str:
        """SQL for the visible events with `_time` in [start, end); both naive and in UTC."""
        named = ", ".join(f"{column} AS {quoted(name)}" for name, column in self.columns.items())
        return (
            f"SELECT {named} FROM events_{self.dataset.id} "  # noqa: S608 - names of our own, and times
            f"WHERE visible_at <= {_timestamp(self.now)} "
            f"AND event_time >= {_timestamp(start)} AND event_time < {_timestamp(end)}"
        )


class AxiomStore:
    """The database. Safe to use from several threads: writes take turns, each reader has a cursor of its own."""

    def __init__(self, path: Path) -> None:
        self._database = duckdb.connect(str(path))
        for setting in SETTINGS:
            self._database.execute(setting)
        self._database.execute(SCHEMA)
        self._writing = threading.Lock()
        self.newest: dict[int, datetime] = {}
        """The newest time of an event that was stored since the start, naive and in UTC, by the dataset's id."""

    def close(self) -> None:
        """Close the file; everything acknowledged is in it."""
        self._database.close()

    def datasets(self) -> list[Dataset]:
        """All datasets by name."""
        with contextlib.closing(self._database.cursor()) as cursor:
            return [Dataset(*row) for row in cursor.execute("SELECT * FROM datasets ORDER BY name").fetchall()]

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name. Raises AxiomRefusal 404."""
        with contextlib.closing(self._database.cursor()) as cursor:
            return _dataset(cursor, name)

    def create(self, name: str, description: str, retention_days: int | None, now: datetime) -> None:
        """A new dataset. Raises AxiomRefusal 409 if there is one of that name."""
        at = now.replace(tzinfo=None)
        with self._write() as cursor:
            if cursor.execute("SELECT 1 FROM datasets WHERE name = ?", [name]).fetchone():
                raise AxiomRefusal(409, "entity exists")
            [(number,)] = cursor.execute("SELECT nextval('dataset_ids')").fetchall()
            row = [number, name, description, at, at, retention_days, 0]
            cursor.execute("INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            cursor.execute(
                f"CREATE TABLE events_{number} (event_time TIMESTAMP, sys_time TIMESTAMP, visible_at TIMESTAMP)"
            )

    def delete(self, name: str) -> None:
        """Drop a dataset with everything in it."""
        with self._write() as cursor:
            number = _dataset(cursor, name).id
            cursor.execute(f"DROP TABLE events_{number}")
            cursor.execute("DELETE FROM fields WHERE dataset = ?", [number])
            cursor.execute("DELETE FROM datasets WHERE id = ?", [number])

    def append(
        self,
        name: str,
        arrange: Callable[[Mapping[str, str]], Batch],
        *,
        now: datetime,
        rows_visible: datetime,
        fields_visible: datetime,
    ) -> tuple[Batch, int]:
        """Store the batch that `arrange` makes, given the fields so far; the batch and the new WAL length."""
        with self._write() as cursor:
            dataset = _dataset(cursor, name)
            known = _fields(cursor, dataset.id)
            batch = arrange({field: kind for field, (_, kind) in known.items()})
            columns = _place(cursor, dataset.id, known, batch, fields_visible.replace(tzinfo=None))
            _insert(cursor, dataset.id, batch, columns, now.replace(tzinfo=None), rows_visible.replace(tzinfo=None))
            length = dataset.wal_length + len(batch.times)
            cursor.execute("UPDATE datasets SET wal_length = ? WHERE id = ?", [length, dataset.id])
            if batch.times:
                self.newest[dataset.id] = max(*batch.times, self.newest.get(dataset.id, batch.times[0]))
            return batch, length

    @contextlib.contextmanager
    def reading(self, name: str, now: datetime) -> Iterator[View]:
        """A snapshot of the dataset, unchanged by what is ingested meanwhile. Raises AxiomRefusal 404."""
        at = now.replace(tzinfo=None)
        with contextlib.closing(self._database.cursor()) as cursor:
            cursor.begin()
            try:
                dataset = _dataset(cursor, name)
                seen = {field: (f"c{p}", kind) for field, (p, kind) in _fields(cursor, dataset.id, at).items()}
                fields = dict.fromkeys(TIMES, "datetime") | {f: seen[f][1] for f in sorted(seen)}
                columns = dict(TIMES) | {f: seen[f][0] for f in sorted(seen)}
                yield View(cursor, dataset, fields, columns, at)
            finally:
                cursor.rollback()

    @contextlib.contextmanager
    def _write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction, one at a time: committed whole, or not at all."""
        with self._writing, contextlib.closing(self._database.cursor()) as cursor:
            cursor.begin()
            try:
                yield cursor
            except BaseException:
                cursor.rollback()
                raise
            cursor.commit()


def quoted(name: str) -> str:
    """An identifier as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _timestamp(at: datetime) -> str:
    return f"TIMESTAMP '{at.isoformat(sep=' ')}'"


def _dataset(cursor: duckdb.DuckDBPyConnection, name: str) -> Dataset:
    row = cursor.execute("SELECT * FROM datasets WHERE name = ?", [name]).fetchone()
    if row is None:
        raise AxiomRefusal(404, "dataset not found")
    return Dataset(*row)


def _fields(
    cursor: duckdb.DuckDBPyConnection, dataset: int, visible: datetime | None = None
) -> dict[str, tuple[int, str]]:
    """Field to (position, type); with `visible`, only those that a query may name then."""
    rows = cursor.execute(
        "SELECT name, position, type FROM fields WHERE dataset = ? AND (? IS NULL OR visible_at <= ?)",
        [dataset, visible, visible],
    ).fetchall()
    return {name: (position, kind) for name, position, kind in rows}


def _place(
    cursor: duckdb.DuckDBPyConnection,
    dataset: int,
    known: Mapping[str, tuple[int, str]],
    batch: Batch,
    visible_at: datetime,
) -> dict[str, int]:
    """The position of every field of a batch; new fields get a column, integers that meet a fraction become floats."""
    places = {}
    for name, column in batch.columns.items():
        position, kind = known.get(name, (len(known) + len(places.keys() - known.keys()), None))
        places[name] = position
        if kind is None:
            cursor.execute(f"ALTER TABLE events_{dataset} ADD COLUMN c{position} {COLUMN_TYPES[column.type]}")
            cursor.execute(
                "INSERT INTO fields VALUES (?, ?, ?, ?, ?)", [dataset, position, name, column.type, visible_at]
            )
        elif kind != column.type:
            cursor.execute(f"ALTER TABLE events_{dataset} ALTER COLUMN c{position} TYPE DOUBLE")
            cursor.execute("UPDATE fields SET type = 'float' WHERE dataset = ? AND name = ?", [dataset, name])
    return places


def _insert(
    cursor: duckdb.DuckDBPyConnection,
    dataset: int,
    batch: Batch,
    places: Mapping[str, int],
    now: datetime,
    visible_at: datetime,
) -> None:
    """One statement for the whole batch: a list a column, unnested side by side."""
    if not batch.times:
        return
    columns = [f"c{places[name]}" for name in batch.columns]
    unnested = [f"unnest(?::{COLUMN_TYPES[column.type]}[])" for column in batch.columns.values()]
    cursor.execute(
        f"INSERT INTO events_{dataset} ({', '.join(['event_time', 'sys_time', 'visible_at', *columns])}) "
        f"SELECT {', '.join(['unnest(?::TIMESTAMP[])', '?::TIMESTAMP', '?::TIMESTAMP', *unnested])}",
        [batch.times, now, visible_at, *(column.values for column in batch.columns.values())],
    )
