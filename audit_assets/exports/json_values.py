"""The JSON values of a text, one after the other, however they were put together.

One document, a line for each, pretty-printed objects as `jq '.result[]'` prints them, pages without a newline between
them, lines that end in commas, RFC 7464. A damaged value costs no other: reading goes on with the next line that may
begin one.
"""

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final


class Damage(Enum):
    """What stands in place of a value that can't be read."""

    UNREADABLE = 0


UNREADABLE: Final = Damage.UNREADABLE

_BETWEEN = re.compile(r"[\s,\]\x1e\ufeff]*")
"""Between values: RFC 7464 begins each with \\x1e, and a list that is damaged further up ends in a bracket."""

_LINE_START = re.compile(r"\n([ \t]*)(?=[^\s}\]])")
_END_OF_LINE = re.compile(r"[ \t\r,]*(?:[\n\x1e]|\Z)")


def json_values(text: str) -> Iterator[tuple[int, Any]]:
    """Each value, or `UNREADABLE`, with the number of the line where it begins."""
    position, line, counted = 0, 1, 0
    while (position := _after(_BETWEEN, text, position)) < len(text):
        line += text.count("\n", counted, position)
        counted = position
        try:
            value, position = _decode(text, position)
        except ValueError:
            is_whole_list = text[position] == "[" and not text[:position].strip()
            if not (is_whole_list and text.endswith("]", 0, len(text.rstrip()))):  # else a part of it is reported
                yield line, UNREADABLE
            position = position + 1 if is_whole_list else _next_start(text, position)
            continue
        yield line, value


def _decode(text: str, position: int) -> tuple[Any, int]:
    """A value in strict JSON, since a NaN would make a whole page invalid, and its end. Raises ValueError."""
    try:
        value, end = _DECODER.raw_decode(text, position)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict | list) and not _END_OF_LINE.match(text, end):
        raise ValueError("the beginning of something else, such as of a time")
    return value, end


def _next_start(text: str, position: int) -> int:
    """Where the next line begins that is not a part of the damaged value: one that is indented no deeper."""
    line = text.rfind("\n", 0, position) + 1
    indent = _after(_BLANKS, text, line) - line
    starts = (found.end() for found in _LINE_START.finditer(text, position) if len(found[1]) <= indent)
    return next(starts, len(text))


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_BLANKS = re.compile(r"[ \t]*")
_DECODER = json.JSONDecoder(parse_constant=_reject_constant)
