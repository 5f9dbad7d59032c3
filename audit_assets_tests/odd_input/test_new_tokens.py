"""Tokens that are valid, and denied now and then: a single denial is not believed."""

from datetime import timedelta

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import Refused
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.cloudflare.clients import entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, ids_of, spread
from audit_assets_tests.support import JumpingClock

both_streams = pytest.mark.parametrize("stream", ["v2", "v1"])
DENIAL = '{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}'


@both_streams
def test_a_token_that_was_just_made_is_denied_every_other_time_and_works(
    sandbox: Sandbox, client: CloudflareClient, stream: str
) -> None:
    entries = spread(stream, 1_500)
    sandbox.cloudflare.add(stream, entries)
    sandbox.cloudflare.behaviour.token_made_at = sandbox.shared.clock.now()
    client.probe(stream)
    assert entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)
    assert len(sandbox.shared.calls) > 4


@both_streams
@pytest.mark.parametrize("status", [401, 403])
def test_a_denial_in_the_middle_of_a_pull_costs_a_try_and_nothing_else(
    sandbox: Sandbox, client: CloudflareClient, stream: str, status: int
) -> None:
    entries = spread(stream, 2_500)
    sandbox.cloudflare.add(stream, entries)
    sandbox.faults.add(Fault("cloudflare", stream, "status", at=2, times=2, options={"status": status, "body": DENIAL}))
    assert entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR))["native_id"].to_list() == ids_of(entries)


def test_a_token_that_stays_denied_is_refused_soon(
    sandbox: Sandbox, client: CloudflareClient, clock: JumpingClock
) -> None:
    sandbox.faults.add(Fault("cloudflare", "v2", "status", times=100, options={"status": 403, "body": DENIAL}))
    with pytest.raises(Refused, match=r"10000 Authentication error.*try again in a minute if the token is new"):
        client.pull("v2", HOUR, HOUR + AN_HOUR)
    assert (len(sandbox.shared.calls), sum(clock.waits)) == (3, 8)


def test_a_token_is_new_for_a_minute(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.behaviour.token_made_at = sandbox.shared.clock.now() - timedelta(minutes=1)
    client.probe("v2")
    assert len(sandbox.shared.calls) == 1
