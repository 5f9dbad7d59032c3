"""The rows on the page that a ticket's query link opens."""

import re

import httpx

from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls
from audit_assets_tests.sandbox.query_page_calls import ACTOR, change, rows_on, ticket_link
from audit_assets_tests.sandbox.test_ticket_pages import text_of

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


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


def test_a_ticket_s_hour_without_rows_is_shown(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(1), change(2))
    html = httpx.get(ticket_link(sandbox)).text
    assert "2026-11-22 10:00 UTC: no rows</dd>" in html
    assert 'class="last-hour"' not in html


def test_a_result_without_rows_has_a_sentence(sandbox: Sandbox, axiom: AxiomCalls) -> None:
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
    apl = f"['{DATASET}'] | extend hour = bin(_time, 1h) | summarize changes = count() by hour | sort by hour asc"
    html = httpx.get(ticket_link(sandbox, apl)).text
    assert rows_on(html)[0] == ["2026-11-10 09:00", "1"]
    assert "The first 200 rows; 90 more are not shown." in html
    assert "2026-11-22 10:00 UTC: 1 row, not among those shown</dd>" in html


def test_every_kind_of_value_is_readable(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    values = {"is_change": True, "share": 0.5, "tags": ["a", "é"], "text": "x" * 501}
    axiom.store({"_time": "2026-11-22T10:07:08.25Z", **values})
    html = httpx.get(ticket_link(sandbox, f"['{DATASET}'] | limit 5")).text
    [[_, *cells]] = rows_on(html)
    assert cells == ["2026-11-22 10:07:08.25", "true", "0.5", '["a", "é"]', f"{'x' * 500}… (501 characters)"]
    assert '<td class="right">0.5</td>' in html


def test_what_is_missing_is_null(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    axiom.store(change(0), change(1, count=7))
    html = httpx.get(ticket_link(sandbox, f"['{DATASET}'] | distinct _time, ['count']")).text
    assert rows_on(html) == [["2026-11-22 10:07", "null"], ["2026-11-22 09:07", "7"]]


def test_a_default_limit_is_shown(sandbox: Sandbox, axiom: AxiomCalls) -> None:
    sandbox.axiom.behaviour.default_rows = 2
    axiom.store(*(change(hour) for hour in range(5)))
    text = text_of(httpx.get(ticket_link(sandbox, f"['{DATASET}'] | distinct _time")).text)
    assert "Rows 2 A default limit of 2 was applied . All rows" in text
