"""What an entry changed, before and after, as far as Cloudflare gives it: `security_level: high → essentially_off`.

v1 has a setting's name with its old and new value, or both as objects; v2 has what was sent, and nothing of what was
before (docs/facts/cloudflare.md, 2.4 and 3). What looks like a secret is masked: by the name of its field, by what the
entry is about, or by its own shape. Everything is cut, and is an attacker's text: it goes into a fence, nowhere else.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit_assets.config.name_patterns import folded
from audit_assets.tickets.finding import EntryLine, Finding

FIELDS_SHOWN = 4
"""Of an entry: the first ones that differ."""

VALUE_LENGTH = 60
NAME_LENGTH = 60

DEPTH = 3
"""Levels of objects that are opened; what is deeper is shown as JSON text."""

MASKED = "(masked)"

SECRET_NAMES = re.compile(
    r"(?:^|_)(?:secrets?|password|passwd|passphrase|pass|pwd|tokens?|credentials?|private|keys?|apikey|auth|authorization"
    r"|signature|cookies?|sessions?|otp|pin|jwt|psk|hash|salt|seed|webhook)(?:_|$)"
)
"""Of a field, or of what the entry is about, as `folded`."""

ID_NAMES = re.compile(r"(?:^|_)ids?$")
"""An identifier is not the secret that it names."""

NEVER_SECRET = frozenset({"name", "type", "status", "enabled", "id", "expires_on", "not_before", "kind"})
"""Of an entry about a secret, all other fields are masked: that of a Worker holds it in `text`."""

SECRET_SHAPES = re.compile(r"-----BEGIN|^eyJ[\w-]+\.|^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_=-]{36,}$")
"""A key in PEM, a JSON web token, and whatever is long, without a space, and of letters and digits; an id of Cloudflare
has 32."""

ADDRESS_SECRETS = re.compile(r"(?<=://)[^/\s@]*@|\?.*", re.DOTALL)
"""What an address holds before its host and after its path: that of a Logpush job holds the keys of its bucket."""

_ABSENT = object()


def add_values(finding: Finding, raw_of: Mapping[str, str]) -> Finding:
    """The finding, whose entries show what they changed. `raw_of`: by entry_id the raw JSON text of an entry; one that
    is not in it shows nothing."""

    def shown(entries: Sequence[EntryLine]) -> tuple[EntryLine, ...]:
        return tuple(replace(each, values=changed_values(raw_of.get(each.entry_id or "", ""))) for each in entries)

    deviations = tuple(
        replace(each, watch=replace(each.watch, entries=shown(each.watch.entries))) if each.watch else each
        for each in finding.deviations
    )
    return replace(
        finding, entries=shown(finding.entries), last_entries=shown(finding.last_entries), deviations=deviations
    )


def entry_ids_of(finding: Finding) -> set[str]:
    """The entries that its ticket shows."""
    of_rules = [entry for each in finding.deviations if each.watch for entry in each.watch.entries]
    shown = [*finding.entries, *finding.last_entries, *of_rules]
    return {each.entry_id for each in shown if each.entry_id}


def changed_values(raw: str) -> str | None:
    """What an entry changed, given its raw JSON text: `name: before → after` for the first fields that differ; None if
    it shows nothing, or can't be read."""
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    name, before, after = _of_v1(entry) if "when" in entry else _of_v2(entry)
    is_about_secret = _is_about_secret(entry, name)
    old, new = dict(_fields(name, before)), dict(_fields(name, after))
    shown = [
        f"{field[:NAME_LENGTH]}: {_change(old.get(field, _ABSENT), new.get(field, _ABSENT), field, is_about_secret)}"
        for field in {**new, **old}
        if old.get(field, _ABSENT) != new.get(field, _ABSENT)
    ]
    more = [f"and {len(shown) - FIELDS_SHOWN:,} more"] if len(shown) > FIELDS_SHOWN else []
    return ", ".join([*shown[:FIELDS_SHOWN], *more]) or None


def _of_v1(entry: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """The setting's name, and its value before and after: the objects, if there are some, else the texts."""
    before, after = entry.get("oldValueJson"), entry.get("newValueJson")
    if not isinstance(before, dict) and not isinstance(after, dict):
        before, after = _decoded(entry.get("oldValue")), _decoded(entry.get("newValue"))
    setting = _part(entry, "metadata").get("name")
    return setting if isinstance(setting, str) else "", before, after


def _of_v2(entry: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """What was sent; a setting is named by its path: `/zones/{id}/settings/security_level`."""
    resource, uri = _part(entry, "resource"), _part(entry, "raw").get("uri")
    sent = resource["request"] if "request" in resource else resource.get("value")
    setting = re.search(r"/settings/([a-z0-9_]+)(?:\?|$)", uri) if isinstance(uri, str) else None
    if setting and isinstance(sent, dict) and [*sent] == ["value"]:
        return setting[1], None, sent["value"]
    return "", None, _decoded(sent)


def _part(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = entry.get(name)
    return part if isinstance(part, dict) else {}


def _decoded(value: Any) -> Any:
    """A text that holds a JSON object is that; empty ones and v1's literal "null" are nothing."""
    if not isinstance(value, str):
        return value
    if value in ("", "null"):
        return None
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return decoded if isinstance(decoded, dict) else value


def _fields(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The fields of a value by their dotted names; a plain value is one field."""
    if isinstance(value, dict) and depth < DEPTH:
        for key, each in value.items():
            yield from _fields(f"{name}.{key}" if name else key, each, depth + 1)
    elif value is not None:
        yield name or "value", value


def _change(before: Any, after: Any, field: str, is_about_secret: bool) -> str:
    if before is _ABSENT:
        return _shown(after, field, is_about_secret)
    return f"{_shown(before, field, is_about_secret)} → {_shown(after, field, is_about_secret)}"


def _shown(value: Any, field: str, is_about_secret: bool) -> str:
    if value is _ABSENT:
        return "(none)"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    path = [folded(part) for part in field.split(".")]
    if any(SECRET_NAMES.search(part) and not ID_NAMES.search(part) for part in path):
        return MASKED
    if is_about_secret and path[-1] not in NEVER_SECRET:
        return MASKED
    text = value if isinstance(value, str) else _compact(value)
    if SECRET_SHAPES.search(text):
        return MASKED
    text = ADDRESS_SECRETS.sub("…", text) if "://" in text else text
    return f"{text[:VALUE_LENGTH]}…" if len(text) > VALUE_LENGTH else text


def _compact(value: Any) -> str:
    """A list or a deep object: as JSON text, if nothing in it looks like a secret."""
    text = json.dumps(value, ensure_ascii=False)
    names = re.findall(r'"([^"]+)":', text)
    hides = any(SECRET_NAMES.search(folded(name)) for name in names)
    hides = hides or any(SECRET_SHAPES.search(each) for each in re.findall(r'"([^"]+)"', text))
    return MASKED if hides else text


def _is_about_secret(entry: Mapping[str, Any], setting: str) -> bool:
    """Whether the entry is about a token, key or secret, by its type, path or setting."""
    resource, action, uri = _part(entry, "resource"), entry.get("action"), _part(entry, "raw").get("uri")
    kinds = [resource.get("type"), action.get("type") if isinstance(action, dict) else action, setting]
    path = uri.split("?")[0].split("/") if isinstance(uri, str) else []
    return any(isinstance(each, str) and SECRET_NAMES.search(folded(each)) for each in (*kinds, *path))
