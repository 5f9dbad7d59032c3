"""Records of Logpush's two audit datasets, converted to entries of the API (docs/facts/cloudflare.md, 4).

Unknown keys keep their names, and so do members of objects whose inner keys are not documented: to a client they are
extra keys.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_V1_PLACES = {
    "ID": ("id",),
    "When": ("when",),
    "ActionResult": ("action", "result"),
    "ActionType": ("action", "type"),
    "ActorEmail": ("actor", "email"),
    "ActorID": ("actor", "id"),
    "ActorIP": ("actor", "ip"),
    "ActorType": ("actor", "type"),
    "Interface": ("interface",),
    "Metadata": ("metadata",),
    "NewValue": ("newValueJson",),
    "OldValue": ("oldValueJson",),
    "OwnerID": ("owner", "id"),
    "ResourceID": ("resource", "id"),
    "ResourceType": ("resource", "type"),
}

_V2_PLACES = {
    "AuditLogID": ("id",),
    "AccountID": ("account", "id"),
    "AccountName": ("account", "name"),
    "ActionDescription": ("action", "description"),
    "ActionResult": ("action", "result"),
    "ActionTimestamp": ("action", "time"),
    "ActionType": ("action", "type"),
    "ActorContext": ("actor", "context"),
    "ActorEmail": ("actor", "email"),
    "ActorID": ("actor", "id"),
    "ActorIPAddress": ("actor", "ip_address"),
    "ActorTokenDetails": ("actor", "token_details"),
    "ActorType": ("actor", "type"),
    "Raw": ("raw",),
    "ResourceID": ("resource", "id"),
    "ResourceProduct": ("resource", "product"),
    "ResourceRequest": ("resource", "request"),
    "ResourceResponse": ("resource", "response"),
    "ResourceScope": ("resource", "scope"),
    "ResourceType": ("resource", "type"),
    "ResourceValue": ("resource", "value"),
    "ZoneID": ("zone", "id"),
    "ZoneName": ("zone", "name"),
}

_RAW_NAMES = {
    "cfrayid": "cf_ray_id",
    "rayid": "cf_ray_id",
    "method": "method",
    "statuscode": "status_code",
    "uri": "uri",
    "useragent": "user_agent",
}
_TOKEN_NAMES = {"id": "token_id", "tokenid": "token_id", "name": "token_name", "tokenname": "token_name"}

UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))
"""A bare number below the first is a time in units of so many nanoseconds: seconds, then ms, µs, ns."""


def from_v1(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of `audit_logs` as an entry of v1."""
    entry = _place(record, _V1_PLACES)
    for value in ("newValueJson", "oldValueJson"):
        if entry.get(value) in (None, ""):
            entry.pop(value, None)
    if "when" in entry:
        entry["when"] = as_rfc3339(entry["when"])
    return _with_unknown_keys(entry, record, _V1_PLACES)


def from_v2(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of `audit_logs_v2` as an entry of v2. The inner keys of Raw and ActorTokenDetails are guesses."""
    entry = _place(record, _V2_PLACES)
    if "time" in entry.get("action", {}):
        entry["action"]["time"] = as_rfc3339(entry["action"]["time"])
    if isinstance(entry.get("raw"), dict):
        entry["raw"] = {_RAW_NAMES.get(_plain(key), key): value for key, value in entry["raw"].items()}
    details = entry.get("actor", {}).get("token_details")
    if isinstance(details, dict):
        entry["actor"] |= {_TOKEN_NAMES[_plain(key)]: v for key, v in details.items() if _plain(key) in _TOKEN_NAMES}
    if not any(entry.get("zone", {}).values()):
        entry.pop("zone", None)
    return _with_unknown_keys(entry, record, _V2_PLACES)


def as_rfc3339(value: Any) -> Any:
    """Seconds, ms, µs or ns since 1970, as a number or as digits, in RFC 3339; anything else as it is."""
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,20}", str(value)):
        return value
    number = int(value)
    unit = next((unit for below, unit in UNITS if number < below), None)
    if unit is None:
        return value
    seconds, nanoseconds = divmod(number * unit, 10**9)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return value
    decimals = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{decimals}Z"


def _place(record: Mapping[str, Any], places: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for key, place in places.items():
        if key in record:
            *parents, name = place
            target = entry
            for parent in parents:
                target = target.setdefault(parent, {})
            target[name] = record[key]
    return entry


def _with_unknown_keys(
    entry: dict[str, Any], record: Mapping[str, Any], places: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Keys that are not Logpush's keep their names, or go under `extra` if the entry has such a key already."""
    rest = {key: value for key, value in record.items() if key not in places}
    taken = {key: value for key, value in rest.items() if key in entry}
    return {**rest, **entry, **({"extra": taken} if taken else {})}


def _plain(key: str) -> str:
    return key.replace("_", "").lower()
