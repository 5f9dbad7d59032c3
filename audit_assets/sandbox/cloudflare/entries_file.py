"""Real audit entries from a file: as the API gave them or as Logpush wrote them, in JSON or NDJSON, gzipped or not.

A record is recognized by its keys; Logpush's records are converted to those of the API. Nothing is dropped silently:
an unrecognized record is served unchanged, and one that can't be served is counted (docs/facts/cloudflare.md, 2.4, 3
and 4).
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from audit_assets.sandbox.cloudflare.audit_log import NANOSECONDS, TimedEntry, parsed_time
from audit_assets.sandbox.cloudflare.logpush_records import from_v1, from_v2

Stream = Literal["v2", "v1"]

MOST_PROBLEMS = 20
"""So many are described one by one; all are counted."""

_LATEST = datetime.max.replace(tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class EntriesFileError(Exception):
    """The file contains nothing that can be served; the message is one sentence with the reason."""


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
    """Not served: not JSON."""

    problems: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.v2) + len(self.v1)


def read_entries(path: Path) -> FileEntries:
    """Read a whole file. Raises EntriesFileError if it is missing, or no entry with a time is in it."""
    entries = FileEntries()
    untimed: list[tuple[Stream, str]] = []
    for place, record in _records(_text(path), path, entries):
        stream, body, time = _identify(record, "v2" if len(entries.v2) >= len(entries.v1) else "v1")
        if time is None:
            entries.unrecognized += 1
            _add_problem(entries, f"{place}: no audit entry with a time; served unchanged")
        if time is None and not len(entries):
            untimed.append((stream, body))
            continue
        _add(entries, stream, body, time)
    if not len(entries):
        raise EntriesFileError(f"{path} contains no audit entry with a time (v1, v2 or Logpush, as JSON or NDJSON)")
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


def _records(text: str, path: Path, entries: FileEntries) -> Iterator[tuple[str, Any]]:
    """Every record with its place: those of one JSON document, or of one document in each line."""
    try:
        yield from _records_in("record", _parse(text))
        return
    except ValueError:
        pass
    read = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            document = _parse(line)
        except ValueError:
            entries.unreadable += 1
            _add_problem(entries, f"line {number}: not JSON; not served")
            continue
        read += 1
        yield from _records_in(f"line {number}", document)
    if not read:
        raise EntriesFileError(f"{path} is neither JSON nor NDJSON")


def _records_in(place: str, document: Any) -> Iterator[tuple[str, Any]]:
    """The records of a reply of the API, of an array, or the one that the document is."""
    if isinstance(document, dict) and isinstance(document.get("result"), list):
        document = document["result"]
    if not isinstance(document, list):
        yield place, document
        return
    for number, record in enumerate(document, start=1):
        yield f"{place} {number}" if place == "record" else f"{place}, record {number}", record


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EntriesFileError(f"{path} can't be read: {error.strerror}") from None
    try:
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error):
        raise EntriesFileError(f"{path} is a damaged gzip file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EntriesFileError(f"{path} is not text in UTF-8") from None


def _parse(text: str) -> Any:
    """Strict JSON: a NaN would make the whole page invalid. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _compact(record: Any) -> str:
    """ASCII only: a lone surrogate can be sent only as an escape."""
    return json.dumps(record, separators=(",", ":"))


def _add_problem(entries: FileEntries, what: str) -> None:
    if len(entries.problems) < MOST_PROBLEMS:
        entries.problems.append(what)
