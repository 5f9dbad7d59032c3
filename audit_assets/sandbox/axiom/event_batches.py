"""From the body of an ingest request to columns: decompress, parse, flatten, and apply Axiom's limits.

Source: docs/facts/axiom.md, 2.1 and 6. Where Axiom's behaviour is unknown (a field of two types, a literal dot in a
key, CSV, zstd) the whole request is refused.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomBehaviour, AxiomRefusal

JSON_TYPES = frozenset({"application/json", "application/x-ndjson", "application/nd-json"})

RESERVED = frozenset({"_blockInfo", "_cursor", "_rowID", "_source", "_sysTime"})
"""Names that Axiom reserves: an event's own field of that name is renamed."""

NAME_BYTES = 200
DEEPEST = 100

TOO_LONG = "<invalid string: too long>"
NOT_TEXT = "<invalid data>"

FIELD_TYPES: Mapping[type, str] = {str: "string", int: "integer", float: "float", bool: "boolean", list: "array"}


@dataclass(frozen=True)
class Column:
    """The values of one field, one for each event that is kept; None where an event lacks it."""

    type: str
    values: list[Any]


@dataclass(frozen=True)
class Batch:
    """What one request stores. `times` are naive and in UTC, as in the database."""

    times: list[datetime]
    columns: dict[str, Column]
    failures: list[dict[str, str]]


