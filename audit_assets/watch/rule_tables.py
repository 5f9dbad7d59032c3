"""Watch rules from tables, as a TOML file holds them: the default ones, and a team's over them.

A mistake is one sentence: half a set of rules must not be applied.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from audit_assets.config.errors import SettingError
from audit_assets.watch.rules import After, Count, Match, NotWatched, WatchRule, WatchRules

PARTS = {"match": Match, "unless": Match, "count": Count, "after": After, "rule": WatchRule, "not_watched": NotWatched}
"""By the key that holds it, what a table is."""

UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")


def parse_rules(defaults: Mapping[str, Any], own: Mapping[str, Any] | None = None, *, path: str = "") -> WatchRules:
    """The rules of the defaults, with those of a team's own file (`path`): a table `[[rule]]` of a default rule's name
    replaces the keys that it holds, any other is a rule of its own. Raises `SettingError`."""
    known = _by_name(defaults, "watch.toml")
    merged = dict(known)
    for name, table in _by_name(own or {}, path).items():
        merged[name] = {**known.get(name, {}), **table}
    not_watched = [*defaults.get("not_watched", ()), *(own or {}).get("not_watched", ())]
    others = {key: value for key, value in {**defaults, **(own or {})}.items() if key not in ("rule", "not_watched")}
    return _valid({**others, "rule": [*merged.values()], "not_watched": not_watched}, path or "watch.toml")


def _by_name(tables: Mapping[str, Any], path: str) -> dict[str, dict[str, Any]]:
    rules = tables.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
        raise SettingError(f"{path}: rule is no list of tables: write each rule below its own [[rule]].")
    found: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(rules, start=1):
        name = table.get("name")
        if not isinstance(name, str):
            raise SettingError(f"{path}: rule {number} has no name: give it one, such as name = 'zone_deleted'.")
        if name in found:
            raise SettingError(f"{path}: there are two rules named {name}: rename one, or remove it.")
        found[name] = table
    return found


@cache
def _adapter() -> TypeAdapter[WatchRules]:
    return TypeAdapter(WatchRules)


def _valid(tables: dict[str, Any], path: str) -> WatchRules:
    try:
        return _adapter().validate_python(tables)
    except ValidationError as error:
        raise SettingError(f"{path}: {_sentence(error, tables)}") from None


def _sentence(error: ValidationError, tables: dict[str, Any]) -> str:
    """The first mistake, an unknown key before all others, which may follow from it: `rule zone_deleted: match.1:
    'kinds' is no key of it; known are action, ...`."""
    errors = error.errors(include_url=False)
    first = next((each for each in errors if each["type"] in UNKNOWN_KEY), errors[0])
    location = [*first["loc"]]
    where = [str(part + 1) if isinstance(part, int) else part for part in location]
    if location[:1] == ["rule"] and len(location) > 1 and isinstance(location[1], int):
        where = [f"rule {tables['rule'][location[1]]['name']}: ", *where[2:]]
    if first["type"] in UNKNOWN_KEY:
        key = where.pop()
        holders = [PARTS[part] for part in location[:-1] if isinstance(part, str) and part in PARTS]
        known = ", ".join(sorted(each.name for each in fields(holders[-1] if holders else WatchRules)))
        message = f"{key!r} is no key of it; known are {known}"
    else:
        message = first["msg"].removeprefix("Value error, ")
    place = ".".join(where).replace(": .", ": ").removesuffix(": ")
    return f"{place}: {message}." if place else f"{message}."
