"""The entities of the sandbox's Linear as JSON documents in SQLite, with the uniqueness rules of Linear.

An entity has an id, at most one parent (a comment's issue, an issue's team) and at most one alias (an issue's
identifier, an attachment's url); ids are unique per kind and aliases per parent, by the database's own constraints.
What may be written, and the answer to a conflict of ids, is decided in mutation_resolvers.py.
"""

import contextlib
import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from audit_assets.sandbox.sandbox_clock import SandboxClock

Kind = Literal[
    "User",
    "Team",
    "Project",
    "WorkflowState",
    "IssueLabel",
    "Issue",
    "Comment",
    "Attachment",
    "IssueRelation",
    "Upload",
]
Entity = dict[str, Any]
"""The fields of one entity, named as in the schema; times are ISO texts, relations are ids."""

_TABLES = """
CREATE TABLE IF NOT EXISTS entity (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    alias TEXT,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS entity_alias ON entity (kind, parent, alias) WHERE alias IS NOT NULL;
CREATE INDEX IF NOT EXISTS entity_parent ON entity (kind, parent);
"""


class IdTaken(Exception):
    """An entity of this kind has that id already."""


class LinearStore:
    """One workspace. Safe to use from several threads; `lock` makes several steps one."""

    def __init__(self, path: Path, clock: SandboxClock) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._database.close()

    def now(self) -> str:
        """The sandbox's time as Linear writes times."""
        return timestamp(self.clock.now())

    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return self._database.execute("SELECT NOT EXISTS (SELECT 1 FROM entity)").fetchone()[0] == 1

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's writes, or none of them."""
        with self.lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def add(self, kind: Kind, fields: Entity, *, parent: str | None = None, alias: str | None = None) -> Entity:
        """Write a new entity; `fields` may bring its own id and createdAt. Raises `IdTaken`."""
        now = self.now()
        entity = {"createdAt": now, "updatedAt": now, "archivedAt": None, **fields}
        entity["id"] = entity.get("id") or str(uuid.uuid4())
        if self.find(kind, entity["id"]):
            raise IdTaken(entity["id"])
        self._database.execute(
            "INSERT INTO entity (kind, id, parent, alias, body) VALUES (?, ?, ?, ?, ?)",
            (kind, entity["id"], parent, alias, json.dumps(entity)),
        )
        return entity

    def change(self, kind: Kind, entity_id: str, changes: Entity, *, touch: bool = True) -> Entity:
        """Overwrite some fields. `touch`: whether that counts as an update of the entity."""
        entity = self.get(kind, entity_id) | changes
        if touch:
            entity["updatedAt"] = self.now()
        self._database.execute(
            "UPDATE entity SET body = ? WHERE kind = ? AND id = ?", (json.dumps(entity), kind, entity_id)
        )
        return entity

    def move(self, kind: Kind, entity_id: str, changes: Entity, *, parent: str, alias: str) -> Entity:
        """As `change`, with another parent and alias."""
        entity = self.change(kind, entity_id, changes)
        self._database.execute(
            "UPDATE entity SET parent = ?, alias = ? WHERE kind = ? AND id = ?", (parent, alias, kind, entity_id)
        )
        return entity

    def remove(self, kind: Kind, entity_id: str) -> None:
        """Remove an entity and its children."""
        self._database.execute(
            "DELETE FROM entity WHERE (kind = ? AND id = ?) OR parent = ?", (kind, entity_id, entity_id)
        )

    def find(self, kind: Kind, entity_id: str) -> Entity | None:
        """The entity with that id, if there is one."""
        return self._one("SELECT body FROM entity WHERE kind = ? AND id = ?", kind, entity_id)

    def get(self, kind: Kind, entity_id: str) -> Entity:
        """The entity with that id. Raises KeyError."""
        entity = self.find(kind, entity_id)
        if entity is None:
            raise KeyError(f"no {kind} {entity_id}")
        return entity

    def named(self, kind: Kind, alias: str, parent: str | None = None) -> Entity | None:
        """The entity with that alias, of that parent if one is given."""
        if parent is None:
            return self._one("SELECT body FROM entity WHERE kind = ? AND alias = ?", kind, alias)
        query = "SELECT body FROM entity WHERE kind = ? AND alias = ? AND parent = ?"
        return self._one(query, kind, alias, parent)

    def all(self, kind: Kind, parent: str | None = None) -> list[Entity]:
        """The entities of that kind, of that parent if one is given, in the order in which they were added."""
        with self.lock:
            if parent is None:
                rows = self._database.execute("SELECT body FROM entity WHERE kind = ? ORDER BY seq", (kind,))
            else:
                query = "SELECT body FROM entity WHERE kind = ? AND parent = ? ORDER BY seq"
                rows = self._database.execute(query, (kind, parent))
            return [json.loads(body) for (body,) in rows]

    def _one(self, query: str, *values: str) -> Entity | None:
        with self.lock:
            row = self._database.execute(query, values).fetchone()
        return json.loads(row[0]) if row else None


def timestamp(time: datetime) -> str:
    """As Linear writes times: UTC, milliseconds, a Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
