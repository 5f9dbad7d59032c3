"""A page of Cloudflare's list, from the bytes of a reply: its entries and where it goes on, or why it can't be trusted.

An envelope that contradicts itself raises `Incomplete`; bytes that are no JSON raise `TryAgain`; one entry that can't
be read stands in the page as `Unreadable` and spoils no other.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from audit_assets.cloudflare.entries import Unreadable
from audit_assets.cloudflare.entry_json import DEEPEST, decoded, is_deeper
from audit_assets.config.errors import Incomplete
from audit_assets.transport.http import TryAgain

LONGEST_CURSOR = 16_384
"""Characters. Those that were seen have some 130; one that no address can hold is none."""

AROUND_AN_ENTRY = 2
"""Levels: the envelope and its list."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)


@dataclass(frozen=True)
class Page:
    """The entries of one reply, as Cloudflare wrote them, and the cursor of the next page, if there is one."""

    entries: list[Any]
    cursor: str | None


def page_of(body: bytes, stream: str) -> Page:
    """What a reply with status 200 lists. Raises `Incomplete` and `TryAgain`; stream is "v2" or "v1"."""
    envelope = _envelope(body)
    if not isinstance(envelope, dict):
        raise TryAgain("a body that is no JSON object")
    if envelope.get("success") is not True:
        raise Incomplete(f"'success' is not true: {spoken_errors(envelope)}")
    if envelope.get("errors"):
        raise Incomplete(f"it lists errors beside its entries: {spoken_errors(envelope)}")
    entries, info = envelope.get("result"), envelope.get("result_info")
    if not isinstance(entries, list):
        raise Incomplete("'result' is not a list")
    if info is not None and not isinstance(info, dict):
        raise Incomplete("'result_info' is not an object")
    if info is None and entries and stream == "v2":
        raise Incomplete("it does not say whether there is more ('result_info' is missing)")
    _check_count(info or {}, len(entries))
    return Page(entries, _cursor(info or {}) if stream == "v2" else None)


def spoken_errors(envelope: Any) -> str:
    """Cloudflare's errors in words, `10000 Authentication error`; not yet fit for an error of ours."""
    errors = envelope.get("errors") if isinstance(envelope, dict) else None
    listed = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    spoken = [f"{_word(error.get('code'))} {_word(error.get('message'))}".strip() for error in listed[:3]]
    return "; ".join(spoken) or "no reason given"


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def error_codes(envelope: Any) -> set[Any]:
    """The codes of Cloudflare's errors; v2's own have none (docs/facts/cloudflare.md, 2.7)."""
    errors = envelope.get("errors") if isinstance(envelope, dict) else None
    listed = errors if isinstance(errors, list) else []
    return {error.get("code") for error in listed if isinstance(error, dict) and isinstance(error.get("code"), int)}


def envelope_or_none(body: bytes) -> Any:
    """The JSON value of a body, None where it is none, as of a page of the edge."""
    try:
        return _envelope(body)
    except TryAgain:
        return None


def _envelope(body: bytes) -> Any:
    """A byte that is no UTF-8 becomes a lone surrogate, by which the entry that holds it is told later."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        envelope = decoded(text)
    except RecursionError:
        return _read_piece_by_piece(text)
    except ValueError:
        raise TryAgain("a body that is not JSON") from None
    return _read_piece_by_piece(text) if is_deeper(text, AROUND_AN_ENTRY + DEEPEST) else envelope


def _read_piece_by_piece(text: str) -> Any:
    """The envelope of a page of which an entry is nested too deeply: each entry is read alone."""
    spans = list(_entry_spans(text))
    if not spans:
        raise TryAgain("a body that is nested too deeply")
    try:
        envelope = decoded(f"{text[: spans[0][0]]}{text[spans[-1][1] :]}")
        envelope["result"] = [_read_entry(text[start:end]) for start, end in spans]
    except (ValueError, TypeError, RecursionError):
        raise TryAgain("a body that is not JSON") from None
    return envelope


def _read_entry(text: str) -> Any:
    """One that is nested too deeply stands there in its own letters, without the blanks that its place in the page
    brings with it: what is quarantined is known again by its text."""
    if not is_deeper(text):
        with suppress(RecursionError):
            return decoded(text)
    return Unreadable(text.strip(), "it is nested too deeply")


def _entry_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the members of the outermost "result" list begin and end."""
    depth, key, start = 0, "", None
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "{[":
            depth += 1
            if depth == 2 and mark == "[" and key == '"result"':
                start = token.end()
        elif mark in "}]":
            depth -= 1
            if depth == 1 and start is not None:
                yield start, token.start()
                return
        elif mark == "," and depth == 2 and start is not None:
            yield start, token.start()
            start = token.end()
        elif depth == 1 and mark != ",":
            key = mark


def _check_count(info: dict[str, Any], received: int) -> None:
    """The spec says text, those who run on it a number (docs/facts/cloudflare.md, 2.4); either may be missing."""
    count = info.get("count")
    if count is not None and (isinstance(count, bool) or _word(count) != str(received)):
        raise Incomplete(f"it counts {_word(count) or 'no number of'} entries and holds {received}")


def _cursor(info: dict[str, Any]) -> str | None:
    """The official SDKs look elsewhere than the documentation (docs/facts/cloudflare.md, 1): both places are read."""
    after = info.get("cursors")
    cursor = info.get("cursor") or (after.get("after") if isinstance(after, dict) else None)
    if cursor is None or cursor == "":
        return None
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR or not cursor.isascii():
        raise Incomplete("its cursor is none that could be sent back")
    return cursor
