"""Parses the fields of an audit entry of any stream from the two shapes in which Cloudflare writes it.

Every field of either shape may be missing, null, empty or of another type than documented, and undocumented keys and
enum values are common (docs/facts/cloudflare.md, 2.3, 2.4 and 3). Text is taken as it is, whole numbers as their
digits, anything else as missing.
"""

from typing import Any, NamedTuple

from audit_assets.cloudflare.addresses import canonical_address

ORGANIZATION = "organization"
"""The stream of what an organization's administrators do, in the shape of v2 (docs/facts/cloudflare.md, 2.2)."""

STREAMS = ("v2", "v1", ORGANIZATION)
"""All streams; never is an entry of one taken for an entry of another."""

LONGEST_INTEGER_BITS = 1_024
"""A larger number is no identifier, and Python may refuse to format it."""

_EMPTY: dict[str, Any] = {}
_BOOLEAN_WORDS = {"true": "success", "false": "failure"}


class EntryFields(NamedTuple):
    """The fields of one entry of either stream, named as their columns in ENTRY_SCHEMA; `time` and `action` as they are
    written. `action_result` is "success", "failure", "" or an undocumented word. What v1 never has is missing."""

    time: Any
    actor_type: str | None
    actor_email: str | None
    actor_id: str | None
    interface: str | None
    ip_address: str | None
    action: str | None
    action_description: str | None
    action_result: str
    resource_type: str | None
    resource_id: str | None
    zone_id: str | None
    zone_name: str | None
    token_id: str | None = None
    token_name: str | None = None
    user_agent: str | None = None
    resource_product: str | None = None
    method: str | None = None
    uri: str | None = None
    status_code: int | None = None
    ray_id: str | None = None


def parse_fields(stream: str, entry: dict[Any, Any]) -> EntryFields:
    """The entry's fields, by the shape of that stream. Never raises."""
    return _parse_v1(entry) if stream == "v1" else _parse_v2(entry)


def has_empty_actor(entry: dict[Any, Any]) -> bool:
    """Whether an entry has an actor, and nothing in it."""
    actor = entry.get("actor")
    return isinstance(actor, dict) and not any(value or value in (0, False) for value in actor.values())


def escape_surrogates(value: Any) -> Any:
    """A value that a column can hold: in text, half of a surrogate pair is written out, as `\\ud800`."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def text(value: Any) -> str | None:
    """Text that is not empty, or the digits of a whole number; else None."""
    if isinstance(value, str):
        return value or None
    if type(value) is int and value.bit_length() <= LONGEST_INTEGER_BITS:
        return str(value)
    return None


def _parse_v2(entry: dict[Any, Any]) -> EntryFields:
    action, actor, http = _part(entry, "action"), _part(entry, "actor"), _part(entry, "raw")
    resource, zone = _part(entry, "resource"), _part(entry, "zone")
    product = text(resource.get("product"))
    return EntryFields(
        time=action.get("time"),
        actor_type=text(actor.get("type")),
        actor_email=text(actor.get("email")),
        actor_id=text(actor.get("id")),
        token_id=text(actor.get("token_id")),
        token_name=text(actor.get("token_name")),
        interface=text(actor.get("context")),
        ip_address=address_of(actor.get("ip_address")),
        user_agent=text(http.get("user_agent")),
        action=text(action.get("type")),
        action_description=text(action.get("description")),
        action_result=result_of(action.get("result")),
        resource_type=text(resource.get("type")) or product,
        resource_id=text(resource.get("id")),
        resource_product=product,
        zone_id=text(zone.get("id")),
        zone_name=text(zone.get("name")),
        method=text(http.get("method")),
        uri=text(http.get("uri")),
        status_code=status_of(http.get("status_code")),
        ray_id=text(http.get("cf_ray_id")),
    )


def _parse_v1(entry: dict[Any, Any]) -> EntryFields:
    """v1 names no acting token: `metadata.token_name` is that of a token that was acted on. A zone is the resource, or
    in the metadata (docs/facts/cloudflare.md, 10)."""
    action, actor, resource = _part(entry, "action"), _part(entry, "actor"), _part(entry, "resource")
    metadata = _part(entry, "metadata")
    kind, resource_id = text(resource.get("type")), text(resource.get("id"))
    return EntryFields(
        time=entry.get("when"),
        actor_type=text(actor.get("type")),
        actor_email=text(actor.get("email")),
        actor_id=text(actor.get("id")),
        interface=text(entry.get("interface")),
        ip_address=address_of(actor.get("ip")),
        action=text(action.get("type")),
        action_description=text(action.get("info")),
        action_result=result_of(action.get("result")),
        resource_type=kind,
        resource_id=resource_id,
        zone_id=(resource_id if kind == "zone" else None)
        or text(metadata.get("zone_tag"))
        or text(metadata.get("zone_id")),
        zone_name=text(metadata.get("zone_name")),
    )


def _part(entry: dict[Any, Any], name: str) -> dict[Any, Any]:
    part = entry.get(name)
    return part if isinstance(part, dict) else _EMPTY


def address_of(value: Any) -> str | None:
    """An address in its one spelling."""
    written = text(value)
    return None if written is None else canonical_address(written)


def result_of(value: Any) -> str:
    """v1 has a boolean, v2 a word (docs/facts/cloudflare.md, 2.4 and 3)."""
    if isinstance(value, bool):
        return "success" if value else "failure"
    word = (text(value) or "").lower()
    return _BOOLEAN_WORDS.get(word, word)


def status_of(value: Any) -> int | None:
    """An HTTP status."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None
