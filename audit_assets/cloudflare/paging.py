"""Fetches all pages of a stream, from its first entry to an end that can be trusted.

The window, the direction and the size of a page are the same on every page: whether a cursor contains them is not
known, and v1's pages would shift (docs/facts/cloudflare.md, 2.5 and 3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_assets.cloudflare.page_parser import Page
from audit_assets.cloudflare.pulls import PullBuilder
from audit_assets.config.errors import Incomplete

MOST_PAGES = 20_000
"""A judgement: 20 million entries."""

MOST_BARREN_PAGES = 1_000
"""In a row, without one new entry. Cloudflare may send some: it may search a long window in slices. A judgement."""

ONE_SECOND = timedelta(seconds=1)
ONE_MILLISECOND = timedelta(milliseconds=1)
"""Where v1 lists only a part of one second. Whether it takes decimals in `since` is not known: it is checked."""

PageRequest = Mapping[str, str | int]


class RequestRejected(Exception):
    """HTTP 400. The text is Cloudflare's, fit for an error."""


FetchPage = Callable[[PageRequest], Page]
"""Sends one request. Raises `RequestRejected`, and whatever ends a pull."""


def fetch_all_v2(fetch: FetchPage, builder: PullBuilder, limit: int) -> None:
    """Follow the cursor to its end, through empty pages too. Raises `RequestRejected` for the first page."""
    window = {"since": _format(builder.window.since), "before": _format(builder.window.before)}
    request = {**window, "direction": "asc", "limit": limit}
    pages = _Pages(builder, builder.window.since, MOST_BARREN_PAGES)
    cursors: set[str] = set()
    page = fetch(request)
    pages.add(page, goes_on=page.cursor is not None)
    while page.cursor is not None:
        if page.cursor in cursors:
            raise Incomplete(f"the cursor of page {pages.count} had come before")
        cursors.add(page.cursor)
        try:
            page = fetch({**request, "cursor": page.cursor})
        except RequestRejected as error:
            raise Incomplete(f"the cursor of page {pages.count} was not accepted: {error}") from None
        pages.add(page, goes_on=page.cursor is not None)


def fetch_all_v1(fetch: FetchPage, builder: PullBuilder, limit: int) -> None:
    """Page on to a short page, an empty one, or to HTTP 400, which v1 answers past an exact multiple.

    None is trusted, since v1 was seen to end after three pages though there were more entries
    (docs/facts/cloudflare.md, 10): the list is fetched again from the newest entry on, in pages of another size, until
    that brings nothing new. Raises `RequestRejected` for the first page.
    """
    first = _fetch_part(fetch, builder, builder.window.since, limit, most_barren=0)
    if builder.newest is None and not first.is_cut:
        return
    while True:
        try:
            part = _fetch_from_newest(fetch, builder, ONE_SECOND, max(2, limit - 1))
            if part.is_cut and not part.new:
                part = _fetch_from_newest(fetch, builder, ONE_MILLISECOND, max(3, limit - 2))
                _check_progress(part)
        except RequestRejected as error:
            raise Incomplete(f"its end could not be confirmed: {error}") from None
        if not part.new:
            return


@dataclass
class _Part:
    """What one pass over v1's list brought. `is_cut`: it ended after a full page, so that more entries may exist."""

    received: int = 0
    new: int = 0
    is_cut: bool = False


def _fetch_from_newest(fetch: FetchPage, builder: PullBuilder, overlap: timedelta, per_page: int) -> _Part:
    """The part that begins `overlap` before the newest entry, or at the window's start if none has a time."""
    since = max(builder.window.since, (builder.newest or builder.window.since) - overlap)
    whole = since if overlap < ONE_SECOND else since.replace(microsecond=0)
    return _fetch_part(fetch, builder, whole, per_page, MOST_BARREN_PAGES)


def _fetch_part(fetch: FetchPage, builder: PullBuilder, since: datetime, per_page: int, most_barren: int) -> _Part:
    """Add pages until one is short, empty or rejected. Raises `RequestRejected` for the first."""
    window = {"since": _format(since), "before": _format(builder.window.before), "direction": "asc"}
    pages, part = _Pages(builder, since, most_barren), _Part()
    while True:
        number = pages.count + 1
        try:
            page = fetch({**window, "page": number, "per_page": per_page})
        except RequestRejected:
            if number == 1:
                raise
            return part
        is_full = len(page.entries) >= per_page
        part.new += pages.add(page, goes_on=is_full)
        part.received += len(page.entries)
        if not page.entries:
            return part
        part.is_cut = is_full
        if not is_full:
            return part


def _check_progress(part: _Part) -> None:
    """Raise `Incomplete` if a part from within the newest second shows that v1 does not list that second whole."""
    goes_on = part.new or not part.is_cut
    begins_where_requested = part.received > part.new
    if not (goes_on and begins_where_requested):
        raise Incomplete("its newest second may have more entries than it lists")


class _Pages:
    """Adds the pages of a list that begins at `since` to a pull, and gives up on one that seems to have no end."""

    def __init__(self, builder: PullBuilder, since: datetime, most_barren: int) -> None:
        self.count = 0
        self._builder = builder
        self._since = since
        self._most_barren = most_barren
        self._barren = 0

    def add(self, page: Page, *, goes_on: bool) -> int:
        """Add a page; how many of its entries were new. Raises `Incomplete` if such pages seem to have no end."""
        new = self._builder.add(page, self._since)
        self.count += 1
        self._barren = 0 if new or self.count == 1 else self._barren + 1
        if goes_on and self._barren > self._most_barren:
            raise Incomplete(f"page {self.count} brings nothing new, and more pages are announced")
        if self._builder.pages > MOST_PAGES:
            raise Incomplete(f"it does not end within {MOST_PAGES:,} pages")
        return new


def _format(time: datetime) -> str:
    decimals = f".{time.microsecond // 1_000:03}" if time.microsecond else ""
    return f"{time:%Y-%m-%dT%H:%M:%S}{decimals}Z"
