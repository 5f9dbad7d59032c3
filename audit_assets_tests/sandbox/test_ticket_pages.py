"""The pages of tickets, as they are served and as a real browser takes them."""

import base64
import hashlib
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from audit_assets.sandbox.linear.seeded_workspace import seeded_id
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.chromium import CHROMIUM, in_chromium
from audit_assets_tests.sandbox.linear_calls import ATTACH, COMMENT, OWN_ID, Caller

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller

A_POINT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
DESCRIPTION = f"""**token "deploy"** made far more changes than is usual.

| what | this hour | usual |
|---|--:|--:|
| changes | 312 | 4.2 |

[Open this query in Axiom](https://app.axiom.example/acme/query?q=1)

+++ The entries behind it (20 of 312)
```text
+++
{EVIL}
```
+++

{EVIL} ![beacon](/graphql?beacon)
"""


@pytest.fixture
def ticket(sandbox: Sandbox, caller: Caller) -> str:
    """The address of a ticket with everything on it."""
    audit = seeded_id("label", "SEC", "cloudflare-audit")
    caller.open(f"{EVIL}: 312 changes", description=DESCRIPTION, priority=1, labelIds=[audit])
    link = {"title": "22 Nov 10:00 UTC", "subtitle": f"312 changes {EVIL}", "url": 'https://app.axiom.example/q?"x"=1'}
    caller.data(ATTACH, input={"issueId": "SEC-1", **link})
    caller.data(ATTACH, input={"issueId": "SEC-1", "title": "odd", "url": "javascript:alert(1)"})
    caller.data(COMMENT, input={"id": OWN_ID, "issueId": "SEC-1", "body": f"Again at **11:00**. {EVIL}"})
    return f"{sandbox.url}/sandbox/tickets/SEC-1"


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_a_ticket_s_link_leads_to_its_page(sandbox: Sandbox, caller: Caller) -> None:
    url = caller.open("Look at this")["url"]
    page = httpx.get(url)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>SEC-1 Look at this</title>" in page.text


def test_a_page_shows_the_whole_ticket(ticket: str) -> None:
    html = httpx.get(ticket).text
    text = text_of(html)
    for part in ("SEC-1", "Urgent", "Backlog", "cloudflare-audit", "312 changes", "22 Nov 10:00 UTC", "Audit bot"):
        assert part in text
    assert "<strong>11:00</strong>" in html
    assert '<td class="right">4.2</td>' in html
    assert "<summary>The entries behind it (20 of 312)</summary>" in html
    assert '<a href="https://app.axiom.example/acme/query?q=1" rel="noopener noreferrer nofollow">' in html
    assert '<a href="https://app.axiom.example/q?&#34;x&#34;=1" rel="noopener noreferrer nofollow">' in html
    assert f'id="comment-{OWN_ID[:8]}"' in html


def test_a_page_has_nothing_that_runs_or_loads(ticket: str) -> None:
    html = httpx.get(ticket).text
    assert not re.search(r"<(script|img|iframe|link|object|form|base)\b", html)
    assert not re.search(r'(href|src)="(javascript|data)', html)
    assert not re.search(r"<[^>]+\bon\w+=", html)
    assert "<code>javascript:alert(1)</code>" in html


def test_a_page_allows_only_its_own_style(ticket: str) -> None:
    for url in (ticket, ticket.rsplit("/", 1)[0], f"{ticket}99"):
        page = httpx.get(url)
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert page.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert page.headers["referrer-policy"] == "no-referrer"


