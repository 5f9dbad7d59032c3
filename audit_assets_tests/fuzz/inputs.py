"""What fuzzers give to parsers: valid texts with parts replaced, anything at all, and what broke parsers before.

What is replaced by what is drawn as bytes, which Hypothesis draws fast and makes small, and atheris changes usefully.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from audit_assets_tests.any_answer.changed_answers import JSON_VALUES

ODD_PIECES = (
    *("", "²", "\0", "\x1b[2J", "\ufeff", "\u2028", "\r", "\n", "\t", " ", "'", '"', '"""', "\\", "\\u0000", "\\ud800"),
    *(
        "[" * 3_000,
        "{" * 3_000,
        '{"a":' * 2_000,
        "a." * 2_000 + "b",
        "9" * 5_000,
        "-",
        "+",
        "0",
        "1e999",
        "NaN",
        "null",
    ),
    *(
        "true",
        "[]",
        "{}",
        "[[]]",
        "#",
        "=",
        "==",
        "${A}",
        "${A:-b}",
        ";",
        ",",
        ":",
        "%",
        "%00",
        "://",
        "[::1]",
        "::ffff:",
    ),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-29", "24:00", "60", "é", "\u0661", "\u202e"),
    *(
        "\U0001d7d9",
        "\ud800",
        "nan",
        "inf",
        "-1",
        "99999999999999999999",
        "0x10",
        "1_000",
        "{a={a={a={",
        "[[a]]",
        "[a]",
    ),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**63, 10**400, 1e300, float("inf"), float("nan"), -0.5, "", "²", "\ud800", "\x1b[2J"),
    *("0001-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "2026-11-20T10:00:00", "9" * 5_000, "a" * 2_000, "::ffff:"),
    *([], {}, [None], [[1]], {"a": None}, {"": {"": []}}, [{}], "null", "[1]", '{"a":1}', "true", "https://a/?b#c"),
)
_PLACES_FOR_VALUES = re.compile(r"[=:,\[{\"'\s/@]")

ANY_TIME = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
"""What Hypothesis is not to complain about: how long an input takes says more of the machine than of us."""

EDIT = 4
"""Bytes of an edit: two for its place, one for what is cut out, one for what is put in."""

_EDITS = st.binary(min_size=EDIT, max_size=EDIT * 4)


def _edited(text: str, drawn: bytes) -> str:
    """With some pieces cut out or replaced, every other time where a value begins."""
    for at in range(0, len(drawn) - EDIT + 1, EDIT):
        place, cut, piece = int.from_bytes(drawn[at : at + 2], "big"), drawn[at + 2], drawn[at + 3]
        places = [found.end() for found in _PLACES_FOR_VALUES.finditer(text)] if cut % 2 else []
        start = places[place % len(places)] if places else place % (len(text) + 1)
        put_in = ODD_PIECES[piece] if piece < len(ODD_PIECES) else chr(piece)
        text = text[:start] + put_in + text[start + cut % 32 :]
    return text


def _replaced(value: Any, drawn: bytes) -> Any:
    """With values of it replaced."""
    value = deepcopy(value)
    for at in range(0, len(drawn) - EDIT + 1, EDIT):
        places = list(_places(value))
        *path, last = places[int.from_bytes(drawn[at : at + 2], "big") % len(places)] or [None]
        new = deepcopy(ODD_VALUES[drawn[at + 3] % len(ODD_VALUES)])
        if last is None:
            return new
        part = value
        for key in path:
            part = part[key]
        part[last] = new
    return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*path, key))


def _mostly(usual: SearchStrategy[Any], *others: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Seven times of eight the first."""
    return st.integers(0, 7).flatmap(lambda drawn: usual if drawn else st.one_of(*others))


def texts(*seeds: str) -> SearchStrategy[str]:
    """Any text; mostly close to one of these."""
    close = st.tuples(st.sampled_from(seeds), _EDITS).map(lambda drawn: _edited(*drawn))
    return _mostly(close, st.text(max_size=60), st.sampled_from(ODD_PIECES), st.sampled_from(seeds))


def text_bytes(*seeds: str) -> SearchStrategy[bytes]:
    """Any bytes; mostly a text close to one of these."""
    encoded = texts(*seeds).map(lambda text: text.encode("utf-8", "surrogatepass" if len(text) % 8 == 0 else "replace"))
    utf_16 = texts(*seeds).map(lambda text: text.encode("utf-16", "surrogatepass"))
    return _mostly(encoded, st.binary(max_size=60), utf_16)


def json_values(*seeds: Any) -> SearchStrategy[Any]:
    """Any JSON value, as Python has it; mostly close to one of these."""
    close = st.tuples(st.sampled_from(seeds), _EDITS).map(lambda drawn: _replaced(*drawn))
    return _mostly(close, JSON_VALUES, st.sampled_from(ODD_VALUES))


def json_bytes(*seeds: Any) -> SearchStrategy[bytes]:
    """Like `text_bytes`, of JSON: values replaced, or its text damaged."""
    replaced = json_values(*seeds).map(lambda value: json.dumps(value).encode())
    return replaced | text_bytes(*map(json.dumps, seeds))
