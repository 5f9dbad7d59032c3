"""A page of a list: made from the entries, written as JSON, and damaged on demand.

The kinds of damage are those that a client must detect (docs/facts/cloudflare.md, 6.4 and 7): see `PAGE_FAULTS`.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from audit_assets.sandbox.cloudflare.audit_log import Row
from audit_assets.sandbox.cloudflare.list_parameters import BadRequest, Query

Options = Mapping[str, Any]


@dataclass
class ResponseBehaviour:
    """Details that differ from reply to reply, or are not known of the real service."""

    last_cursor: Literal["absent", "null", "empty", "mixed"] = "mixed"
    """The form in which v2 shows that there is no further page."""

    cursor_place: Literal["cursor", "cursors.after"] = "cursor"
    count_as: Literal["integer", "string"] = "integer"
    cursor_after_exact_page: bool = False
    """A full last page has a cursor nevertheless, which leads to an empty page."""

    errors_on_success: Literal["empty", "absent", "null"] = "empty"
    past_the_end: Literal["refused", "empty"] = "refused"
    """v1's answer to a page number after the last one."""

    most_entries: int | None = None
    """A request for a larger page than this is answered with `too_large_status` and an HTML page."""

    too_large_status: int = 504
    v1_most_pages: int | None = None
    """v1 ends after so many pages, as if there were no more entries: seen after 3 of 1,000."""


@dataclass
class Page:
    """A page that is about to be sent."""

    stream: str
    query: Query
    bodies: list[bytes]
    earlier: Sequence[Row]
    """The entries of the page before."""

    info: dict[str, Any] | None
    """v2's result_info; v1 has none."""

    success: bool = True
    result: Any = None
    """Instead of the entries."""

    errors: list[dict[str, str]] = field(default_factory=list)
    text: bytes | None = None
    """Instead of the whole body."""

    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def v2_page(query: Query, rows: Sequence[Row], behaviour: ResponseBehaviour) -> Page:
    """The page after the cursor's position, of entries that are given oldest first."""
    ordered, start = _from(query, rows)
    page = ordered[start : start + query.limit]
    more = len(ordered) > start + query.limit or (behaviour.cursor_after_exact_page and len(page) == query.limit)
    count = len(page) if behaviour.count_as == "integer" else str(len(page))
    info = {"count": count} | (_next(query.cursor(page[-1]), behaviour) if more else _end(query, behaviour))
    return Page("v2", query, [row.body for row in page], ordered[max(0, start - query.limit) : start], info)


def v1_page(query: Query, rows: Sequence[Row], behaviour: ResponseBehaviour) -> Page:
    """The page with that number. Raises BadRequest for one after the last."""
    ordered = rows if query.ascending else rows[::-1]
    if behaviour.v1_most_pages:
        ordered = ordered[: behaviour.v1_most_pages * query.limit]
    start = (query.page - 1) * query.limit
    if start and start >= len(ordered) and behaviour.past_the_end == "refused":
        raise BadRequest(f"page {query.page} is past the end")
    page = ordered[start : start + query.limit]
    return Page("v1", query, [row.body for row in page], ordered[max(0, start - query.limit) : start], None)


def as_text(page: Page, behaviour: ResponseBehaviour) -> bytes:
    """The body of the reply."""
    if page.text is not None:
        return page.text
    parts: list[bytes] = []
    if page.errors or page.stream == "v1" or behaviour.errors_on_success == "empty":
        parts.append(b'"errors":' + json.dumps(page.errors).encode())
    elif behaviour.errors_on_success == "null":
        parts.append(b'"errors":null')
    if page.stream == "v1":
        parts.append(b'"messages":[]')
    result = b"[" + b",".join(page.bodies) + b"]" if page.result is None else json.dumps(page.result).encode()
    parts.append(b'"result":' + result)
    if page.info is not None:
        parts.append(b'"result_info":' + json.dumps(page.info).encode())
    parts.append(b'"success":true' if page.success else b'"success":false')
    return b"{" + b",".join(parts) + b"}"


def _from(query: Query, rows: Sequence[Row]) -> tuple[Sequence[Row], int]:
    """The entries in the requested order, and where in it the page starts."""
    if query.ascending:
        return rows, bisect_left(rows, (query.after.time, query.after.number + 1)) if query.after else 0
    return rows[::-1], len(rows) - bisect_left(rows, query.after) if query.after else 0


def _next(cursor: str, behaviour: ResponseBehaviour) -> dict[str, Any]:
    return {"cursors": {"after": cursor}} if behaviour.cursor_place == "cursors.after" else {"cursor": cursor}


