"""The columns of many entries in the shape of v2 at once: what `entry_fields.py` makes of one, for the plain ones.

Plain is an entry of nothing but texts where texts belong, with an id and a time as Cloudflare writes them: nearly all
of a page. Of these, most columns hold few different values, and what follows from them (who acted, whether it is a
change) is worked out once for each combination. All other entries are left to whoever reads them one by one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import polars as pl
from msgspec import MsgspecError, Struct
from msgspec.json import Decoder
from msgspec.structs import astuple

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


class _Action(Struct, frozen=True, gc=False):
    time: str | None = None
    type: str | None = None
    description: str | None = None
    result: str | bool | None = None


class _Actor(Struct, frozen=True, gc=False):
    type: str | None = None
    email: str | None = None
    id: str | None = None
    context: str | None = None
    ip_address: str | None = None
    token_id: str | None = None
    token_name: str | None = None


class _Request(Struct, frozen=True, gc=False):
    uri: str | None = None
    user_agent: str | None = None
    method: str | None = None
    status_code: str | int | None = None
    cf_ray_id: str | None = None


class _Resource(Struct, frozen=True, gc=False):
    id: str | None = None
    type: str | None = None
    product: str | None = None


class _Zone(Struct, frozen=True, gc=False):
    id: str | None = None
    name: str | None = None


_NO_ACTION, _NOBODY, _NO_REQUEST, _NO_RESOURCE, _NO_ZONE = _Action(), _Actor(), _Request(), _Resource(), _Zone()


class _Fields(Struct, frozen=True, gc=False):
    """What is read of a plain entry. msgspec refuses text with a value of another type there."""

    id: str | None = None
    action: _Action | None = None
    actor: _Actor | None = None
    raw: _Request | None = None
    resource: _Resource | None = None
    zone: _Zone | None = None


_read = Decoder(_Fields).decode


def type_of_nobody(entry: dict[Any, Any]) -> str:
    """The type of an actor that an entry gives no type."""
    return UNNAMED if has_empty_actor(entry) else UNKNOWN


class PlainEntries:
    """The plain ones of a list of entries: their `places` in it, `ids` and `times` (microseconds since 1970), and the
    other columns."""

    def __init__(self, items: Sequence[Any], stream: str, account_id: str, credible: tuple[int, int]) -> None:
        self._stream = stream
        self._account_id = account_id
        read = [_fields_or_none(item) for item in items]
        written = [(fields.action or _NO_ACTION).time if fields and fields.id else None for fields in read]
        times = _microseconds(written)
        first, last = credible
        self.places = [place for place, time in enumerate(times) if time is not None and first <= time < last]
        self._items = {place: (items[place], fields) for place in self.places if (fields := read[place])}
        self.ids: list[str] = [fields.id or "" for _, fields in self._items.values()]
        self.times = [time for time in (times[place] for place in self.places) if time is not None]

    def columns(self, kept: Iterable[int]) -> dict[str, pl.Series]:
        """The columns that are read from these of the entries, by their places in the list. A text that repeats is kept
        once: of an hour of 200,000 entries that saves some 60 MB."""
        entries = [self._items[place] for place in kept]
        fields = [each for _, each in entries]
        requests = [each.raw or _NO_REQUEST for each in fields]
        resources = [each.resource or _NO_RESOURCE for each in fields]
        single = {
            "uri": [each.uri or None for each in requests],
            "ray_id": [each.cf_ray_id or None for each in requests],
            "resource_id": [each.id or None for each in resources],
        }
        found = {name: pl.Series(name, values, dtype=pl.String) for name, values in single.items()}
        actors = [(each.actor or _NOBODY, _nobody(item, each.actor or _NOBODY)) for item, each in entries]
        actions = [
            (action.type, action.description, action.result, request.uri if _is_reading(request.uri) else None)
            for action, request in zip((each.action or _NO_ACTION for each in fields), requests, strict=True)
        ]
        for names, keys, follows in (
            (_ACTOR_COLUMNS, actors, partial(_actor, self._account_id)),
            (_ACTION_COLUMNS, actions, partial(_action, self._stream)),
            (_REQUEST_COLUMNS, [(each.user_agent, each.method, each.status_code) for each in requests], _request),
            (_RESOURCE_COLUMNS, [(each.type, each.product) for each in resources], _resource),
            (_ZONE_COLUMNS, [(each.zone or _NO_ZONE,) for each in fields], _zone),
        ):
            found |= _columns_of(names, keys, follows)
        return found


def _fields_or_none(item: Any) -> _Fields | None:
    if type(item) is PlainEntry:
        with suppress(MsgspecError, RecursionError):
            return _read(item.span)
    return None


def _nobody(item: PlainEntry, actor: _Actor) -> str | None:
    """The type of an actor that has none; None of one that has."""
    return None if actor.type or actor.token_id else type_of_nobody(item.value())


def _is_reading(uri: str | None) -> bool:
    return bool(uri) and uri.partition("?")[0] in READ_ONLY_PATHS


def _columns_of(
    names: Sequence[str], keys: Iterable[tuple[Any, ...]], follows: Callable[..., tuple[Any, ...]]
) -> Iterator[tuple[str, pl.Series]]:
    """The columns that follow from a key of each entry, worked out once for each key that occurs."""
    numbers: dict[tuple[Any, ...], int] = {}
    numbered = [numbers.setdefault(key, len(numbers)) for key in keys]
    by_column = zip(*(follows(*key) for key in numbers), strict=True)
    of_keys = pl.DataFrame(
        [
            pl.Series(name, values, dtype=_DTYPES.get(name, pl.String))
            for name, values in zip(names, by_column, strict=True)
        ]
    )
    for column in of_keys[pl.Series(numbered, dtype=pl.UInt32)]:
        yield column.name, column


_DTYPES: dict[str, type[pl.DataType]] = {"status_code": pl.Int64, "is_change": pl.Boolean}

_ACTOR_COLUMNS = (
    *("actor_key", "actor", "actor_type", "actor_email", "actor_id"),
    *("token_id", "token_name", "interface", "ip_address"),
)
_ACTION_COLUMNS = ("action", "change_kind", "action_description", "action_result", "is_change")
_REQUEST_COLUMNS = ("user_agent", "method", "status_code")
_RESOURCE_COLUMNS = ("resource_type", "resource_product")
_ZONE_COLUMNS = ("zone_id", "zone_name")


def _actor(account_id: str, actor: _Actor, nobody: str | None) -> tuple[Any, ...]:
    kind, email, actor_id, interface, address, token_id, token_name = map(text, astuple(actor))
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


def _zone(zone: _Zone) -> tuple[Any, ...]:
    return text(zone.id), text(zone.name)


def _microseconds(times: list[str | None]) -> list[int | None]:
    """Microseconds since 1970 of times that are plain; null for others."""
    time = pl.col("time")
    plain = pl.when(time.str.contains(PLAIN_TIME)).then(time)
    read = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False).cast(pl.Int64)
    return pl.DataFrame({"time": times}, schema={"time": pl.String}).select(read).to_series().to_list()
