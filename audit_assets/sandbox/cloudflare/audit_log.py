"""A stream of audit entries in the order of time, of which only those are visible that have arrived by now.

Here: keeping, ordering and finding entries. Not here: parameters (list_parameters) and pages (list_responses).
"""

import json
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from audit_assets.exports.timed_entries import NANOSECONDS, TimedEntry, nanoseconds, parsed_time


class Row(NamedTuple):
    """An entry as it is kept; `number` orders entries of the same time by arrival."""

    time: int
    number: int
    visible: int
    body: bytes


Entry = Mapping[str, Any] | str | TimedEntry
"""A JSON object (or its text) that contains its time, or any text with a time."""


class AuditLog:
    """The entries of one stream."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._rows: list[Row] = []
        self._longest_delay = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        entries: Iterable[Entry],
        visible_at: datetime | None = None,
        delay: Callable[[Entry], timedelta] = lambda _: timedelta(0),
    ) -> None:
        """Keep more entries; each is visible `delay` after its time, and not before `visible_at`.

        Raises ValueError for an entry without a time.
        """
        earliest = nanoseconds(visible_at) if visible_at else 0
        with self._lock:
            number = len(self._rows)
            added: list[Row] = []
            for entry in entries:
                time = self._time_of(entry)
                late = round(delay(entry).total_seconds() * NANOSECONDS)
                body = as_json(entry.body if isinstance(entry, TimedEntry) else entry)
                added.append(Row(time, number + len(added), max(time + late, earliest), body))
            self._longest_delay = max([self._longest_delay, *(row.visible - row.time for row in added)])
            self._rows = sorted(self._rows + added)

    def visible(self, low: int, high: int, now: int) -> list[Row]:
        """The entries with a time in [low, high) that have arrived by `now`, oldest first. All in nanoseconds."""
        rows, settled_before = self._rows, now - self._longest_delay
        first, end = (bisect_left(rows, (moment,)) for moment in (low, min(high, now + 1)))
        settled = min(max(first, bisect_left(rows, (settled_before,))), end)
        return rows[first:settled] + [row for row in rows[settled:end] if row.visible <= now]

    def _time_of(self, entry: Entry) -> int:
        if isinstance(entry, TimedEntry):
            return nanoseconds(entry.time)
        try:
            record = json.loads(entry) if isinstance(entry, str) else entry
            return parsed_time(record["when"] if self.stream == "v1" else record["action"]["time"])
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f"an entry of {self.stream} without a time of its own: give it one with TimedEntry"
            ) from None


def as_json(body: Mapping[str, Any] | str | bytes) -> bytes:
    """The text that is served: as given, or compact JSON in UTF-8."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate travels only as an escape
        return json.dumps(body, separators=(",", ":")).encode()
