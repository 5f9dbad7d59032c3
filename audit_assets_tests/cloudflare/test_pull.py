"""A pull from the sandbox: every entry of the window, once, whatever the pages are."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.exports.timed_entries import TimedEntry
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.cloudflare.clients import client_of, entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, MAKERS, ids_of, spread, v2_entry, written
from audit_assets_tests.support import JumpingClock

both_streams = pytest.mark.parametrize("stream", ["v2", "v1"])
"""v1 asks once more than it has pages: its end is confirmed."""


def queries(sandbox: Sandbox) -> list[str]:
    return [call.query for call in sandbox.shared.calls]


@both_streams
@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 2500])
def test_every_entry_arrives_whatever_the_number_of_pages(
    sandbox: Sandbox, client: CloudflareClient, stream: str, count: int
) -> None:
    entries = spread(stream, count)
    sandbox.cloudflare.add(stream, entries)
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert entries_in(pull).schema == ENTRY_SCHEMA
    assert entries_in(pull)["native_id"].to_list() == ids_of(entries)
    assert entries_in(pull)["time"].is_sorted()
    assert pull.quarantined == []
    evidence = pull.evidence
    assert (evidence.stream, evidence.kept, evidence.quarantined) == (stream, count, 0)
    assert count <= evidence.received <= count + 3
    assert evidence.body_bytes > count * 300
    confirmed = stream == "v1" and count > 0
    assert len(queries(sandbox)) == (count // 1000 + 1 + confirmed if stream == "v1" else max(1, -(-count // 1000)))
    assert evidence.pages <= len(queries(sandbox))


@both_streams
def test_the_window_is_half_open_by_the_entries_own_time(
    sandbox: Sandbox, client: CloudflareClient, stream: str
) -> None:
    tick, end = timedelta(microseconds=1), AN_HOUR
    make = MAKERS[stream]
    sandbox.cloudflare.add(stream, [make(n, after=after) for n, after in enumerate([-tick, 0 * tick, end - tick, end])])
    pull = client.pull(stream, HOUR, HOUR + end)
    assert entries_in(pull)["time"].to_list() == [HOUR, HOUR + end - tick]


@both_streams
@pytest.mark.parametrize(("since_inclusive", "before_inclusive"), [(True, True), (False, False), (False, True)])
def test_nothing_depends_on_how_cloudflare_means_the_ends(
    sandbox: Sandbox, client: CloudflareClient, stream: str, since_inclusive: bool, before_inclusive: bool
) -> None:
    sandbox.cloudflare.behaviour.since_inclusive = since_inclusive
    sandbox.cloudflare.behaviour.before_inclusive = before_inclusive
    ends = [timedelta(minutes=minutes) for minutes in (-5, 0, 59, 60, 65)]
    sandbox.cloudflare.add(stream, [MAKERS[stream](n, after=after) for n, after in enumerate(ends)])
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert entries_in(pull)["time"].to_list() == [HOUR, HOUR + timedelta(minutes=59)]


@both_streams
def test_a_tie_across_the_edge_of_a_page_loses_nothing(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    entries = [MAKERS[stream](number, after=timedelta(minutes=30)) for number in range(1500)]
    sandbox.cloudflare.add(stream, entries)
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert sorted(entries_in(pull)["native_id"]) == ids_of(entries)


def test_an_hour_is_requested_with_an_overlap_and_the_same_window_on_every_page(
    sandbox: Sandbox, client: CloudflareClient
) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 1001))
    sandbox.cloudflare.add("v1", spread("v1", 1001))
    for stream in MAKERS:
        client.pull(stream, HOUR, HOUR + AN_HOUR)
    bounds = "since=2026-11-20T09%3A55%3A00Z&before=2026-11-20T11%3A05%3A00Z&direction=asc"
    first, second, *v1 = queries(sandbox)
    assert first == f"{bounds}&limit=1000"
    assert second.startswith(f"{bounds}&limit=1000&cursor=")
    assert v1[:2] == [f"{bounds}&page={page}&per_page=1000" for page in (1, 2)]


@both_streams
def test_thirty_days_are_one_pull(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    entries = [MAKERS[stream](number, after=-number * AN_HOUR) for number in range(720)]
    sandbox.cloudflare.add(stream, entries)
    pull = client.pull(stream, HOUR - timedelta(days=30), HOUR + AN_HOUR)
    assert pull.evidence.kept == 720
    assert len(queries(sandbox)) <= 2


@both_streams
def test_rows_that_come_twice_are_one(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    entries = spread(stream, 1200)
    sandbox.cloudflare.add(stream, entries)
    sandbox.faults.add(Fault("cloudflare", stream, "duplicate_rows", at=2, options={"rows": 50}))
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert entries_in(pull)["native_id"].to_list() == ids_of(entries)
    assert pull.evidence.received >= 1250


@pytest.mark.parametrize("at", [1, 2])
def test_an_empty_page_with_a_cursor_is_not_the_end(sandbox: Sandbox, client: CloudflareClient, at: int) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 1500))
    sandbox.faults.add(Fault("cloudflare", "v2", "empty_page", at=at))
    assert client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 1500


@pytest.mark.parametrize("last_cursor", ["absent", "null", "empty"])
@pytest.mark.parametrize("place", ["cursor", "cursors.after"])
def test_the_cursor_may_be_in_two_places_and_end_in_three_ways(
    sandbox: Sandbox, client: CloudflareClient, last_cursor: Any, place: Any
) -> None:
    behaviour = sandbox.cloudflare.behaviour
    behaviour.last_cursor, behaviour.cursor_place, behaviour.count_as = last_cursor, place, "string"
    sandbox.cloudflare.add("v2", spread("v2", 1500))
    assert client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 1500


def test_a_full_last_page_may_carry_a_cursor(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.behaviour.cursor_after_exact_page = True
    sandbox.cloudflare.add("v2", spread("v2", 2000))
    assert client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 2000


@pytest.mark.parametrize("past_the_end", ["refused", "empty"])
def test_v1_may_end_in_two_ways_after_a_full_page(
    sandbox: Sandbox, client: CloudflareClient, past_the_end: Any
) -> None:
    sandbox.cloudflare.behaviour.past_the_end = past_the_end
    sandbox.cloudflare.add("v1", spread("v1", 1000))
    assert client.pull("v1", HOUR, HOUR + AN_HOUR).evidence.kept == 1000


def test_v1_is_read_on_when_a_page_is_short_too_early(sandbox: Sandbox, client: CloudflareClient) -> None:
    entries = spread("v1", 1500)
    sandbox.cloudflare.add("v1", entries)
    sandbox.faults.add(Fault("cloudflare", "v1", "short_page", options={"rows": 30}))
    assert entries_in(client.pull("v1", HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)


@both_streams
def test_an_entry_that_arrives_while_paging_does_not_hide_another(
    sandbox: Sandbox, client: CloudflareClient, stream: str
) -> None:
    sandbox.cloudflare.add(stream, spread(stream, 1500))
    late = MAKERS[stream](9_999, after=timedelta(seconds=0.5))
    sandbox.faults.add(Fault("cloudflare", stream, "insert", at=2, options={"entries": [late]}))
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert set(ids_of(spread(stream, 1500))) <= set(entries_in(pull)["native_id"])


@both_streams
def test_entries_are_in_the_order_of_time_though_the_log_may_not_be(
    sandbox: Sandbox, client: CloudflareClient, stream: str
) -> None:
    """Filed by another time than their own, as late arrivals might be."""
    entries = spread(stream, 3_000)
    filed = [TimedEntry(HOUR + timedelta(seconds=number * 7 % 3_000), entry) for number, entry in enumerate(entries)]
    sandbox.cloudflare.add(stream, filed)
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert entries_in(pull)["native_id"].to_list() == ids_of(entries)


@both_streams
def test_the_order_of_a_page_does_not_matter(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    sandbox.cloudflare.add(stream, spread(stream, 1500))
    sandbox.faults.add(Fault("cloudflare", stream, "disorder", times=9))
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert entries_in(pull)["native_id"].to_list() == ids_of(spread(stream, 1500))


@both_streams
def test_a_pull_begins_by_the_servers_clock(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    sandbox.faults.add(Fault("cloudflare", stream, "date", options={"value": "Fri, 20 Nov 2026 23:00:01 GMT"}))
    pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
    assert pull.evidence.started_at == datetime(2026, 11, 20, 23, 0, 1, tzinfo=UTC)


def test_an_invalid_date_is_replaced_by_our_own(
    sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock
) -> None:
    sandbox.faults.add(Fault("cloudflare", "v2", "date", options={"value": "soon"}))
    started_at = client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.started_at
    assert abs(started_at - clock.now()) < timedelta(minutes=1)


def test_an_entry_that_can_not_be_read_is_counted_and_affects_no_other(
    sandbox: Sandbox, client: CloudflareClient
) -> None:
    minute = timedelta(minutes=1)
    odd = [
        TimedEntry(HOUR + 1 * minute, {"id": "undated", "action": {}}),
        TimedEntry(HOUR + 2 * minute, "[]"),
        TimedEntry(HOUR + 3 * minute, json.dumps(v2_entry(3, 3 * minute, raw={"user_agent": "\ud800"}))),
        TimedEntry(HOUR + 4 * minute, b'{"id":"\xff","action":{"time":"2026-11-20T10:04:00Z"}}'),
        TimedEntry(HOUR + 5 * minute, '{"id":"deep","x":' + "[" * 99_999 + "]" * 99_999 + "}"),
        TimedEntry(
            HOUR + 5 * minute,
            '{"id":"deep","action":{"time":"2026-11-20T10:05:00Z"},"x":' + "[" * 99_999 + "]" * 99_999 + "}",
        ),
        TimedEntry(HOUR + 6 * minute, '{"id":"long","action":{"time":"2026-11-20T10:06:00Z"},"x":' + "9" * 5_000 + "}"),
    ]
    sandbox.cloudflare.add("v2", [v2_entry(1), *odd, v2_entry(2, 7 * minute)])
    pull = client.pull("v2", HOUR, HOUR + AN_HOUR)
    ids = entries_in(pull)["native_id"].to_list()
    assert ids == [v2_entry(1)["id"], v2_entry(3)["id"], "\\udcff", "deep", "long", v2_entry(2)["id"]]
    filed = [(record["native_id"], record["time"] - HOUR) for record in pull.quarantined]
    assert filed == [
        ("undated", 0 * minute),
        (None, 0 * minute),
        ("deep", 4 * minute),
    ]
    assert (pull.evidence.quarantined, pull.evidence.kept) == (3, 6)


def test_a_quarantined_entry_is_filed_in_its_own_hour(sandbox: Sandbox, client: CloudflareClient) -> None:
    end = HOUR + AN_HOUR
    odd = [TimedEntry(moment, f'{{"at":"{written(moment)}"}}') for moment in (HOUR - timedelta(minutes=1), end)]
    late = TimedEntry(end, json.dumps({"id": None, "action": {"time": written(end)}}))
    sandbox.cloudflare.add("v2", [odd[0], v2_entry(1), odd[1], late])
    records = client.pull("v2", HOUR, end).quarantined
    assert [record["time"] for record in records] == [HOUR, HOUR]
    [own, clipped] = client.pull("v2", end, end + AN_HOUR).quarantined
    assert {own["time"], clipped["time"]} == {end}


def test_an_oversize_page_is_requested_in_halves(
    sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock
) -> None:
    large = [v2_entry(n, after=timedelta(seconds=n), resource={"request": "x" * 2_000}) for n in range(1000)]
    sandbox.cloudflare.add("v2", large)
    with closing(client_of(sandbox, clock, limits=HttpLimits(body_bytes=1_000_000))) as small:
        pull = small.pull("v2", HOUR, HOUR + AN_HOUR)
    assert pull.evidence.kept == pull.evidence.received == 1000
    sizes = [query.split("limit=")[1].split("&")[0] for query in queries(sandbox)]
    assert sizes == ["1000", "500", *["250"] * 4]


def test_a_slow_page_is_requested_in_halves(sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock) -> None:
    sandbox.cloudflare.add("v1", spread("v1", 700))
    sandbox.faults.add(Fault("cloudflare", "v1", "slow_after", times=2, options={"seconds": 1.0}))
    with closing(client_of(sandbox, clock, limits=HttpLimits(attempt_seconds=0.5))) as hurried:
        assert hurried.pull("v1", HOUR, HOUR + AN_HOUR).evidence.kept == 700
    assert [query.split("per_page=")[1] for query in queries(sandbox)] == ["1000", "1000", "1", "500", "500", "499"]


def test_a_block_is_waited_out_in_full(sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 1500))
    sandbox.faults.add(Fault("cloudflare", "v2", "block", at=2, options={"seconds": 300}))
    assert client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 1500
    assert [round(wait, -1) for wait in clock.waits] == [300]


def test_the_servers_count_of_remaining_requests_slows_a_pull(
    sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock
) -> None:
    sandbox.cloudflare.behaviour.requests = 3
    sandbox.cloudflare.behaviour.seconds = 60
    sandbox.cloudflare.add("v2", spread("v2", 3500, timedelta(milliseconds=100)))
    assert client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 3500
    assert 60 <= sum(clock.waits) <= 200


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "torn", "html", "cut_json"])
@both_streams
def test_a_temporary_fault_of_the_connection_costs_a_try_and_nothing_else(
    sandbox: Sandbox, client: CloudflareClient, stream: str, kind: str
) -> None:
    entries = spread(stream, 1200)
    sandbox.cloudflare.add(stream, entries)
    sandbox.faults.add(Fault("cloudflare", stream, kind, at=2, times=2))
    assert entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)


@both_streams
def test_probing_takes_one_small_request(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    client.probe(stream)
    assert len(queries(sandbox)) == 1


def test_an_hour_that_has_not_begun_is_empty(sandbox: Sandbox, clock: JumpingClock) -> None:
    tomorrow = sandbox.shared.clock.now() + timedelta(days=1)
    with closing(client_of(sandbox, clock)) as client:
        assert entries_in(client.pull("v2", tomorrow, tomorrow + AN_HOUR)).is_empty()


def test_an_impossible_window_or_stream_is_the_callers_mistake(client: CloudflareClient) -> None:
    with pytest.raises(ValueError, match="an aware start before its aware end"):
        client.pull("v2", HOUR, HOUR)
    with pytest.raises(ValueError, match="an aware start before its aware end"):
        client.pull("v2", HOUR.replace(tzinfo=None), HOUR.replace(tzinfo=None) + AN_HOUR)
    with pytest.raises(ValueError, match="the streams are v2, v1, organization, not 'v3'"):
        client.pull("v3", HOUR, HOUR + AN_HOUR)
