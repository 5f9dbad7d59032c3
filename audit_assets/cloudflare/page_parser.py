"""Parses a page of Cloudflare's list: its entries and the cursor of the next page, or why it can't be trusted.

An envelope that contradicts itself raises `Incomplete`; bytes that are not JSON raise `TryAgain`; an entry that can't
be parsed whole becomes an `Unreadable` in the page and affects no other.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from audit_assets.cloudflare.entries import Unreadable
from audit_assets.cloudflare.entry_json import DEEPEST, TOKEN, is_deeper, parse_json, read_plain_entry, text_of
from audit_assets.config.errors import Incomplete
from audit_assets.transport.http import TryAgain

LONGEST_CURSOR = 16_384
"""Characters. Cursors seen so far have some 130; no address can hold one of this length. A judgement."""

AROUND_AN_ENTRY = 2
"""Levels: the envelope and its list."""


@dataclass(frozen=True)
class Page:
    """The entries of one reply, as Cloudflare wrote them, each a JSON value, a `PlainEntry` or an `Unreadable`, and the
    cursor of the next page, if there is one; the server's time, and the size and hash of the body."""

    entries: list[Any]
    cursor: str | None
    server_time: datetime
    body_bytes: int
    body_sha256: bytes


def parse_page(body: bytes, stream: str, server_time: datetime) -> Page:
    """The page in a reply with status 200. Raises `Incomplete` and `TryAgain`; `stream`: of STREAMS."""
    envelope = _parse_envelope(body)
    if not isinstance(envelope, dict):
        raise TryAgain("a body that is not a JSON object")
    if envelope.get("success") is not True:
        raise Incomplete(f"'success' is not true: {describe_errors(envelope)}")
    if envelope.get("errors"):
        raise Incomplete(f"it lists errors beside its entries: {describe_errors(envelope)}")
    entries, info = envelope.get("result"), envelope.get("result_info")
    if not isinstance(entries, list):
        raise Incomplete("'result' is not a list")
    if info is not None and not isinstance(info, dict):
        raise Incomplete("'result_info' is not an object")
    if info is None and entries and stream != "v1":
        raise Incomplete("'result_info' is missing, so there may be more entries")
    _check_count(info or {}, len(entries))
    cursor = _cursor(info or {}) if stream != "v1" else None
    return Page(entries, cursor, server_time, len(body), hashlib.sha256(body).digest())


def describe_errors(envelope: Any) -> str:
    """Cloudflare's errors, such as `10000 Authentication error`; not yet masked for an error of ours."""
    errors = _errors(envelope)[:3]
    described = [f"{_text(error.get('code'))} {_text(error.get('message'))}".strip() for error in errors]
    return "; ".join(described) or "no reason given"


def error_codes(envelope: Any) -> list[Any]:
    """The codes of Cloudflare's errors; v2's own have none (docs/facts/cloudflare.md, 2.7)."""
    return [error.get("code") for error in _errors(envelope)]


def _errors(envelope: Any) -> list[dict[Any, Any]]:
    errors = envelope.get("errors") if isinstance(envelope, dict) else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def envelope_or_none(body: bytes) -> Any:
    """The JSON value of a body; None if it is not JSON, such as an error page of Cloudflare's edge."""
    try:
        return _parse_any_page(body)
    except TryAgain:
        return None


_split_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _parse_envelope(body: bytes) -> Any:
    try:
        return _parse_plain_page(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _parse_any_page(body)


def _parse_plain_page(body: bytes) -> dict[str, Any]:
    """The envelope of nearly every page: msgspec finds its entries, and Python reads those that msgspec does not take.
    Raises for a page that is to be read by Python as a whole."""
    members = _split_members(body)
    if is_deeper(text_of(b"".join(bytes(span) for name, span in members.items() if name != "result"))):
        raise RecursionError
    entries = [_parse_plain_entry(bytes(span)) for span in _split_entries(members.pop("result", b"null"))]
    around = {name: parse_json(text_of(bytes(span))) for name, span in members.items()}
    return {**around, "result": entries}


def _parse_plain_entry(span: bytes) -> Any:
    try:
        return read_plain_entry(span)
    except msgspec.MsgspecError:
        return parse_json(text_of(span))


def _parse_any_page(body: bytes) -> Any:
    """The same as Python reads it, an entry that is nested too deeply by itself."""
    text = text_of(body)
    try:
        envelope = parse_json(text)
    except RecursionError:
        return _parse_entry_by_entry(text)
    except ValueError:
        raise TryAgain("a body that is not JSON") from None
    return _parse_entry_by_entry(text) if is_deeper(text, AROUND_AN_ENTRY + DEEPEST) else envelope


def _parse_entry_by_entry(text: str) -> Any:
    """The envelope of a page with an entry that is nested too deeply: each entry is parsed alone."""
    spans = list(_entry_spans(text))
    if not spans:
        raise TryAgain("a body that is nested too deeply")
    try:
        envelope = parse_json(f"{text[: spans[0][0]]}{text[spans[-1][1] :]}")
        envelope["result"] = [_parse_entry(text[start:end]) for start, end in spans]
    except (ValueError, TypeError, RecursionError):
        raise TryAgain("a body that is not JSON") from None
    return envelope


def _parse_entry(text: str) -> Any:
    """An entry that is nested too deeply keeps its own text, without the blanks around it in the page: what is
    quarantined is recognised by its text when it is pulled again."""
    if not is_deeper(text):
        with suppress(RecursionError):
            return parse_json(text)
    return Unreadable(text.strip(), "it is nested too deeply")


def _entry_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the items of the outermost "result" list begin and end."""
    depth, key, start = 0, "", None
    for token in TOKEN.finditer(text):
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
    """The count is text in the spec and a number in practice (docs/facts/cloudflare.md, 2.4); either may be missing."""
    count = info.get("count")
    if count is not None and (isinstance(count, bool) or _text(count) != str(received)):
        raise Incomplete(f"it counts {_text(count) or 'no number of'} entries and holds {received}")


def _cursor(info: dict[str, Any]) -> str | None:
    """The SDKs and the documentation disagree on its place (docs/facts/cloudflare.md, 1): both places are read."""
    after = info.get("cursors")
    cursor = info.get("cursor") or (after.get("after") if isinstance(after, dict) else None)
    if cursor is None or cursor == "":
        return None
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR or not cursor.isascii():
        raise Incomplete("its cursor can't be sent back")
    return cursor
