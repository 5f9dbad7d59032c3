"""Normalizes raw audit entries into a typed frame, which is what everything else reads.

Nothing in an entry raises here. Anything but a JSON object with an id and a time is quarantined with its reason;
everything else is in the frame, with its whole text in `raw`, or as much of it as JSON can hold: what nobody can write
into a column must not hide a change. Kinds of changes are in change_kinds.py, identities of actors in actor_keys.py,
the fields of both streams in entry_fields.py.
"""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from audit_assets.cloudflare import timestamps
from audit_assets.cloudflare.actor_keys import actor_key, actor_label
from audit_assets.cloudflare.change_kinds import FAILURE, change_kind
from audit_assets.cloudflare.entry_fields import (
    STREAMS,
    EntryFields,
    escape_surrogates,
    parse_fields,
    text,
)
from audit_assets.cloudflare.entry_json import (
    NotJson,
    PlainEntry,
    entry_text,
    parse_json,
    rescue_entry,
    salvage_text,
    shallow_text,
)
from audit_assets.cloudflare.plain_entries import UNKNOWN, PlainEntries, type_of_nobody
from audit_assets.cloudflare.seen_entries import IDENTITY_BYTES, SeenEntries

ENTRY_SCHEMA = pl.Schema(
    {
        "entry_id": pl.String(),
        "stream": pl.String(),
        "account_id": pl.String(),
        "native_id": pl.String(),
        "time": pl.Datetime("us", "UTC"),
        "actor_key": pl.String(),
        "actor": pl.String(),
        "actor_type": pl.String(),
        "actor_email": pl.String(),
        "actor_id": pl.String(),
        "token_id": pl.String(),
        "token_name": pl.String(),
        "interface": pl.String(),
        "ip_address": pl.String(),
        "user_agent": pl.String(),
        "action": pl.String(),
        "change_kind": pl.String(),
        "action_description": pl.String(),
        "action_result": pl.String(),
        "is_change": pl.Boolean(),
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "resource_product": pl.String(),
        "zone_id": pl.String(),
        "zone_name": pl.String(),
        "method": pl.String(),
        "uri": pl.String(),
        "status_code": pl.Int64(),
        "ray_id": pl.String(),
        "raw": pl.String(),
    }
)
"""A row is an audit entry. Missing values are null, except `action_result`, which is then "", as it is in v2. `raw` is
its JSON text; of one that JSON can't hold it is ASCII, with a mark in place of what is missing (`rescue_entry`)."""

_MOSTLY_UNIQUE = frozenset({"entry_id", "native_id", "ray_id", "uri", "raw"})

CREDIBLE = (
    (datetime(2009, 1, 1, tzinfo=UTC) - timestamps.EPOCH) // timestamps.MICROSECOND,
    (datetime(2100, 1, 1, tzinfo=UTC) - timestamps.EPOCH) // timestamps.MICROSECOND,
)
"""Cloudflare was founded after the first, and the second is far off: a time outside of these is broken, like one that
can't be parsed. A credible time outside of the requested window is another matter: then no entry is trusted."""


@dataclass(frozen=True)
class Quarantined:
    """An item of a page that is no usable entry; `after` is the time of the entry before it, if any.

    `reason` goes into the stored id (axiom/events.py): its wording never changes.
    """

    stream: str
    reason: str
    native_id: str | None
    time: datetime | None
    raw: str
    after: datetime | None = None

    def record(self) -> dict[str, Any]:
        """The values that are stored."""
        return {name: value for name, value in vars(self).items() if name != "after"}


@dataclass(frozen=True)
class Unreadable:
    """An item of a page whose JSON text could not be parsed as a whole."""

    text: str
    reason: str