def _end(query: Query, behaviour: ResponseBehaviour) -> dict[str, Any]:
    """No further page, in a form that depends on the query when it is "mixed"."""
    forms = ("absent", "null", "empty")
    form = forms[query.identity % 3] if behaviour.last_cursor == "mixed" else behaviour.last_cursor
    return {"absent": {}, "null": {"cursor": None}, "empty": {"cursor": ""}}[form]


def _duplicate_rows(page: Page, options: Options) -> None:
    """The last `rows` entries of the page before are repeated; on a first page its own are."""
    again = [row.body for row in page.earlier] or list(page.bodies)
    page.bodies[:0] = again[-options.get("rows", 1) :]
    _recount(page)


def _empty_page(page: Page, _: Options) -> None:
    """No entries, although there are some, and a cursor that leads to them."""
    _nothing_yet(page, variant=1)


def _nothing_yet(page: Page, variant: int) -> None:
    after = page.query.after
    here = page.query.cursor(Row(after.time, after.number, 0, b""), variant) if after else page.query.first_cursor()
    page.bodies, page.info = [], {"count": 0, "cursor": here}


def _repeat_cursor(page: Page, _: Options) -> None:
    """The cursor leads to this very page again."""
    entries = page.bodies
    _nothing_yet(page, variant=0)
    page.bodies = entries
    _recount(page)


def _wrong_count(page: Page, options: Options) -> None:
    """The count is `by` higher than the number of entries."""
    page.info = {**(page.info or {}), "count": len(page.bodies) + options.get("by", 1)}


def _no_result_info(page: Page, _: Options) -> None:
    page.info = None


def _cursors_after(page: Page, _: Options) -> None:
    """The cursor is where the official SDKs look for it."""
    info = page.info or {}
    if cursor := info.pop("cursor", None):
        info["cursors"] = {"after": cursor}


def _outside_window(page: Page, options: Options) -> None:
    """One entry more, `seconds` before the window begins (a negative number: before its end)."""
    entry = json.loads(page.bodies[0]) if page.bodies else {"id": "0" * 32, "action": {}}
    time = datetime.fromtimestamp(page.query.low / 1e9, UTC) - timedelta(seconds=options.get("seconds", 3600))
    entry["id"] = "0" * 31 + "f"
    text = time.isoformat().replace("+00:00", "Z")
    if page.stream == "v2":
        entry["action"]["time"] = text
    else:
        entry["when"] = text
    page.bodies.append(json.dumps(entry).encode())
    _recount(page)


def _not_success(page: Page, _: Options) -> None:
    page.success, page.errors = False, [{"message": "internal error"}]


def _result_not_list(page: Page, options: Options) -> None:
    page.result = options.get("result", {})


def _result_null(page: Page, _: Options) -> None:
    page.text = b'{"success":true,"errors":[],"result":null,"result_info":{"count":0}}'


def _html(page: Page, options: Options) -> None:
    text = options.get("body", "<!DOCTYPE html><html><body>Just a moment...</body></html>")
    page.text, page.media_type = text.encode(), "text/html; charset=UTF-8"


def _cut_json(page: Page, _: Options) -> None:
    """Half a body with a correct Content-Length, unlike the connection fault `torn`."""
    text = as_text(page, ResponseBehaviour())
    page.text = text[: len(text) // 2]


def _disorder(page: Page, _: Options) -> None:
    page.bodies.reverse()


def _short_page(page: Page, options: Options) -> None:
    """`rows` entries are left out of the page, and not on the next one either."""
    del page.bodies[len(page.bodies) - options.get("rows", 1) :]
    _recount(page)


def _date(page: Page, options: Options) -> None:
    """The Date header is `value`."""
    page.headers["Date"] = options["value"]


def _recount(page: Page) -> None:
    if page.info is not None:
        page.info["count"] = len(page.bodies)


PAGE_FAULTS: Mapping[str, Callable[[Page, Options], None]] = {
    "duplicate_rows": _duplicate_rows,
    "empty_page": _empty_page,
    "repeat_cursor": _repeat_cursor,
    "wrong_count": _wrong_count,
    "no_result_info": _no_result_info,
    "cursors_after": _cursors_after,
    "outside_window": _outside_window,
    "not_success": _not_success,
    "result_not_list": _result_not_list,
    "result_null": _result_null,
    "html": _html,
    "cut_json": _cut_json,
    "disorder": _disorder,
    "short_page": _short_page,
    "date": _date,
}
"""The kinds of fault that a page can have; the functions describe their options."""
