"""A preview on a page and in a terminal: the ticket's text, and of what an attacker wrote no more than its letters."""

import io
import re
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from audit_assets.defs.steps.dry_run_opener import DryRunOpener
from audit_assets.linear.client import LinearClient
from audit_assets.linear.dry_run import NOT_SET, DryRunIssueApi, OfflineConnection, RenderedTicket
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.reports.html_page import PageError, write_html
from audit_assets.reports.preview_page import preview_html, render_text
from audit_assets.reports.preview_terminal import print_tickets
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets_tests.sandbox.test_ticket_pages import CHROMIUM, in_chromium
from audit_assets_tests.tickets.sample_findings import HOUR, action_summary, entry, finding, new_type, origin, overflow
from audit_assets_tests.tickets.test_hostile_tickets import findings
from audit_assets_tests.tickets.test_markdown import hostile

FRAME = frozenset({"html", "head", "meta", "title", "style", "body", "main", "header", "nav", "article", "aside"})
TEXT = frozenset(
    {"h1", "h2", "h3", "p", "ul", "ol", "li", "a", "span", "bdi", "div", "section", "code", "pre", "br", "strong"}
)
TAGS = FRAME | TEXT | {"dl", "dt", "dd", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = frozenset({"lang", "charset", "http-equiv", "name", "content", "href", "rel", "class", "id"})
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
STYLED = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


class Held(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.comments: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def hour_of(*findings: Finding | SharedTicket, **changed: Any) -> DryRunHour:
    """The hour that would open tickets for these, without an API key."""
    linear = LinearClient(
        api_key=NOT_SET, team_key="SEC", label="audit", connection=OfflineConnection, issues=DryRunIssueApi
    )
    with closing(DryRunOpener(linear, [])) as client:
        for each in findings:
            _ = client.open_shared_ticket(each) if isinstance(each, SharedTicket) else client.open_ticket(each)
    tickets = tuple(replace(ticket, **changed) for ticket in client.rendered)
    return DryRunHour("2026-11-22-10:00", None, ("A run would open nothing.",), tickets, pl.DataFrame())


def joining(joined: Finding, **changed: Any) -> DryRunHour:
    """The hour in which it would be a comment on a ticket."""
    (ticket,) = hour_of(joined).tickets
    comment: dict[str, Any] = {"description": None, "comments": (ticket.description,), "identifier": "SEC-12"}
    on_it: dict[str, Any] = {"url": "https://linear.app/acme/issue/SEC-12", "raises_priority": True, "fields": {}}
    return hour_of(joined, **comment, **on_it, planned_action="would join SEC-12", **changed)


def in_terminal(hour: DryRunHour, *, terminal: bool) -> str:
    """What is printed, 80 columns wide."""
    written = io.StringIO()
    print_tickets(Console(file=written, width=80, force_terminal=terminal, highlight=False), hour)
    return written.getvalue()


def full_finding() -> Finding:
    """A finding that fills every part of a ticket."""
    entries = tuple(entry(number) for number in range(8))
    deviations = (finding().deviations[0], new_type())
    return finding(
        deviations=deviations,
        entries=entries,
        entries_total=8,
        action_summaries=(action_summary(),),
        origins=(origin(),),
    )


def markup(text: str, pictures: dict[str, str]) -> str:
    return "".join(part for _, part in render_text(text, pictures))


def test_a_page_shows_a_ticket_about_as_linear_would() -> None:
    page = preview_html(hour_of(full_finding(), overflow(2))).replace("\n", "")
    for part in (
        "<h1>2 tickets of 2026-11-22 10:00 UTC</h1>",
        "<li>A run would open nothing.</li>",
        '<li class="mark high"><a href="#ticket-1"><bdi>Made 214 changes in an hour: alice@example·com',
        '<span class="soft">would open one ticket for 2 findings</span>',
        '<p class="planned_action">Would open a ticket</p>',
        "<div><dt>Team</dt><dd><bdi>SEC</bdi></dd></div><div><dt>Labels</dt><dd><bdi>audit</bdi></dd></div>",
        "<h3>Why this is unusual</h3>",
        "<details><summary>In numbers</summary>",
        "<table>",
        "<details><summary>All 8 entries (UTC)</summary><pre><code",
    ):
        assert part in page
    assert "+++" not in page


def test_a_page_shows_what_would_join_a_ticket() -> None:
    page = preview_html(joining(full_finding())).replace("\n", "")
    assert '<a href="https://linear.app/acme/issue/SEC-12" rel="noopener noreferrer nofollow">Would join SEC-12' in page
    assert "High (raised)" in page
    assert '<section class="comment"><p class="soft">Comment</p><div class="text"><p>In the hour 2026-11-22' in page


def test_an_hour_without_tickets_has_a_page_that_can_be_written_or_not(tmp_path: Path) -> None:
    write_html(preview_html(hour_of()), tmp_path / "page.html")
    assert "No actor was flagged." in (tmp_path / "page.html").read_text()
    with pytest.raises(PageError, match=r"nowhere/page.html can't be written: No such file or directory\."):
        write_html(preview_html(hour_of()), tmp_path / "nowhere" / "page.html")


def test_a_picture_is_shown_only_if_it_is_the_ticket_s_own() -> None:
    own = {"https://dry-run.invalid/1/chart.png": "data:image/png;base64,AAAA"}
    text = "![the last 30 days](https://dry-run.invalid/1/chart.png)"
    assert markup(text, own) == '<p><img src="data:image/png;base64,AAAA" alt="the last 30 days"></p>\n'
    assert "(Picture: the last 30 days)" in in_terminal(
        hour_of(full_finding(), description=text, pictures=own), terminal=False
    )
    for other in ('![30 "days"](https://evil.example/beacon.png)', "![x](data:image/png;base64,AAAA)"):
        assert "<img" not in markup(other, own)
    assert "<a " not in markup("[x](javascript:alert(1)) <https:evil> https://evil.example", own)


def test_a_terminal_shows_a_ticket_in_80_columns() -> None:
    shown = in_terminal(hour_of(full_finding()), terminal=False)
    assert max(map(len, shown.splitlines())) <= 80
    for part in (
        "1 ticket of 2026-11-22-10:00 UTC. Dry run: nothing was opened.\nA run would open nothing.\n",
        "High · would open a ticket · team SEC · labels audit\n",
        "▾ In numbers\n│ ",
        "▾ All 8 entries (UTC)\n│ 10:00:00  delete dns_records · 00000000",
        "↗ Axiom: 2026-11-22 10:00 UTC",
    ):
        assert part in shown
    joined = in_terminal(joining(full_finding()), terminal=False)
    assert "High (raised) · would join SEC-12\n" in joined
    assert "\nComment\n" in joined


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(findings, hostile, st.booleans())
def test_whatever_is_in_a_ticket_nothing_of_it_runs_or_loads_or_moves_the_cursor(
    attacked: Finding, name: str, joins: bool
) -> None:
    named: dict[str, Any] = {"fields": {"state": name}, "planned_action": f"would join {name}", "url": name}
    plain = joining(attacked) if joins else hour_of(attacked)
    hour = replace(plain, tickets=tuple(replace(ticket, **named) for ticket in plain.tickets))
    page = preview_html(hour)
    held = Held(page)
    assert held.tags <= TAGS
    assert held.attributes <= ATTRIBUTES
    assert held.comments == []
    ours = {"#ticket-1", *live(attacked), *({name} if name.startswith(("https://", "http://")) else ())}
    assert set(held.links) <= ours
    assert not UNSEEN.search(page)
    page.encode()
    assert not UNSEEN.search(STYLED.sub("", in_terminal(hour, terminal=True)))


def live(attacked: Finding) -> set[str]:
    """The addresses that we made."""
    return {attacked.axiom_url, attacked.entries_url, attacked.run_url}


def test_a_real_browser_shows_the_page_and_runs_nothing(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    hour = hour_of(finding(actor=EVIL, entries=(entry(resource_id=EVIL),), entries_total=1))
    ticket: RenderedTicket = replace(hour.tickets[0], fields={"state": EVIL})
    write_html(preview_html(replace(hour, tickets=(ticket,))), tmp_path / "page.html")
    dom, log = in_chromium(CHROMIUM, (tmp_path / "page.html").as_uri(), tmp_path / "profile")
    assert "<title>Preview: 1 ticket of 2026-11-22 10:00 UTC</title>" in dom
    assert not re.search(r"<(script|img)\b", dom)
    assert "Content Security Policy" not in log
    assert HOUR.isoformat()[:10] in dom
