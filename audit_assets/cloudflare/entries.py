"""Raw audit entries into a typed frame: the seam at which what Cloudflare says becomes what everything else reads.

Nothing an entry holds raises here. What is no JSON object with an id and a time, or can't be written as JSON text,
is quarantined with its reason; everything else is in the frame, with its whole text in `raw`. What counts as a
change is `changes.py`'s, who acted `actors.py`'s, where a field stands `wire.py`'s.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from audit_assets.cloudflare import timestamps
from audit_assets.cloudflare.actor_keys import ActorKeys, actor_label
from audit_assets.cloudflare.change_kinds import FAILURE, change_kind
from audit_assets.cloudflare.entry_fields import Said, said_in, text
from audit_assets.cloudflare.entry_json import NotJson, entry_text, rescued_text

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
"""A row is an audit entry. What an entry does not say is null; only `action_result` is then "" (it is so in v2)."""

_ALWAYS_NEW = frozenset({"entry_id", "native_id", "ray_id", "uri", "raw"})

UNKNOWN = "unknown"
"""Stands for the type of an actor or resource that an entry does not name."""

CREDIBLE = (
    (datetime(2009, 1, 1, tzinfo=UTC) - timestamps.EPOCH) // timestamps.MICROSECOND,
    (datetime(2100, 1, 1, tzinfo=UTC) - timestamps.EPOCH) // timestamps.MICROSECOND,
)
"""Cloudflare is younger than the one and nobody plans for the other: such a time is broken, as one that can't be read
is. A credible time outside of what was asked for is another matter: it makes the whole answer doubtful."""


@dataclass(frozen=True)
class Quarantined:
    """A member of a page that can't be filed as an entry; `after` is the time of the entry before it, if any."""

    stream: str
    reason: str
    native_id: str | None
    time: datetime | None
    raw: str
    after: datetime | None = None

    def record(self) -> dict[str, Any]:
        """As it is handed on and kept."""
        return {
            "stream": self.stream,
            "reason": self.reason,
            "native_id": self.native_id,
            "time": self.time,
            "raw": self.raw,
        }


@dataclass(frozen=True)
class Unreadable:
    """Stands in a page for a member whose JSON text could not be read."""

    text: str
    reason: str