def decompress(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """The body before compression. Raises AxiomRefusal for one that can't be read."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            return _gunzip(body, most_bytes)
        case "zstd":
            raise AxiomRefusal(400, "the sandbox does not read zstd, which Axiom does: send gzip")
        case unknown:
            raise AxiomRefusal(400, f"the sandbox does not know the content encoding {unknown[:20]!r}")


def _gunzip(body: bytes, most_bytes: int) -> bytes:
    unzip = zlib.decompressobj(31)
    try:
        whole = unzip.decompress(body, most_bytes + 1)
    except zlib.error:
        raise AxiomRefusal(400, "the body is not gzip") from None
    if len(whole) > most_bytes:
        raise AxiomRefusal(413, "the body is too large")
    if not unzip.eof or unzip.unused_data:
        raise AxiomRefusal(400, "the body is not one whole gzip stream")
    return whole


def parse_events(body: bytes, content_type: str) -> list[dict[str, Any]]:
    """The events of a decompressed body: a JSON array, or one JSON object a line."""
    media = content_type.partition(";")[0].strip().lower()
    if media not in JSON_TYPES:
        raise AxiomRefusal(400, f"the sandbox does not read {media[:40]!r}: send NDJSON or a JSON array")
    text = body.decode("utf-8", "surrogateescape")
    try:
        if media == "application/json" and text.lstrip().startswith("["):
            events = _read(text)
        else:
            events = [_read(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        raise AxiomRefusal(400, "the body is not JSON") from None
    if not all(type(event) is dict for event in events):
        raise AxiomRefusal(400, "every event must be a JSON object")
    return events


_read = json.JSONDecoder(parse_constant=lambda _: None).decode
"""NaN and the infinities become null (docs/facts/axiom.md, 6)."""


def build_batch(
    events: Sequence[dict[str, Any]], fields: Mapping[str, str], now: datetime, behaviour: AxiomBehaviour
) -> Batch:
    """Columns from events, for a dataset that has `fields` (name to type) so far.

    An event that breaks a limit is left out and reported; a batch that the sandbox can't store truthfully is refused.
    """
    if len(events) > behaviour.batch_events:
        raise AxiomRefusal(400, f"a batch may hold {behaviour.batch_events:,} events at most, not {len(events):,}")
    kept, times, failures = [], [], []
    names = set(fields)
    shapes: set[tuple[str, ...]] = set()
    for event in events:
        try:
            flat = _flattened(event, shapes)
            time = _time_of(flat.pop("_time", None), now)
            if behaviour.oldest_event and time < (now - behaviour.oldest_event).astimezone(UTC).replace(tzinfo=None):
                raise ValueError("the event is too old")
            new = flat.keys() - names
            if new:
                _check_new(new, len(names), behaviour.field_limit)
                names |= new
        except ValueError as problem:
            failures.append({"timestamp": now.isoformat().replace("+00:00", "Z"), "error": str(problem)})
            continue
        kept.append(flat)
        times.append(time)
    return Batch(times, _columns(kept, fields, behaviour.string_bytes), failures)


def _flattened(event: dict[str, Any], shapes: set[tuple[str, ...]]) -> dict[str, Any]:
    """Nested objects as dotted names; arrays stay. `shapes` are the lists of names that need nothing done."""
    if dict in map(type, event.values()):
        return _renamed(dict(_leaves(event, "", 1)))
    shape = tuple(event)
    if shape not in shapes:
        if any("." in name for name in shape):
            raise _dotted_key()
        if not RESERVED.isdisjoint(shape):
            return _renamed(event)
        shapes.add(shape)
    return event


def _renamed(flat: dict[str, Any]) -> dict[str, Any]:
    return {f"_user_{name}" if name in RESERVED else name: value for name, value in flat.items()}


def _leaves(node: dict[str, Any], prefix: str, depth: int) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, value in node.items():
        if "." in key:
            raise _dotted_key()
        if type(value) is not dict:
            leaves.append((prefix + key, value))
        elif depth < DEEPEST:
            leaves.extend(_leaves(value, f"{prefix}{key}.", depth + 1))
        else:
            leaves.append((prefix + key, None))
    return leaves


def _dotted_key() -> AxiomRefusal:
    return AxiomRefusal(400, "the sandbox does not store keys with a literal dot: send flat snake_case names")


def _check_new(new: set[str], known: int, limit: int) -> None:
    for name in new:
        if not name or len(name.encode("utf-8", "replace")) > NAME_BYTES:
            raise ValueError(f"a field name must have 1 to {NAME_BYTES} bytes")
    if known + len(new) > limit:
        raise ValueError(f"the dataset would have more than {limit:,} fields")


def _time_of(value: Any, now: datetime) -> datetime:
    """`_time` as a naive datetime in UTC: RFC 3339, or an epoch whose unit follows from its size. Missing: now."""
    if value is None:
        return now.replace(tzinfo=None)
    try:
        if type(value) is str:
            time = datetime.fromisoformat(value)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
        if type(value) in (int, float):
            return datetime(1970, 1, 1) + timedelta(seconds=value / _epoch_unit(abs(value)))  # noqa: DTZ001 - naive UTC
    except (ValueError, OverflowError):
        pass
    raise ValueError("_time is not a time")


def _epoch_unit(size: float) -> int:
    for unit, largest in ((1, 1e11), (1_000, 1e14), (1_000_000, 1e17)):
        if size < largest:
            return unit
    return 1_000_000_000


def _columns(events: list[dict[str, Any]], fields: Mapping[str, str], string_bytes: int) -> dict[str, Column]:
    columns = {}
    for name, values in _by_name(events).items():
        kinds = {*map(type, values)} - {type(None)}
        if kinds:
            columns[name] = _column(name, values, kinds, fields.get(name), string_bytes)
    return columns


def _by_name(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The events as columns. A batch whose events have the same keys, as most have, needs no look-up per value."""
    if len(set(map(tuple, events))) == 1:
        return dict(zip(events[0], map(list, zip(*map(dict.values, events), strict=True)), strict=True))
    return {name: [event.get(name) for event in events] for name in dict.fromkeys(chain.from_iterable(events))}


def _column(name: str, values: list[Any], kinds: set[type], known: str | None, string_bytes: int) -> Column:
    types = {FIELD_TYPES[kind] for kind in kinds} | ({known} if known else set())
    if types == {"integer", "float"}:
        types = {"float"}
    if len(types) > 1:
        raise AxiomRefusal(400, f"the sandbox does not store a field of several types: {name!r} is {sorted(types)}")
    (only,) = types
    match only:
        case "string":
            return Column(only, _clean(values, string_bytes))
        case "float":
            return Column(only, [_finite(value) for value in values])
        case "array":
            return Column(only, [None if value is None else _array_text(value) for value in values])
        case "integer" if not all(value is None or -(2**63) <= value < 2**63 for value in values):
            raise AxiomRefusal(400, f"the sandbox does not store integers beyond 64 bits: field {name!r}")
    return Column(only, values)


def _finite(value: float | None) -> float | None:
    """A number as a float; what is beyond a float's range becomes null, as infinities do."""
    try:
        return None if value is None or not math.isfinite(value) else float(value)
    except OverflowError:
        return None


def _array_text(value: list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


_SURROGATE = re.compile("[\ud800-\udfff]")


def _clean(values: list[str | None], string_bytes: int) -> list[str | None]:
    """Replace strings that are too long or not valid Unicode. One check of all together comes first: most are fine."""
    texts = [value for value in values if value is not None]
    if max(map(len, texts)) * 4 <= string_bytes and not _SURROGATE.search("".join(texts)):
        return values
    return [None if value is None else _clean_string(value, string_bytes) for value in values]


def _clean_string(value: str, string_bytes: int) -> str:
    if _SURROGATE.search(value):
        return NOT_TEXT
    return TOO_LONG if len(value.encode()) > string_bytes else value