def test_the_list_shows_every_ticket_newest_first(sandbox: Sandbox, caller: Caller, ticket: str) -> None:
    sandbox.shared.clock.advance(timedelta(hours=1))
    caller.open("The second")
    caller.open("The third")
    sandbox.linear.archive("SEC-2")
    sandbox.linear.trash("SEC-3")
    html = httpx.get(ticket.rsplit("/", 1)[0]).text
    assert re.findall(r'class="identifier"><a href="/sandbox/tickets/(SEC-\d)"', html) == ["SEC-3", "SEC-2", "SEC-1"]
    rows = [text_of(row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)]
    assert "In the trash" in rows[1]
    assert "Archived" in rows[2]
    assert "Urgent" in rows[3]
    assert "2 attachments 1 comment " in rows[3]
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", rows[3])


def test_a_list_without_tickets_has_a_sentence(sandbox: Sandbox) -> None:
    assert "No ticket was opened yet" in httpx.get(f"{sandbox.url}/sandbox/tickets").text


def test_an_unknown_ticket_is_not_found(sandbox: Sandbox) -> None:
    page = httpx.get(f"{sandbox.url}/sandbox/tickets/<script>")
    assert page.status_code == 404
    assert "There is no &lt;SCRIPT&gt; in this sandbox" in page.text


def test_the_root_leads_to_the_list(sandbox: Sandbox) -> None:
    for path in ("/", "/sandbox"):
        page = httpx.get(sandbox.url + path, follow_redirects=True)
        assert (page.status_code, page.url.path) == (200, "/sandbox/tickets")


def test_a_ticket_without_a_description_has_a_page(sandbox: Sandbox, caller: Caller) -> None:
    assert "No description." in httpx.get(caller.open()["url"]).text


def test_a_real_browser_shows_the_ticket_and_its_own_picture_and_runs_nothing(
    sandbox: Sandbox, caller: Caller, ticket: str, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    sandbox.linear.edit_description("SEC-1", f"{DESCRIPTION}\n![chart]({caller.stored(A_POINT)})")
    before = len(sandbox.shared.calls)
    dom, log = in_chromium(CHROMIUM, ticket, tmp_path / "profile")
    assert "<title>SEC-1 &lt;script&gt;" in dom
    assert '<td class="right">312</td>' in dom
    assert "<details>" in dom
    assert "<summary>The entries behind it (20 of 312)</summary>" in dom
    assert "&lt;script&gt;document.title" in dom
    assert re.findall(r"<(?:script|img)\b.{29}", dom) == ['<img class="picture" alt="chart" ']
    assert "Content Security Policy" not in log  # it took the style, and nothing else was tried
    assert sandbox.shared.calls[before:] == []


def test_the_file_of_all_tickets_shows_them_whole_and_leads_nowhere(sandbox: Sandbox, ticket: str) -> None:
    html = sandbox.linear.tickets_file(sandbox.url)
    assert sandbox.url not in html
    assert 'id="SEC-1"' in html
    for part in ("Urgent", "22 Nov 10:00 UTC", "312 changes", "Again at", "The entries behind it (20 of 312)"):
        assert part in text_of(html)
    assert '<a href="https://app.axiom.example/acme/query?q=1" rel="noopener noreferrer nofollow">' in html
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert ticket.endswith("SEC-1")


def test_a_link_between_tickets_leads_within_the_file_and_one_to_the_sandbox_is_text(
    sandbox: Sandbox, caller: Caller
) -> None:
    first = caller.open("First")["url"]
    links = f"[the first]({first}) and [a query]({sandbox.url}/acme/query?q=1)"
    caller.open("Second", description=links)
    html = sandbox.linear.tickets_file(sandbox.url)
    assert re.search(r'<a href="#SEC-1"[^>]*>the first</a> and <span class="closed"[^>]*>a query</span>', html)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_runs_and_loads_nothing_of_the_file(sandbox: Sandbox, ticket: str, tmp_path: Path) -> None:
    page = tmp_path / "tickets.html"
    page.write_text(sandbox.linear.tickets_file(sandbox.url))
    dom, log = in_chromium(str(CHROMIUM), page.as_uri(), tmp_path / "profile")
    assert "<title>Tickets of the demo</title>" in dom, ticket
    assert "Content Security Policy" not in log
