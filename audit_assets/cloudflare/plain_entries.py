"""The columns of many entries in the shape of v2 at once: what `entry_fields.py` makes of one, for the plain ones.

Plain is an entry of nothing but texts where texts belong, with an id and a time as Cloudflare writes them: nearly all
of a page. Of these, most columns hold few different values, and what follows from them (who acted, whether it is a
change) is worked out once for each combination. All other entries are left to whoever reads them one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress
from typing import Any

import polars as pl

from audit_assets.cloudflare.actor_keys import actor_key, actor_label
from audit_assets.cloudflare.change_kinds import FAILURE, READ_ONLY_PATHS, change_kind
from audit_assets.cloudflare.entry_fields import address_of, has_empty_actor, result_of, status_of, text
from audit_assets.cloudflare.entry_json import PlainEntry

UNKNOWN = "unknown"
"""The type of an actor or resource that an entry does not name, or not in a way that can be read."""

UNNAMED = "unnamed"
"""The type of an actor whose fields are all empty, as Cloudflare's own systems write them (docs/facts/cloudflare.md,
10): an actor of its own. It is not called "system", since a policy may leave that type out."""

PLAIN_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,9})?Z$"

_EMPTY: dict[str, Any] = {}
_TEXT = frozenset({str, type(None)})
_TEXT_OR_BOOLEAN = _TEXT | {bool}
_TEXT_OR_INTEGER = _TEXT | {int}

_PARTS = ("action", "actor", "raw", "resource", "zone")
_ACTOR = ("type", "email", "id", "context", "ip_address", "token_id", "token_name")


def type_of_nobody(entry: dict[Any, Any]) -> str:
    """The type of an actor that an entry gives no type."""
    return UNNAMED if has_empty_actor(entry) else UNKNOWN


class PlainEntries:
    """The plain ones of a list of entries: their `places` in it, `ids` and `times` (microseconds since 1970), and the
    other columns."""

    def __init__(self, items: Sequence[Any], stream: str, account_id: str, credible: tuple[int, int]) -> None:
        self._stream = stream
        self._account_id = account_id
        self._plain = [type(item) is PlainEntry for item in items]
        entries = [item if plain else _EMPTY for item, plain in zip(items, self._plain, strict=True)]
        self._parts = {name: self._part(entries, name) for name in _PARTS}
        ids = self._checked([entry.get("id") or None for entry in entries], _TEXT)
        times = _microseconds(self._checked([action.get("time") for action in self._parts["action"]], _TEXT))
        first, last = credible
        self._plain = [
            plain and native_id is not None and time is not None and first <= time < last
            for plain, native_id, time in zip(self._plain, ids, times, strict=True)
        ]
        self._entries = entries
        self._columns = self._combinations()
        self.places = [*compress(range(len(items)), self._plain)]
        self.ids: list[str] = [*compress(ids, self._plain)]
        self.times = [time for time in compress(times, self._plain) if time is not None]

    def columns(self, kept: Sequence[int]) -> dict[str, pl.Series]:
        """The columns that are read from these of the entries, by their places in the list. A text that repeats is kept
        once: of an hour of 200,000 entries that saves some 60 MB."""
        found = {
            name: pl.Series(name, [values[place] for place in kept], dtype=pl.String)
            for name, values in self._single.items()
        }
        for names, keys, follows in self._columns:
            numbers: dict[tuple[Any, ...], int] = {}
            numbered = [numbers.setdefault(keys[place], len(numbers)) for place in kept]
            by_column = zip(*(follows(*combination) for combination in numbers), strict=True)
            combinations = pl.DataFrame(
                [
                    pl.Series(name, values, dtype=_DTYPES.get(name, pl.String))
                    for name, values in zip(names, by_column, strict=True)
                ]
            )
            for column in combinations[pl.Series(numbered, dtype=pl.UInt32)]:
                found[column.name] = column
        return found

    def _combinations(self) -> list[tuple[tuple[str, ...], list[tuple[Any, ...]], Callable[..., tuple[Any, ...]]]]:
        """The names of columns, the combination of each entry, and what makes the columns of a combination."""
        of_actor = [self._values("actor", name) for name in _ACTOR]
        nobody = [
            None if kind or token else type_of_nobody(entry)
            for kind, token, entry in zip(of_actor[0], of_actor[5], self._entries, strict=True)
        ]
        uris = self._values("raw", "uri")
        reading = [uri if uri and uri.partition("?")[0] in READ_ONLY_PATHS else None for uri in uris]
        of_action = [
            self._values("action", "type"),
            self._values("action", "description"),
            self._values("action", "result", _TEXT_OR_BOOLEAN),
            reading,
        ]
        of_request = [
            self._values("raw", "user_agent"),
            self._values("raw", "method"),
            self._values("raw", "status_code", _TEXT_OR_INTEGER),
        ]
        of_resource = [self._values("resource", "type"), self._values("resource", "product")]
        of_zone = [self._values("zone", "id"), self._values("zone", "name")]
        self._single = {
            "uri": [uri or None for uri in uris],
            "ray_id": [ray or None for ray in self._values("raw", "cf_ray_id")],
            "resource_id": [each or None for each in self._values("resource", "id")],
        }
        return [
            (_ACTOR_COLUMNS, _zipped([*of_actor, nobody]), partial(_actor, self._account_id)),
            (_ACTION_COLUMNS, _zipped(of_action), partial(_action, self._stream)),
            (("user_agent", "method", "status_code"), _zipped(of_request), _request),
            (("resource_type", "resource_product"), _zipped(of_resource), _resource),
            (("zone_id", "zone_name"), _zipped(of_zone), lambda *zone: (*map(text, zone),)),
        ]

    def _part(self, entries: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
        parts = [entry.get(name) or _EMPTY for entry in entries]
        if not {*map(type, parts)} <= {dict}:
            self._leave_out(place for place, part in enumerate(parts) if type(part) is not dict)
            parts = [part if type(part) is dict else _EMPTY for part in parts]
        return parts

    def _values(self, part: str, name: str, types: frozenset[type] = _TEXT) -> list[Any]:
        return self._checked([each.get(name) for each in self._parts[part]], types)

    def _checked(self, values: list[Any], types: frozenset[type]) -> list[Any]:
        """The values; an entry with one of another type is not plain."""
        if {*map(type, values)} <= types:
            return values
        self._leave_out(place for place, value in enumerate(values) if type(value) not in types)
        return [value if type(value) in types else None for value in values]

    def _leave_out(self, places: Iterable[int]) -> None:
        for place in places:
            self._plain[place] = False


_DTYPES: dict[str, type[pl.DataType]] = {"status_code": pl.Int64, "is_change": pl.Boolean}

_ACTOR_COLUMNS = (
    *("actor_key", "actor", "actor_type", "actor_email", "actor_id"),
    *("token_id", "token_name", "interface", "ip_address"),
)
_ACTION_COLUMNS = ("action", "change_kind", "action_description", "action_result", "is_change")


def _actor(account_id: str, *values: str | None) -> tuple[Any, ...]:
    kind, email, actor_id, interface, address, token_id, token_name, nobody = map(text, values)
    actor_type = "token" if token_id else (kind or nobody or UNKNOWN).lower()
    return (
        actor_key(account_id, token_id, actor_id, email, actor_type),
        actor_label(token_id, token_name, actor_id, email, actor_type),
        actor_type,
        *(email, actor_id, token_id, token_name, interface, address_of(address)),
    )


def _action(
    stream: str, verb: str | None, description: str | None, result: Any, reading: str | None
) -> tuple[Any, ...]:
    action, described, outcome = text(verb), text(description), result_of(result)
    kind = change_kind(stream, action, described, reading)
    lowered = action.lower() if action else None
    return lowered, kind, described, outcome, kind is not None and outcome != FAILURE


def _request(user_agent: str | None, method: str | None, status: Any) -> tuple[Any, ...]:
    return text(user_agent), text(method), status_of(status)


def _resource(kind: str | None, product: str | None) -> tuple[Any, ...]:
    return text(kind) or text(product) or UNKNOWN, text(product)


def _zipped(columns: list[list[Any]]) -> list[tuple[Any, ...]]:
    return [*zip(*columns, strict=True)]


def _microseconds(times: list[str | None]) -> list[int | None]:
    """Microseconds since 1970 of times that are plain; null for others."""
    time = pl.col("time")
    plain = pl.when(time.str.contains(PLAIN_TIME)).then(time)
    read = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False).cast(pl.Int64)
    return pl.DataFrame({"time": times}, schema={"time": pl.String}).select(read).to_series().to_list()
