"""Pages that are too large for the service: halved if a smaller one is answered, and not because Cloudflare is down."""

from contextlib import closing

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import Unavailable
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.cloudflare.clients import client_of, entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, ids_of, spread
from audit_assets_tests.support import JumpingClock

both_streams = pytest.mark.parametrize("stream", ["v2", "v1"])


def sizes_requested(sandbox: Sandbox, stream: str) -> list[int]:
    name = "limit" if stream == "v2" else "per_page"
    return [int(call.query.split(f"{name}=")[1].split("&")[0]) for call in sandbox.shared.calls]


@both_streams
@pytest.mark.parametrize("largest", [999, 500, 90, 3])
@pytest.mark.parametrize("status", [500, 502, 504, 524, 413])
def test_a_page_too_large_is_halved_until_one_is_answered(
    sandbox: Sandbox, client: CloudflareClient, stream: str, largest: int, status: int
) -> None:
    sandbox.cloudflare.behaviour.most_entries = largest
    sandbox.cloudflare.behaviour.too_large_status = status
    entries = spread(stream, 60)
    sandbox.cloudflare.add(stream, entries)
    assert entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)
    first = [1000, 500] if status == 413 else [1000, 1000, 1, 500]
    assert sizes_requested(sandbox, stream)[: len(first)] == first


@both_streams
def test_a_page_in_the_middle_may_be_the_one_that_is_too_large(
    sandbox: Sandbox, client: CloudflareClient, stream: str
) -> None:
    entries = spread(stream, 2_500)
    sandbox.cloudflare.add(stream, entries)
    sandbox.faults.add(Fault("cloudflare", stream, "status", at=2, times=2, options={"status": 504}))
    assert entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)
    assert sizes_requested(sandbox, stream)[:5] == [1000, 1000, 1000, 1, 500]


@both_streams
def test_an_outage_makes_no_page_smaller(sandbox: Sandbox, client: CloudflareClient, stream: str) -> None:
    sandbox.cloudflare.add(stream, spread(stream, 60))
    sandbox.faults.add(Fault("cloudflare", stream, "status", times=5, options={"status": 502}))
    assert client.pull(stream, HOUR, HOUR + AN_HOUR).evidence.kept == 60
    assert sizes_requested(sandbox, stream)[:6] == [1000, 1000, 1, 1000, 1000, 1000]
    sandbox.faults.add(Fault("cloudflare", stream, "status", times=100, options={"status": 502}))
    with pytest.raises(Unavailable, match="Cloudflare gave no answer in 6 tries: HTTP 502"):
        client.pull(stream, HOUR, HOUR + AN_HOUR)


@both_streams
def test_a_server_error_that_names_a_wait_is_waited_for(
    sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock, stream: str
) -> None:
    busy = {"status": 503, "headers": {"Retry-After": "60"}}
    sandbox.faults.add(Fault("cloudflare", stream, "status", times=3, options=busy))
    assert client.pull(stream, HOUR, HOUR + AN_HOUR).evidence.kept == 0
    assert [round(wait) for wait in clock.waits] == [60, 60, 60]
    assert set(sizes_requested(sandbox, stream)) == {1000}


def test_a_server_error_and_a_slow_reply_in_a_row_are_two_failures(
    sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock
) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 60))
    sandbox.faults.add(Fault("cloudflare", "v2", "status", options={"status": 504}))
    sandbox.faults.add(Fault("cloudflare", "v2", "slow_after", at=2, options={"seconds": 1.0}))
    with closing(client_of(sandbox, clock, limits=HttpLimits(attempt_seconds=0.5))) as hurried:
        assert hurried.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 60
    assert sizes_requested(sandbox, "v2") == [1000, 1000, 1, 500]
