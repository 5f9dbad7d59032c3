"""Events, links and checks for the tests of the page that a ticket's query link opens."""

import html as markup
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx

from audit_assets.axiom.links import query_link
from audit_assets.axiom.query_texts import activity_text
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.sandbox.axiom.axiom_service import DATASET, ORG_ID
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.support import bearer

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


ACTOR = "00112233445566778899aabbccddeeff"


END = datetime(2026, 11, 22, 11, tzinfo=UTC)


HOUR = timedelta(hours=1)


EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


FRAME = frozenset({"html", "head", "meta", "title", "style", "body", "header", "a", "span", "main", "h1"})


TABLE = frozenset({"div", "table", "thead", "tbody", "tr", "th", "td"})


TAGS = FRAME | TABLE | {"h2", "p", "dl", "dt", "dd", "bdi", "pre", "code"}


NAMED = frozenset({"lang", "charset", "name", "content", "href", "class", "id"})


ATTRIBUTES = NAMED | {"scope", "dir", "role", "aria-label", "tabindex"}


COUNTS = {
    "stream": "v2",
    "change_kind": "update",
    "action": "update",
    "action_result": "success",
    "resource_product": "dns",
    "actor_type": "user",
}
"""What makes an event count as a change."""


def change(hours_ago: int, resource_type: str = "dns_record", **fields: Any) -> dict[str, Any]:
    """An event so many hours before the last hour of the range."""
    at = END - HOUR * (hours_ago + 1) + timedelta(minutes=7)
    ident = f"{hours_ago}-{resource_type}-{json.dumps(fields)}"
    known = {"_time": at.isoformat(), "entry_id": ident, "actor_key": ACTOR, **COUNTS}
    return {**known, "resource_type": resource_type, **fields}


def ticket_link(sandbox: Sandbox, apl: str = "", *, start: datetime = END - timedelta(days=30)) -> str:
    """The link in a ticket of that hour, or the same with another query."""
    return query_link(
        apl or activity_text(DATASET, [ACTOR], start, END, ChangeFilter()), start, END, ORG_ID, sandbox.url
    )


def opened_form(sandbox: Sandbox, form: str) -> httpx.Response:
    address = f"{sandbox.url}/{ORG_ID}/query?initForm={quote(form, safe='')}"
    return httpx.get(address, headers=bearer(sandbox.tickets_address()), trust_env=False)


def rows_on(html: str) -> list[list[str]]:
    """The cells of the table's body, as a person reads them."""
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    return [
        [markup.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows
    ]


class _Markup(HTMLParser):
    """The markup of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str | None] = set()
        self.others: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value for name, value in attrs if name == "href")

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_pi = unknown_decl = handle_comment


def check_harmless(html: str) -> None:
    held = _Markup(html)
    assert held.tags <= TAGS
    assert held.attributes <= ATTRIBUTES
    assert held.links <= {"/sandbox", "#last-hour"}
    assert held.others == []