def normalize_entries(raw: Sequence[Any], stream: str, account_id: str) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Entries of one stream ("v1" or "v2") as Cloudflare's API lists them.

    In: any JSON values. Out: a frame in ENTRY_SCHEMA, in the order given, one row per entry_id, and the members
    that are quarantined, as dicts of stream, reason, native_id (str or None), time (aware datetime or None) and raw
    (ASCII JSON text). Each member is in one of the two exactly once; members that are equal, id and all, are one
    entry. Of two with the same id that are not equal the first is kept and the other quarantined. Raises only
    ValueError, for a stream that does not exist.
    """
    frame, quarantined = Normaliser(stream, account_id).normalised(raw)
    return frame, [each.record() for each in quarantined]


class Normaliser:
    """Normalises the pages of one stream and remembers across them which entries it has seen."""

    def __init__(self, stream: str, account_id: str) -> None:
        if stream not in ("v1", "v2"):
            raise ValueError(f"there are the streams v1 and v2, not {stream!r}")
        self.stream = stream
        self.account_id = account_id.encode("utf-8", "backslashreplace").decode()
        self._id_prefix = hashlib.sha256(f"{stream}\0{self.account_id}\0".encode())
        self._actor_keys = ActorKeys(self.account_id)
        self._bodies: dict[bytes, int] = {}
        self._latest: int | None = None

    def normalised(self, members: Sequence[Any]) -> tuple[pl.DataFrame, list[Quarantined]]:
        """The entries among the members that were not seen before, in ENTRY_SCHEMA, and what is quarantined."""
        rows: list[tuple[Any, ...]] = []
        quarantined: list[Quarantined] = []
        for member in members:
            try:
                row = self._row(member)
            except _NotUnderstood as failure:
                quarantined.append(self._quarantined(member, str(failure)))
                continue
            if row is not None:
                rows.append(row)
        return _frame(rows), quarantined

    def _row(self, entry: Any) -> tuple[Any, ...] | None:
        """The entry's values in the order of ENTRY_SCHEMA; None if it was seen before."""
        raw = _whole_text(entry)
        native_id = text(entry.get("id"))
        if native_id is None:
            raise _NotUnderstood("it has no id")
        said = said_in(self.stream, entry)
        time = _time(said)
        if time is None:
            raise _NotUnderstood("it has no time that can be read")
        self._latest = time
        entry_id = self._id_prefix.copy()
        entry_id.update(native_id.encode())
        if self._was_seen(entry_id.digest(), raw):
            return None
        actor_type = "token" if said.token_id else (said.actor_type or UNKNOWN).lower()
        actor_id, email, token_id = said.actor_id, said.actor_email, said.token_id
        kind = change_kind(self.stream, said.verb, said.description, said.uri)
        return (
            entry_id.hexdigest(),
            self.stream,
            self.account_id,
            native_id,
            time,
            self._actor_keys.key(token_id, actor_id, email, actor_type),
            actor_label(token_id, said.token_name, actor_id, email, actor_type),
            actor_type,
            email,
            actor_id,
            token_id,
            said.token_name,
            said.interface,
            said.ip_address,
            said.user_agent,
            said.verb.lower() if said.verb else None,
            kind,
            said.description,
            said.result,
            kind is not None and said.result != FAILURE,
            said.resource_type or UNKNOWN,
            said.resource_id,
            said.resource_product,
            said.zone_id,
            said.zone_name,
            said.method,
            said.uri,
            said.status_code,
            said.ray_id,
            raw,
        )

    def _was_seen(self, entry_id: bytes, raw: str) -> bool:
        """Whether this very entry came before; half of an id and a hash of the body are enough to tell."""
        identity, body = entry_id[:16], hash(raw)
        before = self._bodies.get(identity)
        if before is None:
            self._bodies[identity] = body
        elif before != body:
            raise _NotUnderstood("another entry with the same id says something else")
        return before is not None

    def _quarantined(self, member: Any, reason: str) -> Quarantined:
        after = self._latest
        entry = member if isinstance(member, dict) else {}
        native_id = text(entry.get("id"))
        time = _time(said_in(self.stream, entry))
        return Quarantined(
            stream=self.stream,
            reason=reason,
            native_id=native_id and native_id.encode("utf-8", "backslashreplace").decode(),
            time=None if time is None else timestamps.moment(time),
            raw=rescued_text(member.text if isinstance(member, Unreadable) else member),
            after=None if after is None else timestamps.moment(after),
        )


class _NotUnderstood(Exception):
    """Why a member can't be filed."""


def _whole_text(member: Any) -> str:
    if isinstance(member, Unreadable):
        raise _NotUnderstood(member.reason)
    if not isinstance(member, dict):
        raise _NotUnderstood("it is not a JSON object")
    try:
        return entry_text(member)
    except NotJson as failure:
        raise _NotUnderstood(str(failure)) from None


def _time(said: Said) -> int | None:
    try:
        time = timestamps.microseconds(said.time)
    except ValueError:
        return None
    return time if CREDIBLE[0] <= time < CREDIBLE[1] else None


def _frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    columns = zip(*rows, strict=True) if rows else ([] for _ in ENTRY_SCHEMA)
    return pl.DataFrame([_column(name, values) for name, values in zip(ENTRY_SCHEMA, columns, strict=True)])


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    """Times come as microseconds since 1970: polars takes those much faster than datetimes.

    A text that comes often is kept once: of an hour of 200,000 entries that saves some 60 MB.
    """
    dtype = ENTRY_SCHEMA[name]
    if name == "time":
        return pl.Series(name, values, dtype=pl.Int64).cast(dtype)
    if dtype != pl.String or name in _ALWAYS_NEW:
        return pl.Series(name, values, dtype=dtype)
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if len(places) > len(values) / 2:
        return pl.Series(name, values, dtype=dtype)
    return pl.Series(name, list(places), dtype=dtype).gather([places[value] for value in values])
