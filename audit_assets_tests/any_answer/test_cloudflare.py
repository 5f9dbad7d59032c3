"""Cloudflare's client raises nothing but documented errors, whatever it is answered."""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.config.errors import ServiceError
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.any_answer.changed_answers import CHANGES, Change, ChangingServer, changing
from audit_assets_tests.cloudflare.clients import client_of, entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR
from audit_assets_tests.support import JumpingClock


@pytest.fixture(scope="module")
def between(services: Sandbox) -> Iterator[ChangingServer]:
    with changing(services.environment()["CLOUDFLARE_API_URL"]) as server:
        yield server


@pytest.mark.parametrize("stream", ["v1", "v2"])
@pytest.mark.parametrize(
    "change",
    [
        Change(headers={"Date": "Fri, 31 Dec 9999 23:59:59 -2359"}),
        Change(first=1, headers={"Date": "Mon, 01 Jan 0001 00:00:00 +2359"}),
        Change(headers={"Set-Cookie": "²=²"}),
        Change(headers={"Ratelimit": '"default";r=²;t=²'}),
        Change(status=429, headers={"Retry-After": "²"}),
        Change(status=400, place=(), value={"errors": [{"code": [1]}]}),
        Change(place=("result_info",), value={"count": [1]}),
    ],
    ids=str,
)
def test_a_known_odd_answer_gives_a_pull_or_a_documented_error(
    services: Sandbox, between: ChangingServer, change: Change, stream: str
) -> None:
    _pull(services, between, change, stream)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=CHANGES, stream=st.sampled_from(["v1", "v2"]))
def test_any_answer_to_a_pull_gives_a_pull_or_a_documented_error(
    services: Sandbox, between: ChangingServer, change: Change, stream: str
) -> None:
    _pull(services, between, change, stream)


def _pull(services: Sandbox, between: ChangingServer, change: Change, stream: str) -> None:
    between.begin(change)
    address = services.environment()["CLOUDFLARE_API_URL"].replace(services.url, between.url)
    services.shared.clock.advance(timedelta(minutes=5))  # for its rate limit
    with closing(client_of(services, JumpingClock(), base_url=address, limits=HttpLimits(attempts=2))) as client:
        with suppress(ServiceError):
            entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR))
        with suppress(ServiceError):
            client.probe(stream)
