"""Reads and writes audit entries as JSON text, and keeps the text of what is not JSON.

An entry comes from a stranger: it may contain what JSON text can't (half a surrogate pair, NaN, endless nesting), and
none of that may stop the page that it came on.
"""

import json
import re
from contextlib import suppress
from itertools import accumulate
from json import JSONDecoder, JSONEncoder
from typing import Any

import msgspec

DEEPEST = 500
"""Levels that an entry may have, its own braces among them. Python itself reads as many as the stack of the moment
allows, so that the same entry could be one thing in this pull and another in the next."""

DEEPEST_RESCUED = 20
"""Levels that are kept of something nested too deeply to be written as it is: what columns are read from is in the
first two. A judgement."""

TOO_DEEP = "(nested too deeply)"
"""In place of what is nested more than DEEPEST_RESCUED levels deep."""

LONGEST_INTEGER = 1_000
"""Digits. Longer integers are kept as text: Python refuses more than 4,300 digits (docs/facts/reliability.md, 4)."""

TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)
"""A string, a bracket or a comma of JSON text."""

_write = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_write_ascii = JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_write_all_numbers = JSONEncoder(separators=(",", ":"), sort_keys=True).encode

_STEPS = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0) for byte in range(256))
"""A step down for an opening mark, and for a closing one a step up: 255 is -1 as a signed byte."""

_NEITHER_MARK_NOR_QUOTE = bytes(byte for byte in range(256) if byte not in b'{}[]"')


_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else 0 for byte in range(256))
_MANY_DIGITS = b"0" * LONGEST_INTEGER


class NotJson(ValueError):
    """Why something can't be written as JSON text."""


class PlainEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry that msgspec reads: Unicode throughout, and not too deep. `span` is its text as it came, `text` that of
    `entry_text`. Its value is not kept: a page of values takes four times as much time as one after the other."""

    span: bytes
    text: str

    def value(self) -> dict[str, Any]:
        """The value that `parse_json` reads from the text; where the stack has no room for it, its upper levels."""
        try:
            return _read_plain(self.span)
        except RecursionError:
            return parse_json(shallow_text(text_of(self.span)))


class _Decimal(float):
    """A number with a fraction or an exponent. msgspec writes a float in another way than Python, and whoever reads an
    entry again compares texts; what is of another type, its encoder asks us for."""

    __slots__ = ()


def text_of(body: bytes) -> str:
    """JSON text; a byte that is not UTF-8 becomes a lone surrogate, by which its entry is recognised later."""
    return body.decode("utf-8", "surrogateescape")


def read_plain_entry(span: bytes) -> Any:
    """A PlainEntry, or the value that `parse_json` reads from the same text.

    Raises `msgspec.MsgspecError` for text that msgspec does not take, some of which `parse_json` takes, or takes
    otherwise, and RecursionError for what is nested more than DEEPEST levels deep, or too deeply for the stack.
    """
    if len(span) > 2 * DEEPEST and span.count(b"{") + span.count(b"[") > DEEPEST and is_deeper(text_of(span)):
        raise RecursionError
    if len(span) >= LONGEST_INTEGER and _MANY_DIGITS in span.translate(_DIGITS):
        raise msgspec.DecodeError("an integer that is kept as text")
    value = _read_plain(span)
    if type(value) is dict:
        with suppress(ValueError, OverflowError, RecursionError):  # Python's own encoder knows the reason
            return PlainEntry(span, _write_plain(value).decode())
    return value


def _read_decimal(text: str) -> _Decimal:
    value = _Decimal(text)
    if value - value != 0:
        raise ValueError("a number without end")
    return value


def _write_decimal(value: Any) -> msgspec.Raw:
    if type(value) is not _Decimal:
        raise ValueError("not JSON")
    return msgspec.Raw(float.__repr__(value).encode())


_read_plain = msgspec.json.Decoder(float_hook=_read_decimal).decode
_write_plain = msgspec.json.Encoder(order="sorted", enc_hook=_write_decimal).encode


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
    """Compact JSON text, valid Unicode, with sorted keys, so that equal entries are equal texts. Raises NotJson."""
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


def rescue_entry(entry: Any) -> tuple[str, str]:
    """What is kept of an entry that `entry_text` does not take, and what it is compared by: both are ASCII with sorted
    keys. The first is JSON: half a surrogate pair is escaped, NaN is "(NaN)", 1e999 is "(Infinity)", and what is nested
    too deeply is TOO_DEEP. The second still tells NaN from that word."""
    try:
        written = _write_all_numbers(entry)
        if not is_deeper(written):
            return _write_ascii(_WITHOUT_NAN.decode(written)), written
    except (ValueError, TypeError, OverflowError, RecursionError):  # not from JSON text, or without end
        pass
    kept = _write_ascii(_plain(entry, DEEPEST_RESCUED))
    return kept, kept


def shallow_text(text: str, levels: int = DEEPEST_RESCUED) -> str:
    """That JSON text, in which whatever is nested more than so many levels deep is a string: TOO_DEEP and its text."""
    kept: list[str] = []
    depth = taken = start = 0
    for token in TOKEN.finditer(text):
        if token[0] in ("{", "["):
            depth += 1
            if depth == levels + 1:
                start = token.start()
        elif token[0] in ("}", "]"):
            if depth == levels + 1:
                kept += [text[taken:start], json.dumps(f"{TOO_DEEP} {text[start : token.end()]}")]
                taken = token.end()
            depth -= 1
    return "".join([*kept, text[taken:]])


def salvage_text(value: Any) -> str:
    """ASCII JSON text of any value: what JSON can't contain becomes a string. It goes into stored ids of what is
    quarantined (axiom/events.py), so it never changes."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return json.dumps(_plain(value, DEEPEST_RESCUED))
    return json.dumps(_plain(value, DEEPEST_RESCUED)) if is_deeper(text) else text


def parse_json(text: str) -> Any:
    """JSON text as Python values; control characters in strings and integers of any length are accepted.

    Raises ValueError, or RecursionError for what is nested too deeply.
    """
    return _DECODER.decode(text)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


_DECODER = JSONDecoder(strict=False, parse_int=_integer)
_WITHOUT_NAN = JSONDecoder(parse_int=_integer, parse_constant="({})".format)


def _plain(value: Any, levels: int) -> Any:
    """The value in the types that JSON has."""
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 3 * LONGEST_INTEGER else "(an integer without end)"
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if levels == 0:
        return TOO_DEEP
    if isinstance(value, dict):
        return {_key(key): _plain(inner, levels - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, levels - 1) for inner in value]
    return f"({type(value).__name__})"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(_plain(key, 1))
