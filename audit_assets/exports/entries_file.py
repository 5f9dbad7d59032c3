"""Real audit entries from a file: as the API gave them or as Logpush wrote them, and as people put them together.

A record is recognized by its keys; Logpush's records are converted to those of the API. Nothing is dropped silently:
an unrecognized record is served unchanged, and one that can't be served is counted (docs/facts/cloudflare.md, 2.4, 3
and 4).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from audit_assets.exports.file_texts import (
    JSON_WANTED,
    EntriesFileError,
    named,
    shape_of,
    texts_in,
    visible,
)
from audit_assets.exports.json_values import UNREADABLE, json_values
from audit_assets.exports.logpush_records import from_v1, from_v2
from audit_assets.exports.timed_entries import NANOSECONDS, TimedEntry, parsed_time

Stream = Literal["v2", "v1"]

MOST_PROBLEMS = 20
"""So many are described one by one; all are counted."""

_LATEST = datetime.max.replace(tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass
class FileEntries:
    """The entries of a file by stream, ready to be served, and the problems of the file."""

    v2: list[TimedEntry] = field(default_factory=list)
    v1: list[TimedEntry] = field(default_factory=list)
    first: datetime = _LATEST
    last: datetime = _EARLIEST
    unrecognized: int = 0
    """Served unchanged: no known kind of record, or without a time (they get the time of the one before)."""

    unreadable: int = 0
    """Not served: not JSON, or an error reply of the API."""

    problems: list[str] = field(default_factory=list)
    shape: str = ""
    """What was found instead of an entry, first of all: the end of a sentence about the file."""

    def __len__(self) -> int:
        return len(self.v2) + len(self.v1)


def read_entries(path: Path) -> FileEntries:
    """Read a whole file. Raises EntriesFileError, which names what was found, if no entry with a time is in it."""
    entries = FileEntries()
    untimed: list[tuple[Stream, str]] = []
    for name, text in texts_in(path):
        where = f"{visible(name)}, " if name else ""
        for place, record in _records(text, where, entries):
            stream, body, time = _identify(record, "v2" if len(entries.v2) >= len(entries.v1) else "v1")
            if time is None:
                entries.unrecognized += 1
                _add_problem(entries, f"{place}: no audit entry with a time; served unchanged")
                entries.shape = entries.shape or _shape_of_record(record)
            if time is None and not len(entries):
                untimed.append((stream, body))
                continue
            _add(entries, stream, body, time)
    if not len(entries):
        raise EntriesFileError(f"{path} {entries.shape or 'is an empty zip file'}")
    for stream, body in untimed:
        getattr(entries, stream).append(TimedEntry(entries.first, body))
    return entries


def _add(entries: FileEntries, stream: Stream, body: str, time: datetime | None) -> None:
    """File an entry under its time, or under that of the last one before it."""
    kept = getattr(entries, stream)
    if time is None:
        kept.append(TimedEntry(kept[-1].time if kept else entries.last, body))
        return
    entries.first, entries.last = min(entries.first, time), max(entries.last, time)
    kept.append(TimedEntry(time, body))


def _identify(record: Any, otherwise: Stream) -> tuple[Stream, str, datetime | None]:
    """Which stream the record belongs to, its text in the API's shape, and its time if it has one."""
    if not isinstance(record, dict):
        return otherwise, _compact(record), None
    if "ActionTimestamp" in record or "AuditLogID" in record:
        stream, entry = "v2", from_v2(record)
    elif "When" in record or "OwnerID" in record:
        stream, entry = "v1", from_v1(record)
    elif "when" in record or "owner" in record:
        stream, entry = "v1", record
    elif "action" in record or "actor" in record:
        stream, entry = "v2", record
    else:
        stream, entry = otherwise, record
    return stream, _compact(entry), _time(entry, stream)


def _time(entry: dict[str, Any], stream: Stream) -> datetime | None:
    try:
        moment = parsed_time(entry["action"]["time"] if stream == "v2" else entry["when"])
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment * 1_000_000 // NANOSECONDS)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _records(text: str, where: str, entries: FileEntries) -> Iterator[tuple[str, Any]]:
    """Every record of a text with its place, which begins with `where`. What can't be read is counted."""
    values = json_values(text)
    first = [*islice(values, 2)]
    is_json = False
    for line, value in chain(first, values):
        if value is UNREADABLE:
            _add_unreadable(entries, f"{where}line {line}: not JSON; not served")
            continue
        is_json = True
        for number, record in enumerate(_flatten(value), start=1):
            in_line = f"{where}line {line}" if record is value else f"{where}line {line}, record {number}"
            place = f"{where}record {number}" if len(first) == 1 else in_line
            if _is_error(record):
                entries.shape = entries.shape or f"is an error reply of Cloudflare's API: {_reasons(record)}"
                _add_unreadable(entries, f"{place}: an error reply of Cloudflare's API; not served")
            else:
                yield place, record
    entries.shape = entries.shape or (f"contains no audit entry: {JSON_WANTED}" if is_json else shape_of(text))


def _add_unreadable(entries: FileEntries, problem: str) -> None:
    entries.unreadable += 1
    _add_problem(entries, problem)


def _flatten(document: Any) -> Iterator[Any]:
    """The records of replies of the API, of lists of either, or the one that the document is."""
    pending = [document]
    while pending:
        each = pending.pop()
        if isinstance(each, dict) and isinstance(each.get("result"), list):
            each = each["result"]
        if isinstance(each, list):
            pending += reversed(each)
        else:
            yield each


def _is_error(record: Any) -> bool:
    return isinstance(record, dict) and record.get("success") is False and isinstance(record.get("errors"), list)


def _reasons(reply: dict[str, Any]) -> str:
    errors = [error for error in reply["errors"] if isinstance(error, dict)]
    return "; ".join(visible(f"{error.get('code', '')} {error.get('message', '')}".strip()) for error in errors[:3])


def _shape_of_record(record: Any) -> str:
    """What a record is that is no audit entry with a time, as the end of a sentence about its file."""
    if not isinstance(record, dict):
        return f"contains no audit entry, but other values: {JSON_WANTED}"
    return f"contains no audit entry with a time, but objects with the keys {named([*record])}: {JSON_WANTED}"


def _compact(record: Any) -> str:
    """ASCII only: a lone surrogate can be sent only as an escape."""
    return json.dumps(record, separators=(",", ":"))


def _add_problem(entries: FileEntries, what: str) -> None:
    if len(entries.problems) < MOST_PROBLEMS:
        entries.problems.append(what)
