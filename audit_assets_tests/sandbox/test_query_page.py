"""The page that a ticket's link opens, as it is served and as a real browser takes it."""

import base64
import hashlib
import html as markup
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.axiom.links import query_link
from audit_assets.axiom.queries import activity_text
from audit_assets.counted import Counted
from audit_assets.sandbox.axiom.query_execution import QueryRequest
from audit_assets.sandbox.axiom.query_page import result_page
from audit_assets.sandbox.axiom.service import DATASET, ORG_ID
from audit_assets.sandbox.faults import Fault
from audit_assets.sandbox.server import Sandbox, running
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls
from audit_assets_tests.sandbox.test_ticket_pages import CHROMIUM, in_chromium, text_of

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

FRAGMENTS = [
    EVIL,
    "</code></pre></td></style></title><script>",
    "' onmouseover='x",
    '" autofocus onfocus="x',
    "-->]]><!--",
    "&lt;b&gt;&#60;i&#62;",
    "javascript:alert(1)",
    "\x00\x1b\u202e\u2066\ufeff\u2028",
    "\ud800",
    "{{7*7}} ${x} %3Cb%3E",
    "\n| count //",
]

hostile = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=3).map("".join))

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), hostile),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(hostile, inner, max_size=3)),
    max_leaves=6,
)


def change(hours_ago: int, resource_type: str = "dns_record", **fields: Any) -> dict[str, Any]:
    """An event so many hours before the last hour of the range."""
    at = END - HOUR * (hours_ago + 1) + timedelta(minutes=7)
    ident = f"{hours_ago}-{resource_type}-{json.dumps(fields)}"
    known = {"_time": at.isoformat(), "entry_id": ident, "actor_key": ACTOR, **COUNTS}
    return {**known, "resource_type": resource_type, **fields}


COUNTS = {
    "stream": "v2",
    "change_kind": "update",
    "action": "update",
    "action_result": "success",
    "resource_product": "dns",
    "actor_type": "user",
}
"""What makes an event count as a change."""


def ticket_link(sandbox: Sandbox, apl: str = "", *, start: datetime = END - timedelta(days=30)) -> str:
    """What a ticket of that hour holds, or the same with another query."""
    return query_link(apl or activity_text(DATASET, [ACTOR], start, END, Counted()), start, END, ORG_ID, sandbox.url)


def opened_form(sandbox: Sandbox, form: str) -> httpx.Response:
    return httpx.get(f"{sandbox.url}/{ORG_ID}/query?initForm={quote(form, safe='')}", trust_env=False)


