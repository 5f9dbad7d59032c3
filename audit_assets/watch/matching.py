"""Which entries meet the conditions of which rule.

Most conditions are about a few columns that hold few different values: these are compared once for each combination
that occurs, however many entries have it. The raw text is read only of those entries that meet all the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import and_
from typing import Literal

import polars as pl

from audit_assets.config.change_filter import NO_CHANGE
from audit_assets.config.name_patterns import folded_column, names_regex
from audit_assets.detection.allowances import PERSON
from audit_assets.detection.schemas import HOUR
from audit_assets.detection.watch_columns import MATCHED_ENTRY
from audit_assets.watch.new_networks import NEW_HERE, NEW_TO_ACTOR
from audit_assets.watch.raw_fields import RAW_CONDITIONS, has_field, has_value, parts_of_raw
from audit_assets.watch.rules import Match, WatchRule

Role = Literal["match", "unless", "after"]

NAME_COLUMNS = {
    "stream": "stream",
    "product": "resource_product",
    "resource_type": "resource_type",
    "action": "action",
    "kind": "change_kind",
    "result": "action_result",
    "actor_type": "actor_type",
}
"""Conditions of a Match, and the columns of an entry that they are about."""

ENTRY_COLUMNS = tuple(
    dict.fromkeys(
        [
            *("entry_id", "actor_email", "zone_id", "action_description", "uri"),
            *NAME_COLUMNS.values(),
            *MATCHED_ENTRY.names(),
        ]
    )
)
"""What is read of every entry."""

ROLE_OF_ENTRY = pl.Schema({"rule": pl.String, "role": pl.String})

NETWORK_COLUMNS = (NEW_HERE, NEW_TO_ACTOR)
"""What entries may have besides; without them no condition about networks is met."""

MATCHES = pl.Schema({**dict.fromkeys(ENTRY_COLUMNS, pl.String), "time": HOUR, **ROLE_OF_ENTRY})
"""An entry that a rule matched; `role` is `match`, or `after` where a match must come after it."""

IDENTIFIERS = r"\b(?:[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|\d+)\b"
"""In a path they are `{id}`: whatever they are, they are alike for a rule."""


@dataclass(frozen=True)
class _Part:
    """One of the matches of a rule, and what it is for."""

    rule: str
    role: Role
    match: Match

    @property
    def reads_raw(self) -> bool:
        return any(getattr(self.match, name) for name in RAW_CONDITIONS)


def find_matches(rules: Sequence[WatchRule], entries: pl.LazyFrame) -> pl.DataFrame:
    """MATCHES of the entries (ENTRY_SCHEMA; NETWORK_COLUMNS for rules about networks), in the order of their times. An
    entry may be in it several times."""
    parts = [part for rule in rules for part in _parts(rule)]
    known = _with_combinations(entries)
    candidates = _candidates(parts, known)
    raw = _raw_of([ids for part, ids in candidates if part.reads_raw], entries)
    found = [_confirmed(part, ids, raw) for part, ids in candidates]
    roles = pl.concat([pl.DataFrame(schema={"entry_id": pl.String, **ROLE_OF_ENTRY}), *found]).unique()
    matched, excluded, after = (roles.filter(pl.col("role") == role) for role in ("match", "unless", "after"))
    matched = matched.join(excluded, on=["entry_id", "rule"], how="anti")
    both = pl.concat([matched, after]).join(known, on="entry_id")
    return in_order(_without_excepted(rules, both).select(MATCHES.names()).cast(MATCHES))


def in_order(matches: pl.DataFrame) -> pl.DataFrame:
    """MATCHES in the order of their times, also of several parts of an hour."""
    return matches.sort("time", "entry_id", "rule", "role")


def is_any(matches: Sequence[Match], entries: pl.DataFrame) -> pl.Series:
    """The `entry_id` of the entries (ENTRY_SCHEMA) that meet one of the matches."""
    parts = [_Part("", "match", match) for match in matches]
    known = _with_combinations(entries.lazy())
    candidates = _candidates(parts, known)
    raw = _raw_of([ids for _, ids in candidates], entries.lazy())
    found = [_confirmed(part, ids, raw)["entry_id"] for part, ids in candidates]
    return pl.concat([pl.Series("entry_id", [], pl.String), *found]).unique()


def _parts(rule: WatchRule) -> Iterable[_Part]:
    yield from (_Part(rule.name, "match", each) for each in rule.match)
    yield from (_Part(rule.name, "unless", each) for each in rule.unless)
    yield from (_Part(rule.name, "after", each) for each in (rule.after.match if rule.after else ()))


def _with_combinations(entries: pl.LazyFrame) -> pl.DataFrame:
    """The entries with `path`, and which combination of names and path each has."""
    path = folded_column(pl.col("uri").str.replace(r"(?s)\?.*$", "").str.replace_all(IDENTIFIERS, "{id}")).fill_null("")
    given = entries.collect_schema()
    networks = {name: pl.col(name) if name in given else pl.lit(value=False) for name in NETWORK_COLUMNS}
    known = entries.select(*ENTRY_COLUMNS, **networks).with_columns(path=path).collect()
    names = [*NAME_COLUMNS.values(), "path"]
    combinations = known.select(names).unique().with_row_index("combination")
    return known.join(combinations, on=names, nulls_equal=True)


def _candidates(parts: Sequence[_Part], known: pl.DataFrame) -> list[tuple[_Part, pl.Series]]:
    """Per part the ids of the entries that meet all of its conditions but those about the raw text."""
    combinations = _comparable(known.unique("combination"))
    conditions = {str(number): _all_of(_name_conditions(part.match)) for number, part in enumerate(parts)}
    named = combinations.with_columns(**conditions)  # one pass over them: hours have few combinations and many rules
    found = []
    for number, part in enumerate(parts):
        is_named = named[str(number)]
        if not is_named.any():
            continue
        entries = known.join(combinations.filter(is_named), on="combination", how="semi")
        if part.match.description:
            described = entries.with_columns(folded_column(pl.col("action_description")))
            entries = described.filter(_is_named("action_description", part.match.description))
        if part.match.network:
            entries = entries.filter(pl.any_horizontal(part.match.network))
        if not entries.is_empty():
            found.append((part, entries["entry_id"]))
    return found


def _comparable(combinations: pl.DataFrame) -> pl.DataFrame:
    """The names by the conditions that are about them, folded; a null is an empty name, a missing kind is `none`, and a
    result that is no known word is unknown."""
    result = pl.col("action_result")
    return combinations.select(
        "combination",
        uri="path",
        stream="stream",
        kind=pl.col("change_kind").fill_null(NO_CHANGE),
        result=pl.when(result.is_in(["success", "failure"])).then(result).otherwise(pl.lit("unknown")),
        **{
            name: folded_column(pl.col(NAME_COLUMNS[name])).fill_null("")
            for name in ("product", "resource_type", "action", "actor_type")
        },
    )


def _name_conditions(match: Match) -> Iterable[pl.Expr]:
    for name in ("stream", "kind", "result"):
        if allowed := getattr(match, name):
            yield _is_in(name, allowed)
    for name in ("product", "resource_type", "action", "actor_type", "uri"):
        if patterns := getattr(match, name):
            yield _is_named(name, patterns)


@lru_cache(maxsize=10_000)  # rules stay the same from hour to hour, and expressions are slow to make
def _is_in(name: str, allowed: tuple[str, ...]) -> pl.Expr:
    return pl.col(name).is_in(allowed)


@lru_cache(maxsize=10_000)
def _is_named(name: str, patterns: tuple[str, ...]) -> pl.Expr:
    return pl.col(name).str.contains(names_regex(patterns)) & (pl.col(name) != "")


def _raw_of(ids: Sequence[pl.Series], entries: pl.LazyFrame) -> pl.DataFrame:
    """What rules read of the raw texts of these entries."""
    wanted = pl.concat([pl.Series("entry_id", [], pl.String), *ids]).unique().to_frame()
    parts = parts_of_raw(pl.col("raw"))
    return (
        entries.select("entry_id", "zone_name", "raw")
        .join(wanted.lazy(), on="entry_id", how="semi")
        .select("entry_id", "zone_name", **parts)
        .collect()
    )


def _confirmed(part: _Part, ids: pl.Series, raw: pl.DataFrame) -> pl.DataFrame:
    """Which of these entries meet the conditions about the raw text, too."""
    frame = ids.alias("entry_id").to_frame()
    if part.reads_raw:
        met = raw.filter(_all_of(_raw_conditions(part.match)))
        frame = frame.join(met, on="entry_id", how="semi")
    return frame.select("entry_id", rule=pl.lit(part.rule), role=pl.lit(part.role))


def _raw_conditions(match: Match) -> Iterable[pl.Expr]:
    for name in ("setting", "old_value", "new_value"):
        if patterns := getattr(match, name):
            yield has_value(name, patterns)
    for name in ("request", "response", "before"):
        yield from (has_field(name, key, patterns) for key, patterns in getattr(match, name).items())


def _all_of(conditions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(and_, conditions, pl.lit(value=True))


def _without_excepted(rules: Sequence[WatchRule], matches: pl.DataFrame) -> pl.DataFrame:
    """Without those by actors that a rule excepts. An e-mail address is a person's own actions alone: what a token is
    called, or whose it is, excepts nothing."""
    excepted = [(rule.name, actor) for rule in rules for actor in rule.except_actors]
    if not excepted:
        return matches
    table = pl.DataFrame(excepted, schema={"rule": pl.String, "excepted": pl.String}, orient="row")
    address = pl.when(pl.col("actor_type") == PERSON).then(pl.col("actor_email").str.to_lowercase())
    by_key = matches.join(table, left_on=["rule", "actor_key"], right_on=["rule", "excepted"], how="anti")
    addresses = table.with_columns(pl.col("excepted").str.to_lowercase())
    return (
        by_key.with_columns(address=address)
        .join(addresses, left_on=["rule", "address"], right_on=["rule", "excepted"], how="anti")
        .drop("address")
    )
