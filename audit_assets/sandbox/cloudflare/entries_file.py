"""Real audit entries from a file: as the API gave them or as Logpush wrote them, in JSON or NDJSON, gzipped or not.

What each record is, is seen from its keys; Logpush's records are turned back into those of the API. Nothing is
dropped in silence: what can't be understood is served as it stands, for a client to make of it what it can, and what
can't even be served is counted. Facts: facts/cloudflare.md, 2.4, 3 and 4.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from audit_assets.sandbox.cloudflare.log import NANOSECONDS, Timed, parsed_time
from audit_assets.sandbox.cloudflare.logpush import from_v1, from_v2

Stream = Literal["v2", "v1"]

MOST_TROUBLES = 20
"""So many are told of one by one; all are counted."""

_LATEST = datetime.max.replace(tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class EntriesFileError(Exception):
    """The file holds nothing that could be served; one sentence that says why."""


@dataclass
class FileEntries:
    """The entries of a file, by stream and ready to be served, and what was amiss with it."""

    v2: list[Timed] = field(default_factory=list)
    v1: list[Timed] = field(default_factory=list)
    first: datetime = _LATEST
    last: datetime = _EARLIEST
    not_understood: int = 0
    """Served as they stand: no known kind of record, or without a time (they then have the time of the one before)."""

    unreadable: int = 0
    """Not served: no JSON."""

    troubles: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.v2) + len(self.v1)


def read_entries(path: Path) -> FileEntries:
    """Read a whole file. Raises EntriesFileError if it is missing, or no entry with a time is in it."""
    entries = FileEntries()
    untimed: list[tuple[Stream, str]] = []
    for place, record in _records(_text(path), path, entries):
        stream, body, time = _recognised(record, "v2" if len(entries.v2) >= len(entries.v1) else "v1")
        if time is None:
            entries.not_understood += 1
            _trouble(entries, f"{place}: no audit entry with a time; served as it stands")
        if time is None and not len(entries):
            untimed.append((stream, body))
            continue
        _add(entries, stream, body, time)
    if not len(entries):
        raise EntriesFileError(f"{path} holds no audit entry with a time (v1, v2 or Logpush, as JSON or NDJSON)")
    for stream, body in untimed:
        getattr(entries, stream).append(Timed(entries.first, body))
    return entries


def _add(entries: FileEntries, stream: Stream, body: str, time: datetime | None) -> None:
    """File an entry under its time, or under that of the last one before it."""
    kept = getattr(entries, stream)
    if time is None:
        kept.append(Timed(kept[-1].time if kept else entries.last, body))
        return
    entries.first, entries.last = min(entries.first, time), max(entries.last, time)
    kept.append(Timed(time, body))


def _recognised(record: Any, otherwise: Stream) -> tuple[Stream, str, datetime | None]:
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
    """Every record with the place where it stands: of one JSON document, or of a document a line."""
    try:
        yield from _unpacked("record", _parsed(text))
        return
    except ValueError:
        pass
    read = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            document = _parsed(line)
        except ValueError:
            entries.unreadable += 1
            _trouble(entries, f"line {number}: no JSON; not served")
            continue
        read += 1
        yield from _unpacked(f"line {number}", document)
    if not read:
        raise EntriesFileError(f"{path} is neither JSON nor NDJSON")


def _unpacked(place: str, document: Any) -> Iterator[tuple[str, Any]]:
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


def _parsed(text: str) -> Any:
    """Strict JSON: a NaN that was served would spoil the page for every entry on it. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _compact(record: Any) -> str:
    """ASCII alone: a lone surrogate travels only as an escape."""
    return json.dumps(record, separators=(",", ":"))


def _trouble(entries: FileEntries, what: str) -> None:
    if len(entries.troubles) < MOST_TROUBLES:
        entries.troubles.append(what)
