"""The page that a ticket's link opens, as it is served and as a real browser takes it."""

import base64
import hashlib
import html as markup
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.sandbox.axiom.axiom_service import DATASET, ORG_ID
from audit_assets.sandbox.axiom.query_execution import QueryRequest
from audit_assets.sandbox.axiom.query_page import result_page
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls
from audit_assets_tests.sandbox.chromium import CHROMIUM, in_chromium
from audit_assets_tests.sandbox.query_page_calls import (
    EVIL,
    change,
    check_harmless,
    opened_form,
    ticket_link,
)

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


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


def form_of(apl: Any = f"['{DATASET}'] | summarize n = count()", /, **options: Any) -> str:
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
        (form_of(endTime=None), "The link needs a startTime and an endTime."),
        (form_of(quickRange="7d"), "The sandbox does not support quickRange in an initForm."),
        (form_of(endTime="2026-11-01T00:00:00Z"), "The time range does not end after its beginning."),
        (form_of("['nope'] | summarize n = count()"), "Dataset not found."),
        (form_of(f"['{DATASET}']\n| frobnicate"), "The sandbox does not run the operator 'frobnicate' (line 2,"),
        (form_of(f"['{DATASET}'] | where isempty(nope)"), 'Invalid field "nope".'),
    ],
)
def test_an_invalid_link_has_one_sentence(sandbox: Sandbox, form: str, sentence: str) -> None:
    page = opened_form(sandbox, form)
    assert page.status_code == 400
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    [reason] = re.findall(r"<p>(.*?)</p>", page.text)
    assert sentence in markup.unescape(re.sub(r"<[^>]*>", "", reason))
    check_harmless(page.text)


def test_a_link_without_a_query_is_an_error(sandbox: Sandbox) -> None:
    for query in ("", "?other=1", "?initForm={}&initForm={}"):
        page = httpx.get(f"{sandbox.url}/{ORG_ID}/query{query}")
        assert page.status_code == 400
        assert "A link holds its query in one initForm." in page.text


def test_a_refused_query_is_shown_beside_the_reason(sandbox: Sandbox) -> None:
    page = opened_form(sandbox, form_of(f"['{DATASET}'] | frobnicate <b>"))
    assert "<h1>This query was refused</h1>" in page.text
    assert "| frobnicate &lt;b&gt;</code></pre>" in page.text


def test_the_earliest_and_latest_times_have_a_page(sandbox: Sandbox) -> None:
    for start, end in (
        ("0001-01-01T00:00:00Z", "0001-01-01T00:30:00Z"),
        ("2026-11-20T10:00:00Z", "9999-12-31T23:59:59Z"),
    ):
        assert opened_form(sandbox, form_of(startTime=start, endTime=end)).status_code == 200


def test_the_page_is_no_call_to_axiom(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("axiom", "*", "status", options={"status": 500}))
    before = len(sandbox.shared.calls)
    page = opened_form(sandbox, form_of())
    assert page.status_code == 200
    assert "x-ratelimit-limit" not in page.headers
    assert sandbox.shared.calls[before:] == []
    assert len(sandbox.faults.pending()) == 1


def test_the_page_only_reads(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    address = ticket_link(sandbox)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert httpx.request(method, address).status_code == 405
    assert opened_form(sandbox, form_of("drop table events_1")).status_code == 400
    assert axiom.count() == 0


def test_the_page_allows_only_its_own_style(sandbox: Sandbox) -> None:
    page = opened_form(sandbox, form_of())
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"url\(|@import|https?:", page.text)


def test_the_page_links_to_the_tickets(sandbox: Sandbox) -> None:
    assert '<a href="/sandbox">All tickets</a>' in opened_form(sandbox, form_of()).text
    assert "No ticket was opened yet" in httpx.get(f"{sandbox.url}/sandbox", follow_redirects=True).text


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all examples of a property."""
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("lasting"))) as served:
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
    before = len(sandbox.shared.calls)
    dom, log = in_chromium(CHROMIUM, ticket_link(sandbox), tmp_path / "profile")
    assert "<title>Query up to 2026-11-22 11:00 UTC</title>" in dom
    assert '<tr class="last-hour" id="last-hour"><td class="long">&lt;script&gt;document.title' in dom
    assert '<td class="time">2026-11-22 09:00</td><td class="right">1</td>' in dom
    assert not re.search(r"<(script|img)\b", dom)
    assert "Content Security Policy" not in log  # it took the style, and nothing else was tried
    assert sandbox.shared.calls[before:] == []