def rows_on(html: str) -> list[list[str]]:
    """The cells of the table's body, as a person reads them."""
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    return [
        [markup.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows
    ]


class _Markup(HTMLParser):
    """What a page holds beyond text."""

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


def test_a_ticket_s_link_leads_to_its_query_and_rows(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(0, "api_token"), change(0, "api_token", n=2), change(0), change(3), change(500, "zone"))
    page = httpx.get(ticket_link(sandbox))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"let actors = dynamic([&#34;{ACTOR}&#34;]);\n" in page.text
    assert f"[&#39;{DATASET}&#39;]\n| where _time" in page.text
    text = text_of(page.text)
    assert "From 2026-10-23 11:00 UTC Until 2026-11-22 11:00 UTC" in text
    assert f"The same in every row: actor_key {ACTOR}" in text
    assert "Rows 4 " in text
    assert rows_on(page.text) == [
        ["api_token", "2026-11-22 10:00", "2"],
        ["dns_record", "2026-11-22 10:00", "1"],
        ["dns_record", "2026-11-22 07:00", "1"],
        ["zone", "2026-11-01 14:00", "1"],
    ]
    assert '<th scope="col" class="right">changes</th>' in page.text


def test_the_hour_of_the_ticket_is_marked(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(1), change(0, "api_token"), change(0), change(2))
    html = httpx.get(ticket_link(sandbox)).text
    assert 'Last hour</dt><dd>2026-11-22 10:00 UTC: <a href="#last-hour">2 rows, marked below</a>' in html
    assert re.findall(r"<tr([^>]*)><td>(\w+)", html) == [
        (' class="last-hour" id="last-hour"', "api_token"),
        (' class="last-hour"', "dns_record"),
        ("", "dns_record"),
        ("", "dns_record"),
    ]


def test_a_ticket_s_hour_without_rows_is_told(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(1), change(2))
    html = httpx.get(ticket_link(sandbox)).text
    assert "2026-11-22 10:00 UTC: no rows</dd>" in html
    assert 'class="last-hour"' not in html


def test_no_rows_at_all_are_told(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(9_000))
    text = text_of(httpx.get(ticket_link(sandbox)).text)
    assert "Rows 0 No row in this time range." in text


def test_rows_beyond_200_are_counted(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(*(change(hour) for hour in range(290)))
    html = httpx.get(ticket_link(sandbox)).text
    hours = [row[0] for row in rows_on(html)]
    assert len(hours) == 200
    assert hours[0] == "2026-11-22 10:00"
    assert hours == sorted(hours, reverse=True)
    assert "Rows 290 " in text_of(html)
    assert "The first 200 rows, newest first; 90 more are not shown." in html


def test_the_order_of_a_query_is_kept(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(*(change(hour) for hour in range(290)))
    apl = f"['{DATASET}'] | summarize changes = count() by hour = bin(_time, 1h) | sort by hour asc"
    html = httpx.get(ticket_link(sandbox, apl)).text
    assert rows_on(html)[0] == ["2026-11-10 09:00", "1"]
    assert "The first 200 rows; 90 more are not shown." in html
    assert "2026-11-22 10:00 UTC: 1 row, not among those shown</dd>" in html


def test_every_kind_of_value_is_readable(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(
        {
            **change(0, "x" * 501),
            "_time": "2026-11-22T10:07:08.25Z",
            "is_change": True,
            "share": 0.5,
            "tags": ["a", "é"],
        }
    )
    apl = f"['{DATASET}'] | project _time, is_change, share, tags, resource_type"
    html = httpx.get(ticket_link(sandbox, apl)).text
    [cells] = rows_on(html)
    assert cells == ["2026-11-22 10:07:08.25", "true", "0.5", '["a", "é"]', f"{'x' * 500}… (501 characters)"]
    assert '<td class="right">0.5</td>' in html


def test_what_is_missing_is_null(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(0), change(1, count=7))
    html = httpx.get(ticket_link(sandbox, f"['{DATASET}'] | project _time, ['count']")).text
    assert rows_on(html) == [["2026-11-22 10:07", "null"], ["2026-11-22 09:07", "7"]]


def test_a_limit_that_the_query_does_not_set_is_told(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    sandbox.axiom.behaviour.default_rows = 2
    axiom.store(*(change(hour) for hour in range(5)))
    text = text_of(httpx.get(ticket_link(sandbox, f"['{DATASET}'] | project _time")).text)
    assert "Rows 2 A default limit of 2 was applied . All rows" in text


def test_a_quick_range_ends_now(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    now = sandbox.stage.clock.now()
    axiom.store({"_time": (now - timedelta(days=2)).isoformat(), "n": 1}, {"_time": now.isoformat(), "n": 2})
    form = {"apl": f"['{DATASET}'] | project n", "queryOptions": {"quickRange": "24h"}}
    page = opened_form(sandbox, json.dumps(form))
    assert page.status_code == 200
    assert rows_on(page.text) == [["2"]]


def form_of(apl: Any = f"['{DATASET}'] | count", /, **options: Any) -> str:
    times = {"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-11-02T00:00:00Z"}
    return json.dumps({"apl": apl, "queryOptions": {**times, **options}})


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("", "The link's initForm is not JSON."),
        ('{"apl": "x"', "The link's initForm is not JSON."),
        ("[" * 15_000, "The link's initForm is not JSON."),
        (f'{{"apl": {"9" * 5_000}}}', "The link's initForm is not JSON."),
        ('["x"]', "The link's initForm is not a JSON object."),
        ('{"apl": "\\ud800", "queryOptions": {}}', "The link's initForm contains half of a surrogate pair."),
        ('{"apl": "x"}', "The link's initForm has no queryOptions with a time range."),
        ('{"apl": "x", "queryOptions": {}, "evil": 1}', "The sandbox does not support evil in an initForm."),
        (form_of(cursor="x"), "The sandbox does not support cursor in an initForm."),
        (form_of(None), "The link's initForm has no apl."),
        (form_of(startTime="yesterday"), "'yesterday' is not a time."),
        (form_of(startTime=["now"]), "\"['now']\" is not a time."),
        (form_of(endTime=None), "The link needs a startTime and an endTime, or a quickRange out of 1h, 24h"),
        (form_of(quickRange="7d"), "The link needs a startTime and an endTime, or a quickRange out of 1h, 24h"),
        (form_of(startTime=None, endTime=None, quickRange="9y"), "The link needs a startTime and an endTime"),
        (form_of(endTime="2026-11-01T00:00:00Z"), "The time range does not end after its beginning."),
        (form_of("['nope'] | count"), "Dataset not found."),
        (form_of(f"['{DATASET}']\n| frobnicate"), "The sandbox does not run the operator 'frobnicate' (line 2,"),
        (form_of(f"['{DATASET}'] | where nope == 1"), 'Invalid field "nope".'),
    ],
)
def test_a_link_that_opens_nothing_is_one_sentence(sandbox: Sandbox, form: str, sentence: str) -> None:
    page = opened_form(sandbox, form)
    assert page.status_code == 400
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    [told] = re.findall(r"<p>(.*?)</p>", page.text)
    assert sentence in markup.unescape(re.sub(r"<[^>]*>", "", told))
    check_harmless(page.text)


def test_a_link_without_its_query_says_so(sandbox: Sandbox) -> None:
    for query in ("", "?other=1", "?initForm={}&initForm={}"):
        page = httpx.get(f"{sandbox.url}/{ORG_ID}/query{query}")
        assert page.status_code == 400
        assert "A link holds its query in one initForm." in page.text


def test_a_refused_query_is_shown_beside_the_reason(sandbox: Sandbox) -> None:
    page = opened_form(sandbox, form_of(f"['{DATASET}'] | frobnicate <b>"))
    assert "<h1>This query was refused</h1>" in page.text
    assert "| frobnicate &lt;b&gt;</code></pre>" in page.text


def test_the_earliest_and_latest_times_have_a_page(sandbox: Sandbox) -> None:
    for start, end in (("0001-01-01T00:00:00Z", "0001-01-01T00:30:00Z"), ("now-1h", "9999-12-31T23:59:59Z")):
        assert opened_form(sandbox, form_of(startTime=start, endTime=end)).status_code == 200


def test_the_page_is_no_call_to_axiom(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("axiom", "*", "status", options={"status": 500}))
    before = len(sandbox.stage.calls)
    page = opened_form(sandbox, form_of())
    assert page.status_code == 200
    assert "x-ratelimit-limit" not in page.headers
    assert sandbox.stage.calls[before:] == []
    assert len(sandbox.faults.pending()) == 1


def test_the_page_only_reads(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    address = ticket_link(sandbox)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert httpx.request(method, address).status_code == 405
    assert opened_form(sandbox, form_of("drop table events_1")).status_code == 400
    assert axiom.rows("| count") == [(0,)]


def test_the_page_is_for_this_machine_alone(sandbox: Sandbox) -> None:
    address = ticket_link(sandbox, f"['{DATASET}'] | count")
    for host in ("evil.example", "evil.example:8641", "127.0.0.1.evil.example", "[::1", ""):
        page = httpx.get(address, headers={"host": host})
        assert page.status_code == 403
        assert "The sandbox answers this machine alone." in page.text
    for host in ("localhost:1", "127.0.0.1"):
        assert httpx.get(address, headers={"host": host}).status_code == 200


def test_the_page_allows_the_browser_its_own_style_alone(sandbox: Sandbox) -> None:
    page = opened_form(sandbox, form_of())
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"url\(|@import|https?:", page.text)


def test_the_tickets_are_one_step_away(sandbox: Sandbox) -> None:
    assert '<a href="/sandbox">All tickets</a>' in opened_form(sandbox, form_of()).text
    assert "No ticket was opened yet" in httpx.get(f"{sandbox.url}/sandbox", follow_redirects=True).text


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all examples of a property."""
    with running(Sandbox(tmp_path_factory.mktemp("lasting"))) as served:
        yield served


forms = st.one_of(
    hostile.filter(lambda text: not re.search("[\ud800-\udfff]", text)),
    json_values.map(json.dumps),
    st.builds(form_of, st.one_of(hostile, hostile.map(lambda text: f"['{DATASET}'] | extend a = '{text}'"))),
    st.builds(lambda value: form_of(startTime=value), json_values),
    st.builds(lambda name, value: form_of(**{name: value}), hostile, json_values),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(form=forms)
def test_a_hostile_link_is_never_markup(lasting: Sandbox, form: str) -> None:
    page = opened_form(lasting, form)
    assert page.status_code in (200, 400)
    assert "Traceback" not in page.text
    check_harmless(page.text)


cells = st.one_of(st.none(), hostile, st.integers(), st.booleans(), st.lists(hostile, max_size=2))


def columns_of(rows: int) -> st.SearchStrategy[list[Any]]:
    """A few columns of that many rows: name, type, values."""
    kinds = st.sampled_from(["string", "integer", "array"])
    return st.lists(st.tuples(hostile, kinds, st.lists(cells, min_size=rows, max_size=rows)), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns=st.integers(1, 3).flatmap(columns_of), apl=hostile, dataset=hostile, message=hostile)
def test_hostile_values_are_never_markup(columns: list[Any], apl: str, dataset: str, message: str) -> None:
    table = {
        "fields": [{"name": name, "type": kind} for name, kind, _ in columns],
        "columns": [
            [value if kind != "string" or value is None else str(value) for value in values]
            for _, kind, values in columns
        ],
        "order": [],
    }
    answer = {"tables": [table], "datasetNames": [dataset], "status": {"messages": [{"msg": message}]}}
    html = result_page(QueryRequest(apl, datetime(2026, 11, 1), datetime(2026, 11, 2)), answer)  # noqa: DTZ001 - as APL has them
    html.encode()
    check_harmless(html)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u2028]", html)


def test_hostile_events_are_never_markup(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    stored = [text for text in FRAGMENTS if "\ud800" not in text]
    axiom.store(*(change(at, text, **{"<b>field</b>": text}) for at, text in enumerate(stored)))
    for apl in ("", f"['{DATASET}']"):
        page = httpx.get(ticket_link(sandbox, apl))
        assert page.status_code == 200
        check_harmless(page.text)
        assert "&lt;script&gt;document.title=" in page.text
        assert "\\x1b\\u202e\\u2066" in page.text


def test_a_real_browser_shows_the_rows_and_runs_nothing(sandbox: Sandbox, axiom: AxiomCalls, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    axiom.store(change(0, EVIL), change(1))
    before = len(sandbox.stage.calls)
    dom, said = in_chromium(CHROMIUM, ticket_link(sandbox), tmp_path / "profile")
    assert "<title>Query up to 2026-11-22 11:00 UTC</title>" in dom
    assert '<tr class="last-hour" id="last-hour"><td class="long">&lt;script&gt;document.title' in dom
    assert '<td class="time">2026-11-22 09:00</td><td class="right">1</td>' in dom
    assert not re.search(r"<(script|img)\b", dom)
    assert "Content Security Policy" not in said  # it took the style, and nothing else was tried
    assert sandbox.stage.calls[before:] == []
