"""Addresses that open a query in Axiom."""

import json
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from audit_assets.axiom.links import query_link
from audit_assets_tests.axiom.made_entries import AT, DAY


def test_a_link_opens_the_query_with_its_time_range() -> None:
    apl = "['cloudflare-audit']\n| where actor_key == \"ab\" // 100 % of & that + more"
    address = urlsplit(query_link(apl, AT - DAY, AT, "acme-1234"))
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://app.axiom.co/acme-1234/query"
    assert json.loads(parse_qs(address.query, strict_parsing=True)["initForm"][0]) == {
        "apl": apl,
        "queryOptions": {"startTime": "2026-11-19T10:00:00Z", "endTime": "2026-11-20T10:00:00Z"},
    }


def test_a_link_stays_whole_inside_markdown_and_html() -> None:
    link = query_link("a (b) [c] <d> 'e' \"f\" | g `h` é", AT, AT + DAY, "o/../rg", app_url="https://app.example/")
    assert re.fullmatch(r"https://app\.example/[A-Za-z0-9%._~-]+/query\?initForm=[A-Za-z0-9%._~-]+", link)
    assert "/o%2F..%2Frg/query" in link


def test_times_of_any_zone_are_written_in_utc() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert query_link("x", there, there + DAY, "org") == query_link("x", AT, AT + DAY, "org")


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        query_link("x", datetime(2026, 11, 1), AT, "org")  # noqa: DTZ001 - that is the point
