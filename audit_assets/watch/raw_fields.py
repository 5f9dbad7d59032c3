"""What watch rules read of an entry's raw JSON: which parts of it, and whether a field in them is like a pattern.

JSON text is searched, not parsed: in it an unescaped quote always ends or begins a string, so that
`"decision":"bypass"` is nothing but that field. Keys and values are compared as names are (config/name_patterns.py).
"""

from collections.abc import Mapping

import polars as pl

from audit_assets.config.name_patterns import folded_column, names_regex, pattern_regex

RAW_CONDITIONS = ("setting", "old_value", "new_value", "request", "response", "before")
"""The conditions of a Match that need an entry's raw JSON."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "setting": ("$.metadata.name",),
    "old_value": ("$.oldValue",),
    "new_value": ("$.newValue",),
    "request": ("$.resource.request", "$.resource.value", "$.newValueJson", "$.newValue"),
    "response": ("$.resource.response",),
    "before": ("$.oldValueJson", "$.oldValue"),
}
"""Where they are in an entry, in either stream (docs/facts/cloudflare.md, 2.4 and 3)."""

ZONE = "{zone}"
"""In a pattern: the name of the entry's zone."""

IN_STRING = '[^"]*'
"""What `*` stands for in a key or a value."""

SCALARS = r'(?:"(?:[^"\\]|\\.)*",|[^",\[\]{}]+,)*'
"""The members of a list before the one in question."""


def parts_of_raw(raw: pl.Expr) -> dict[str, pl.Expr]:
    """RAW_CONDITIONS as columns of folded text; null where the entry has none. polars reads no JSON of more than 128
    levels: then it is the whole text, for what is asked of fields, since nothing may be hidden that way."""
    is_readable = raw.str.json_path_match("$.id").is_not_null()
    columns = {
        name: pl.concat_str([_member(raw, path) for path in paths], separator="\n", ignore_nulls=True)
        for name, paths in PARTS.items()
    }
    for name in ("request", "response", "before"):
        columns[name] = pl.when(is_readable).then(columns[name]).otherwise(raw)
    return {name: folded_column(column).alias(name) for name, column in columns.items()}


def _member(raw: pl.Expr, path: str) -> pl.Expr:
    """What is at a path. Each look parses the whole text, so only texts that name the key at all are looked into: in
    `raw` no letter of a key is escaped."""
    key = path.rpartition(".")[2]
    return pl.when(raw.str.contains(f'"{key}":', literal=True)).then(raw).str.json_path_match(path)


def has_value(column: str, patterns: tuple[str, ...]) -> pl.Expr:
    """Whether one of the columns of `parts_of_raw` is, as a whole, like one of the patterns."""
    return pl.col(column).str.contains(names_regex(patterns)) & (pl.col(column) != "")


def has_field(column: str, key: str, patterns: tuple[str, ...]) -> pl.Expr:
    """Whether one of the columns of `parts_of_raw` has a field like `key`, at any depth, that holds a value like one of
    the patterns, or a list with one. `*` alone: the field is there, whatever it holds."""
    name = f'"_?(?:{pattern_regex(key, IN_STRING)})_?":'
    if "*" in patterns:
        return pl.col(column).str.contains(name)
    texts = "|".join(pattern_regex(each, IN_STRING) for each in patterns if each != ZONE)
    found = pl.lit(value=False)
    if texts:
        value = rf'(?:"_?(?:{texts})_?"|(?:{texts})[,\]}}])'
        found = pl.col(column).str.contains(rf"{name}(?:\[{SCALARS})?{value}")
    if ZONE in patterns:
        zone = folded_column(pl.col("zone_name"))
        key_text = (
            pl.col(column).str.extract_all(rf'{name}"([^"]*)"').list.eval(pl.element().str.extract(r':"_?(.*?)_?"$'))
        )
        found |= key_text.list.contains(zone).fill_null(value=False)
    return found
