"""Fetches all pages of a stream, from its first entry to an end that can be trusted.

The window, the direction and the size of a page are the same on every page: whether a cursor contains them is not
known, and v1's pages would shift (docs/facts/cloudflare.md, 2.5 and 3).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from audit_assets.cloudflare.page_parser import Page
from audit_assets.cloudflare.pulls import PullBuilder
from audit_assets.config.errors import Incomplete

MOST_PAGES = 20_000
"""A judgement: 20 million entries."""

MOST_BARREN_PAGES = 1_000
"""In a row, without one new entry. Cloudflare may send some: it may search a long window in slices. A judgement."""

MOST_CONFIRMATIONS = 3
"""How often the end of v1's list may turn out not to be the end: entries can still be arriving. A judgement."""

ONE_SECOND = timedelta(seconds=1)

PageRequest = Mapping[str, str | int]


class RequestRejected(Exception):
    """HTTP 400. The text is Cloudflare's, fit for an error."""


FetchPage = Callable[[PageRequest], Page]
"""Sends one request. Raises `RequestRejected`, and whatever ends a pull."""


def fetch_all_v2(fetch: FetchPage, builder: PullBuilder, limit: int) -> None:
    """Follow the cursor to its end, through empty pages too. Raises `RequestRejected` for the first page."""
    window = {"since": _format(builder.window.since), "before": _format(builder.window.before)}
    request = {**window, "direction": "asc", "limit": limit}
    pages = _Pages(builder, MOST_BARREN_PAGES)
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
    """Page on to a short page, or to HTTP 400 after a full one, which v1 answers past an exact multiple.

    Neither is trusted: the list is fetched again from the newest entry on, in pages of another size, until that brings
    nothing new. Raises `RequestRejected` for the first page.
    """
    _, rejected_page = _fetch_pages(fetch, builder, builder.window.since, limit, most_barren=0)
    if builder.newest is None and not rejected_page:
        return
    for _ in range(MOST_CONFIRMATIONS):
        since = max(builder.window.since, (builder.newest or builder.window.since) - ONE_SECOND)
        try:
            new, rejected_again = _fetch_pages(fetch, builder, since, max(2, limit - 1), MOST_BARREN_PAGES)
        except RequestRejected as error:
            raise Incomplete(f"its end could not be confirmed: {error}") from None
        if rejected_again or (rejected_page and new):
            page = rejected_again or rejected_page
            raise Incomplete(f"page {page} was not accepted, though it may not be the end")
        if not new:
            return
    raise Incomplete(f"it went on after its end {MOST_CONFIRMATIONS} times")


def _fetch_pages(
    fetch: FetchPage, builder: PullBuilder, since: datetime, per_page: int, most_barren: int
) -> tuple[int, int | None]:
    """Add pages until a short one or a rejected one: how many entries were new, and the number of the rejected page."""
    window = {"since": _format(since), "before": _format(builder.window.before)}
    pages = _Pages(builder, most_barren)
    while True:
        number = pages.count + 1
        try:
            page = fetch({**window, "direction": "asc", "page": number, "per_page": per_page})
        except RequestRejected:
            if number == 1:
                raise
            return pages.new, number
        is_full = len(page.entries) >= per_page
        pages.add(page, goes_on=is_full)
        if not is_full:
            return pages.new, None


class _Pages:
    """Adds pages to a pull, and gives up on a list that seems to have no end."""

    def __init__(self, builder: PullBuilder, most_barren: int) -> None:
        self.count = 0
        self.new = 0
        self._builder = builder
        self._most_barren = most_barren
        self._barren = 0

    def add(self, page: Page, *, goes_on: bool) -> None:
        """Add a page. Raises `Incomplete` if such pages seem to have no end."""
        new = self._builder.add(page)
        self.count += 1
        self.new += new
        self._barren = 0 if new or self.count == 1 else self._barren + 1
        if goes_on and self._barren > self._most_barren:
            raise Incomplete(f"page {self.count} brings nothing new, and more pages are announced")
        if goes_on and self.count >= MOST_PAGES:
            raise Incomplete(f"it does not end within {MOST_PAGES:,} pages")


def _format(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
