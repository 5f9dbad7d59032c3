"""Lists of v1 that end though more entries exist: whatever ends one, the pull is whole or not at all."""

from datetime import timedelta
from typing import Any

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import Incomplete
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.cloudflare.clients import entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, ids_of, spread, v1_entry

IN_AN_INSTANT = timedelta(microseconds=100)
"""Between two entries of a bulk import of DNS records."""


@pytest.mark.parametrize("past_the_end", ["refused", "empty"])
@pytest.mark.parametrize(
    ("most_pages", "count", "step"),
    [
        (3, 3_000, timedelta(seconds=1)),
        (3, 9_100, timedelta(milliseconds=380)),
        (1, 2_500, timedelta(seconds=1)),
        (10, 10_001, timedelta(milliseconds=350)),
        (3, 7_000, IN_AN_INSTANT),
        (1, 3_500, IN_AN_INSTANT),
    ],
)
def test_a_list_that_ends_after_some_pages_is_read_on(
    sandbox: Sandbox, client: CloudflareClient, past_the_end: Any, most_pages: int, count: int, step: timedelta
) -> None:
    sandbox.cloudflare.behaviour.v1_most_pages = most_pages
    sandbox.cloudflare.behaviour.past_the_end = past_the_end
    entries = spread("v1", count, step)
    sandbox.cloudflare.add("v1", entries)
    assert entries_in(client.pull("v1", HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)


@pytest.mark.parametrize("past_the_end", ["refused", "empty"])
def test_more_entries_of_one_moment_than_it_lists_are_not_taken_for_all(
    sandbox: Sandbox, client: CloudflareClient, past_the_end: Any
) -> None:
    sandbox.cloudflare.behaviour.v1_most_pages = 1
    sandbox.cloudflare.behaviour.past_the_end = past_the_end
    sandbox.cloudflare.add("v1", [v1_entry(number, after=timedelta(minutes=5)) for number in range(1_500)])
    with pytest.raises(Incomplete, match="its newest second may have more entries than it lists"):
        client.pull("v1", HOUR, HOUR + AN_HOUR)


@pytest.mark.parametrize("count", [1_998, 2_000])
def test_an_end_at_an_exact_multiple_of_the_confirming_page_is_an_end(
    sandbox: Sandbox, client: CloudflareClient, count: int
) -> None:
    entries = [v1_entry(number, after=timedelta(minutes=5)) for number in range(count)]
    sandbox.cloudflare.add("v1", entries)
    assert sorted(entries_in(client.pull("v1", HOUR, HOUR + AN_HOUR))["native_id"]) == ids_of(entries)


@pytest.mark.parametrize("decimals", ["cut", "rounded_up"])
def test_a_second_can_not_be_divided_where_decimals_have_no_effect(
    sandbox: Sandbox, client: CloudflareClient, decimals: Any
) -> None:
    sandbox.cloudflare.behaviour.v1_most_pages = 1
    sandbox.cloudflare.behaviour.since_decimals = decimals
    sandbox.cloudflare.add("v1", [*spread("v1", 1_500, IN_AN_INSTANT), v1_entry(9_999, after=timedelta(minutes=1))])
    with pytest.raises(Incomplete, match="its newest second may have more entries than it lists"):
        client.pull("v1", HOUR, HOUR + AN_HOUR)
