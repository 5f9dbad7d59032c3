"""Credentials and the rate limit of the sandbox's Cloudflare."""

from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from audit_assets.sandbox.cloudflare.cloudflare_service import ACCOUNT_ID, CloudflareService
from audit_assets_tests.sandbox.cloudflare_calls import Caller, Door, caller, door, faults, service

__all__ = ["caller", "door", "faults", "service"]


def refusal(reply: httpx.Response) -> tuple[int, list[int | None]]:
    body = reply.json()
    assert (body["success"], body["result"]) == (False, None)
    return reply.status_code, [error.get("code") for error in body["errors"]]


def test_the_environment_has_working_settings(service: CloudflareService, door: Door) -> None:
    settings = service.environment(door.url)
    reply = httpx.get(
        f"{settings['CLOUDFLARE_API_URL']}/accounts/{settings['CLOUDFLARE_ACCOUNT_ID']}/audit_logs",
        headers={"Authorization": f"Bearer {settings['CLOUDFLARE_API_TOKEN']}"},
        trust_env=False,
    )
    assert reply.status_code == 200


def test_another_token_is_10000(caller: Caller) -> None:
    assert refusal(caller.v2(headers={"Authorization": "Bearer wrong"})) == (403, [10000])


def test_another_account_is_10000_too(caller: Caller) -> None:
    assert refusal(caller.v2(account="0" * 32)) == (403, [10000])
    assert refusal(caller.v1(account="0" * 32)) == (403, [10000])


@pytest.mark.parametrize("status", [400, 401])
def test_no_credentials_are_9106(service: CloudflareService, caller: Caller, status: int) -> None:
    service.behaviour.missing_credentials_status = status
    del caller.http.headers["authorization"]
    assert refusal(caller.v2()) == (status, [9106])
    assert refusal(caller.v2(headers={"X-Auth-Email": "a@example.com", "X-Auth-Key": "k"})) == (403, [10000])


def test_an_account_id_of_the_wrong_form_has_no_route(caller: Caller) -> None:
    assert refusal(caller.v2(account="notanaccount")) == (404, [7003, 7000])
    assert refusal(caller.v2(account="a*b")) == (400, [7003])


def test_every_reply_has_the_quota_and_the_time_of_the_service(caller: Caller, door: Door) -> None:
    before = door.clock.now()
    replies = [caller.v2(), caller.v1(), caller.v2(since="x")]
    assert [reply.headers["ratelimit"] for reply in replies] == [
        f'"default";r={left};t=300' for left in (1199, 1198, 1197)
    ]
    assert replies[0].headers["ratelimit-policy"] == '"default";q=1200;w=300'
    assert abs(parsedate_to_datetime(replies[0].headers["date"]) - before) < timedelta(seconds=5)


def test_a_caller_above_the_quota_is_blocked_from_both_lists_for_five_minutes(
    service: CloudflareService, caller: Caller, door: Door
) -> None:
    service.behaviour.requests = 3
    assert [caller.v2().status_code for _ in range(4)] == [200, 200, 200, 429]
    blocked = caller.v1()
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "300")
    door.clock.advance(timedelta(seconds=280))
    assert 0 < int(caller.v2().headers["retry-after"]) <= 20
    door.clock.advance(timedelta(seconds=21))
    assert [caller.v2().status_code for _ in range(3)] == [200, 200, 200]


def test_the_quota_is_reset_after_its_period(service: CloudflareService, caller: Caller, door: Door) -> None:
    service.behaviour.requests = 2
    for _ in range(3):
        assert [caller.v2().status_code, caller.v2().status_code] == [200, 200]
        door.clock.advance(timedelta(seconds=301))


def test_a_refused_call_does_not_count_against_the_quota(service: CloudflareService, caller: Caller) -> None:
    service.behaviour.requests = 1
    assert caller.v2(account="0" * 32).status_code == 403
    assert caller.v2(account=ACCOUNT_ID).status_code == 200
