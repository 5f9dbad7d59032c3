"""The texts of queries/*.apl, filled with typed values.

Each file is a whole, valid query: its `let` lines hold example values of the right kind, and filling a file replaces
these values and the name of the dataset, nothing else. Only times, hex strings, lists of hex strings and the plain
names of a team's policy can be put in; no text of an entry ever reaches a query.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from audit_assets.config.change_filter import NAME, ChangeFilter
from audit_assets.config.errors import SettingError

EXAMPLE_DATASET = "['cloudflare-audit']"
"""As written in the files."""

EXAMPLE_FINDINGS = "['cloudflare-audit-findings']"
"""As written in the files about the dataset of findings."""

NO_NAMES = ("",)
"""Used for no names at all, since an empty list in APL is documented nowhere: no event holds an empty text."""

LET = re.compile(r"^let (\w+) = (.+);$", re.MULTILINE)
HEX = re.compile(r"[0-9a-f]{1,64}")
DATASET = re.compile(r"[a-z0-9-]{1,80}")
"""Names that Axiom accepts for certain, and that need no quoting (docs/facts/axiom.md, 2.4)."""


class Names(tuple[str, ...]):
    """Plain names from a team's policy; every other list holds hex keys."""


Value = datetime | str | Sequence[str] | Names


def check_dataset(dataset: str, setting_name: str = "AXIOM_DATASET") -> str:
    """The name itself. Raises `SettingError` for one that Axiom may not accept."""
    if not DATASET.fullmatch(dataset):
        raise SettingError(
            f"{setting_name} must be 1 to 80 lower-case letters, digits and dashes: set it to the dataset's name"
        )
    return dataset


def fill(name: str, dataset: str, **values: Value) -> str:
    """The text of queries/`name`.apl about `dataset` with these values, ready to be sent.

    Raises `ValueError` unless `values` names exactly the file's parameters, each with a value of its kind: an aware
    datetime of whole seconds, a hex string of at most 64 characters, a non-empty list of those, or Names.
    """
    text = _text(name)
    examples = dict(LET.findall(text))
    if examples.keys() != values.keys():
        raise ValueError(f"{name}.apl takes {sorted(examples)}, not {sorted(values)}")
    literals = {parameter: _literal(parameter, value) for parameter, value in values.items()}
    for parameter, literal in literals.items():
        if _kind(literal) != _kind(examples[parameter]):
            raise ValueError(f"{parameter} of {name}.apl is a {_kind(examples[parameter])}")
    filled = LET.sub(lambda line: f"let {line[1]} = {literals[line[1]]};", text)
    named = f"['{check_dataset(dataset)}']"
    return filled.replace(EXAMPLE_DATASET, named).replace(EXAMPLE_FINDINGS, named)


def limit_of(name: str) -> int:
    """The explicit limit at the end of the query file: where rows are listed, what Axiom returns at most."""
    return int(_text(name).rsplit("| limit ", 1)[1])


def change_filter_values(change_filter: ChangeFilter) -> dict[str, Names]:
    """The parameters of a query file about changes: which entries do not count as changes."""
    return {
        "streams_left_out": Names(change_filter.without_streams),
        "kinds_left_out": Names(change_filter.without_kinds),
        "actions_left_out": Names(change_filter.without_actions),
        "results_left_out": Names(change_filter.without_results),
        "products_left_out": Names(change_filter.without_products),
        "actor_types_left_out": Names(change_filter.without_actor_types),
    }


def activity_text(
    dataset: str, actor_keys: Sequence[str], start: datetime, end: datetime, change_filter: ChangeFilter
) -> str:
    """The query behind `AxiomClient.activity`, for a link that shows a person the same rows: without what the team's
    policy does not use, since a ticket, each delivery and Dagster's database hold the link."""
    values = {"window_start": start, "window_end": end, "actors": sorted(actor_keys)}
    text = fill("activity", dataset, **values, **change_filter_values(change_filter))
    for parameter, literal in LET.findall(text):
        if literal == _literal(parameter, Names()):
            text = text.replace(f"let {parameter} = {literal};\n", "")
            text = re.sub(rf"\w+ !in \({parameter}\)( and )?", "", text)
    return re.sub(r"^\| where \n", "", re.sub(r" and $", "", text, flags=re.MULTILINE), flags=re.MULTILINE)


def entries_text(dataset: str, actor_keys: Sequence[str], start: datetime, end: datetime) -> str:
    """All entries of these actors in [start, end), for a link that shows them to a person."""
    return fill("entries", dataset, window_start=start, window_end=end, actors=sorted(actor_keys))


def quarantined_text(dataset: str, start: datetime, end: datetime) -> str:
    """The entries of [start, end) that could not be read, for a link that shows them to a person."""
    return fill("quarantined", dataset, window_start=start, window_end=end)


def chart_text(name: str, dataset: str, change_filter: ChangeFilter) -> str:
    """The text of queries/charts/`name`.apl for a dashboard, whose own range applies: without comments, and with plain
    lists in place of `let` lines, so that nothing rests on what a chart does with them."""
    takes = dict(LET.findall(_text(f"charts/{name}")))
    values = {each: value for each, value in change_filter_values(change_filter).items() if each in takes}
    text = fill(f"charts/{name}", dataset, **values)
    for parameter, literal in LET.findall(text):
        text = text.replace(f"({parameter})", f"({literal.removeprefix('dynamic([').removesuffix('])')})")
    return "\n".join(line for line in LET.sub("", text).splitlines() if line and not line.startswith("//"))


@cache
def _text(name: str) -> str:
    return (files("audit_assets.axiom") / "queries" / f"{name}.apl").read_text(encoding="utf-8")


def _literal(parameter: str, value: Value) -> str:
    """A value in APL. A list is bound with `dynamic([…])`: Axiom's page on `in` shows just that, a `let` of a
    dynamic array and `in (name)`, and allows 1,000,000 values in it."""
    if isinstance(value, datetime):
        if value.tzinfo is None or value.microsecond:
            raise ValueError(f"{parameter} must be an aware time of whole seconds")
        return f"datetime({value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
    if isinstance(value, str):
        return _hex(parameter, value)
    if isinstance(value, Names):
        return f"dynamic([{', '.join(_name(parameter, item) for item in value or NO_NAMES)}])"
    if isinstance(value, Sequence) and value:
        return f"dynamic([{', '.join(_hex(parameter, item) for item in value)}])"
    raise ValueError(f"{parameter} must be a time, a hex string or a list of those")


def _hex(parameter: str, value: object) -> str:
    if not isinstance(value, str) or not HEX.fullmatch(value):
        raise ValueError(f"{parameter} must be 1 to 64 hex digits")
    return f'"{value}"'


def _name(parameter: str, value: str) -> str:
    if value and not NAME.fullmatch(value):
        raise ValueError(f"{parameter} must be plain names")
    return f'"{value}"'


def _kind(literal: str) -> str:
    return "hex string" if literal.startswith('"') else literal.split("(", maxsplit=1)[0]
