"""Audit entries as JSON text, and the text of what is no JSON.

An entry comes from a stranger: it may hold what JSON text can't (half a surrogate pair, NaN, a depth without end),
and none of it may stop the page that it came on.
"""

import json
from itertools import accumulate
from json import JSONDecoder, JSONEncoder
from typing import Any

DEEPEST = 500
"""Levels that an entry may have, its own braces among them. Python itself reads as many as the stack of the moment
allows, so that the same entry could be one thing in this pull and another in the next."""

DEEPEST_RESCUED = 20
"""Levels that are kept of something nested too deeply to be written as it is."""

LONGEST_INTEGER = 1_000
"""Digits. Python refuses to read or write more than 4,300 (docs/facts/reliability.md, 4): beyond, they are kept as text."""

_write = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode

_STEPS = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0) for byte in range(256))
"""A step down for an opening mark, and for a closing one a step up: 255 is -1 as a signed byte."""

_NEITHER_MARK_NOR_QUOTE = bytes(byte for byte in range(256) if byte not in b'{}[]"')


class NotJson(ValueError):
    """Why something can't be written as JSON text."""


def is_deeper(text: str, levels: int = DEEPEST) -> bool:
    """Whether that JSON text is nested more than so many levels deep, however much of the stack is free."""
    if text.count("{") + text.count("[") <= levels:
        return False
    unescaped = text.encode(errors="replace").replace(rb"\\", b"").replace(rb"\"", b"")
    marks = unescaped.translate(None, _NEITHER_MARK_NOR_QUOTE).replace(b'""', b"")  # most strings hold no mark
    outside_of_strings = b"".join(marks.split(b'"')[::2])
    steps = memoryview(outside_of_strings.translate(_STEPS)).cast("b")
    return max(accumulate(steps), default=0) > levels


def entry_text(entry: Any) -> str:
    """Compact JSON text, valid Unicode, keys in order so that equal entries are equal texts. Raises NotJson."""
    try:
        text = _write(entry)
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except (ValueError, TypeError, OverflowError):
        raise NotJson("it holds what JSON can't, such as NaN") from None
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NotJson("it holds text that is no Unicode (a lone surrogate or a broken byte)") from None
    if is_deeper(text):
        raise NotJson("it is nested too deeply")
    return text


def rescued_text(value: Any) -> str:
    """ASCII JSON text of anything at all: what JSON can't hold stands as a string."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return json.dumps(_plain(value, DEEPEST_RESCUED))
    return json.dumps(_plain(value, DEEPEST_RESCUED)) if is_deeper(text) else text


def decoded(text: str) -> Any:
    """JSON text as Python values; control characters in strings and integers of any length pass.

    Raises ValueError, or RecursionError for what is nested too deeply.
    """
    return _DECODER.decode(text)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


_DECODER = JSONDecoder(strict=False, parse_int=_integer)


def _plain(value: Any, levels: int) -> Any:
    """The value in what JSON has."""
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 3 * LONGEST_INTEGER else "(an integer without end)"
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if levels == 0:
        return "(nested too deeply)"
    if isinstance(value, dict):
        return {_key(key): _plain(inner, levels - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, levels - 1) for inner in value]
    return f"({type(value).__name__})"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(_plain(key, 1))