def normalize_entries(raw: Sequence[Any], stream: str, account_id: str) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Entries of one stream (of STREAMS) as Cloudflare's API lists them.

    In: any JSON values. Out: a frame in ENTRY_SCHEMA, in the order given, one row per entry_id, and the quarantined
    items, as dicts of stream, reason, native_id (str or None), time (aware datetime or None) and raw (ASCII JSON
    text). Each item is in one of the two exactly once; items that are equal, id and all, are one entry. Of two with
    the same id that are not equal, the first is kept and the other quarantined. Raises only ValueError, for a stream
    that does not exist.
    """
    frame, quarantined = Normalizer(stream, account_id).normalize(raw)
    return frame, [each.record() for each in quarantined]


class Normalizer:
    """Normalizes the pages of one stream and remembers across them which entries it has seen."""

    def __init__(self, stream: str, account_id: str) -> None:
        if stream not in STREAMS:
            raise ValueError(f"the streams are {', '.join(STREAMS)}, not {stream!r}")
        self.stream = stream
        self.account_id: str = escape_surrogates(account_id)
        self._id_prefix = hashlib.sha256(f"{stream}\0{self.account_id}\0".encode())
        self._seen = SeenEntries()
        self._known: dict[bytes, int] = {}  # of the entries of a page, those that were seen, and
        self._new: dict[bytes, int] = {}  # of these, those that came on it
        self._latest: int | None = None

    def normalize(self, items: Sequence[Any]) -> tuple[pl.DataFrame, list[Quarantined]]:
        """The entries that were not seen before, in ENTRY_SCHEMA, and the quarantined items.

        Plain entries are read together, the others one by one; which entry came first is decided in their order.
        """
        plain = None if self.stream == "v1" else PlainEntries(items, self.stream, self.account_id, CREDIBLE)
        digests = [self._digest(native_id) for native_id in plain.ids] if plain else []
        own = zip(digests, plain.ids, plain.times, strict=True) if plain else ()
        known = dict(zip(plain.places, own, strict=True)) if plain else {}
        self._known = self._seen.before([digest[:IDENTITY_BYTES] for digest in digests])
        self._new = {}
        kept: dict[int, tuple[str, str, int, str]] = {}
        rows: dict[int, dict[str, Any]] = {}
        quarantined: list[Quarantined] = []
        for place, item in enumerate(items):
            try:
                if place in known:
                    digest, native_id, self._latest = known[place]
                    if self._is_new(digest, item.text):
                        kept[place] = digest.hex(), native_id, self._latest, item.text
                elif row := self._row(item):
                    rows[place] = row
            except _UnusableEntry as failure:
                quarantined.append(self._quarantine(item, str(failure)))
        self._seen.add(self._new)
        frame = self._frame(kept, plain)
        return (_with_rows(frame, [*kept], rows) if rows else frame), quarantined

    def _frame(self, kept: dict[int, tuple[str, str, int, str]], plain: PlainEntries | None) -> pl.DataFrame:
        """The plain entries at these places, each with its entry_id, native_id, time and raw."""
        if not (kept and plain):
            return ENTRY_SCHEMA.to_frame()
        own = dict(zip(("entry_id", "native_id", "time", "raw"), zip(*kept.values(), strict=True), strict=True))
        columns = plain.columns(kept) | {name: _column(name, values) for name, values in own.items()}
        same = {"stream": self.stream, "account_id": self.account_id}
        columns |= {name: pl.Series(name, [value]).new_from_index(0, len(kept)) for name, value in same.items()}
        return pl.DataFrame([columns[name] for name in ENTRY_SCHEMA])

    def _row(self, item: Any) -> dict[str, Any] | None:
        """The entry's values by the columns of ENTRY_SCHEMA; None if it was seen before."""
        entry = _value(item)
        if not isinstance(entry, dict):
            raise _UnusableEntry(item.reason if isinstance(item, Unreadable) else "it is not a JSON object")
        raw, compared, flaw = _texts(item, entry)
        native_id = text(entry.get("id"))
        if native_id is None:
            raise _UnusableEntry(flaw or "it has no id")
        fields = parse_fields(self.stream, entry)
        time = _time(fields)
        if time is None:
            raise _UnusableEntry(flaw or "it has no time that can be read")
        self._latest = time
        digest = self._digest(native_id)
        if digest[:IDENTITY_BYTES] not in self._known:
            self._known |= self._seen.before([digest[:IDENTITY_BYTES]])
        if not self._is_new(digest, compared):
            return None
        actor_type = "token" if fields.token_id else (fields.actor_type or type_of_nobody(entry)).lower()
        actor_id, email, token_id = fields.actor_id, fields.actor_email, fields.token_id
        kind = change_kind(self.stream, fields.action, fields.action_description, fields.uri)
        row = fields._asdict() | {
            "entry_id": digest.hex(),
            "stream": self.stream,
            "account_id": self.account_id,
            "native_id": native_id,
            "time": time,
            "actor_key": actor_key(self.account_id, token_id, actor_id, email, actor_type),
            "actor": actor_label(token_id, fields.token_name, actor_id, email, actor_type),
            "actor_type": actor_type,
            "action": fields.action.lower() if fields.action else None,
            "change_kind": kind,
            "is_change": kind is not None and fields.action_result != FAILURE,
            "resource_type": fields.resource_type or UNKNOWN,
            "raw": raw,
        }
        return row if flaw is None else {name: escape_surrogates(value) for name, value in row.items()}

    def _digest(self, native_id: str) -> bytes:
        """The entry_id, as bytes."""
        digest = self._id_prefix.copy()
        digest.update(native_id.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def _is_new(self, digest: bytes, compared: Hashable) -> bool:
        """Whether this very entry did not come before; half of an id and a hash of the body are enough to recognise
        it."""
        identity, body = digest[:IDENTITY_BYTES], hash(compared)
        before = self._known.get(identity)
        if before is None:
            self._known[identity] = self._new[identity] = body
            return True
        if before != body:  # the reason goes into a stored id, so its wording stays
            raise _UnusableEntry("another entry with the same id says something else")
        return False

    def _quarantine(self, item: Any, reason: str) -> Quarantined:
        after = self._latest
        value = _value(item)
        entry = value if isinstance(value, dict) else {}
        time = _time(parse_fields(self.stream, entry))
        return Quarantined(
            stream=self.stream,
            reason=reason,
            native_id=escape_surrogates(text(entry.get("id"))),
            time=None if time is None else timestamps.to_datetime(time),
            raw=salvage_text(item.text if isinstance(item, Unreadable) else value),
            after=None if after is None else timestamps.to_datetime(after),
        )


class _UnusableEntry(Exception):
    """Why an item is no usable entry; its text becomes the `reason` of a `Quarantined`."""


def _value(item: Any) -> Any:
    """The item's value, of an unreadable one its upper levels; None if not even these can be parsed."""
    if isinstance(item, PlainEntry):
        return item.value()
    if not isinstance(item, Unreadable):
        return item
    try:
        return parse_json(shallow_text(item.text))
    except (ValueError, RecursionError):
        return None


def _texts(item: Any, entry: dict[Any, Any]) -> tuple[str, Hashable, str | None]:
    """What is kept of an entry, what others with its id are compared by, and why it can't be kept as it is, if so."""
    if isinstance(item, PlainEntry):
        return item.text, item.text, None
    if isinstance(item, Unreadable):
        flaw = item.reason
    else:
        try:
            raw = entry_text(entry)
        except NotJson as failure:
            flaw = str(failure)
        else:
            return raw, raw, None
    rescued, whole = rescue_entry(entry)
    return rescued, (flaw, whole), flaw


def _time(fields: EntryFields) -> int | None:
    try:
        time = timestamps.parse_microseconds(fields.time)
    except ValueError:
        return None
    return time if CREDIBLE[0] <= time < CREDIBLE[1] else None


def _with_rows(frame: pl.DataFrame, places: list[int], rows: dict[int, dict[str, Any]]) -> pl.DataFrame:
    """The entries at these places and those that were read one by one, in the order of their places."""
    others = pl.DataFrame([_column(name, [row[name] for row in rows.values()]) for name in ENTRY_SCHEMA])
    order = pl.Series([*places, *rows]).arg_sort()
    return pl.concat([frame, others])[order] if places else others


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    """Times are microseconds since 1970, which polars takes much faster than datetimes.

    A text that repeats is kept once: of an hour of 200,000 entries that saves some 60 MB.
    """
    dtype = ENTRY_SCHEMA[name]
    if name == "time":
        return pl.Series(name, values, dtype=pl.Int64).cast(dtype)
    if dtype != pl.String or name in _MOSTLY_UNIQUE:
        return pl.Series(name, values, dtype=dtype)
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if len(places) > len(values) / 2:
        return pl.Series(name, values, dtype=dtype)
    return pl.Series(name, list(places), dtype=dtype).gather([places[value] for value in values])
