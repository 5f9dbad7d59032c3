"""How each stream is paged through, from its first entry to an end that can be believed.

The bounds, the direction and the size of a page are the same on every page: whether a cursor embeds them is not
known, and v1's pages would shift (docs/facts/cloudflare.md, 2.5 and 3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_assets.cloudflare.page_parser import Page
from audit_assets.cloudflare.pulls import Collection
from audit_assets.config.errors import Incomplete

MOST_PAGES = 20_000
MOST_BARREN_PAGES = 1_000
"""In a row, without one new entry. Cloudflare is free to send some: it may search a long window slice by slice."""

MOST_CONFIRMATIONS = 3
"""So often may the end of v1's list turn out not to be the end: entries can still be arriving."""

A_SECOND = timedelta(seconds=1)

Question = Mapping[str, str | int]


class NotAccepted(Exception):
    """HTTP 400: what was asked is not answered. The text is Cloudflare's, fit for an error."""


@dataclass(frozen=True)
class Answer:
    """A page with the server's time, and the size and hash of its body."""

    page: Page
    dated: datetime
    body_bytes: int
    body_sha256: bytes


Ask = Callable[[Question], Answer]
"""Sends one question. Raises `NotAccepted`, and whatever ends a pull."""


def sweep_v2(ask: Ask, collection: Collection, limit: int) -> None:
    """Follow the cursor to its end, through empty pages too. Raises `NotAccepted` for the question as such."""
    window = collection.window
    question = {"since": _written(window.since), "before": _written(window.before), "direction": "asc", "limit": limit}
    taking = _Taking(collection, MOST_BARREN_PAGES)
    cursors: set[str] = set()
    cursor = taking.take_to_cursor(ask(question))
    while cursor is not None:
        if cursor in cursors:
            raise Incomplete(f"the cursor of page {taking.pages} had come before")
        cursors.add(cursor)
        try:
            answer = ask({**question, "cursor": cursor})
        except NotAccepted as error:
            raise Incomplete(f"the cursor of page {taking.pages} was not accepted: {error}") from None
        cursor = taking.take_to_cursor(answer)


def sweep_v1(ask: Ask, collection: Collection, limit: int) -> None:
    """Page on to a short page, or to HTTP 400 after a full one, which v1 answers past an exact multiple.

    Neither is believed: the list is asked for again from the newest entry on, in pages of another size, until that
    brings nothing new. Raises `NotAccepted` for the question as such.
    """
    _, refused_at = _page_through(ask, collection, collection.window.since, limit, most_barren=0)
    if collection.newest is None and not refused_at:
        return
    for _ in range(MOST_CONFIRMATIONS):
        since = max(collection.window.since, (collection.newest or collection.window.since) - A_SECOND)
        try:
            new, refused_again = _page_through(ask, collection, since, max(2, limit - 1), MOST_BARREN_PAGES)
        except NotAccepted as error:
            raise Incomplete(f"its end could not be confirmed: {error}") from None
        if refused_again or (refused_at and new):
            raise Incomplete(f"page {refused_again or refused_at} was not accepted, though it may not be the end")
        if not new:
            return
    raise Incomplete(f"it went on after its end {MOST_CONFIRMATIONS} times")


def _page_through(
    ask: Ask, collection: Collection, since: datetime, per_page: int, most_barren: int
) -> tuple[int, int | None]:
    """Take in pages until a short one or a refused one; how much was new, and the number of the refused page."""
    window = {"since": _written(since), "before": _written(collection.window.before)}
    taking = _Taking(collection, most_barren)
    while True:
        number = taking.pages + 1
        try:
            answer = ask({**window, "direction": "asc", "page": number, "per_page": per_page})
        except NotAccepted:
            if number == 1:
                raise
            return taking.new, number
        full = len(answer.page.entries) >= per_page
        taking.take(answer, leads_on=full)
        if not full:
            return taking.new, None


class _Taking:
    """Hands pages to a collection, as long as they bring anything."""

    def __init__(self, collection: Collection, most_barren: int) -> None:
        self.pages = 0
        self.new = 0
        self._collection = collection
        self._most_barren = most_barren
        self._barren = 0

    def take_to_cursor(self, answer: Answer) -> str | None:
        """Take a page of v2 in; the cursor of the next one."""
        self.take(answer, leads_on=answer.page.cursor is not None)
        return answer.page.cursor

    def take(self, answer: Answer, *, leads_on: bool) -> None:
        """Take a page in. Raises `Incomplete` if such pages seem to have no end."""
        new = self._collection.add(
            answer.page.entries, dated=answer.dated, body_bytes=answer.body_bytes, body_sha256=answer.body_sha256
        )
        self.pages += 1
        self.new += new
        self._barren = 0 if new or self.pages == 1 else self._barren + 1
        if leads_on and self._barren > self._most_barren:
            raise Incomplete(f"page {self.pages} brings nothing that had not come before, and leads on")
        if leads_on and self.pages >= MOST_PAGES:
            raise Incomplete(f"it does not end within {MOST_PAGES:,} pages")


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
