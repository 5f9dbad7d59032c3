"""What makes a pull fail, with which sentence, and whether another try can help."""

import json
import traceback
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import Incomplete, Refused, ServiceError, SettingError, Unavailable
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.cloudflare.clients import client_of
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, spread
from audit_assets_tests.support import JumpingClock

CANARY = "canary-4f1d8c0b77aa"
ALWAYS = 100


def pull(client: CloudflareClient, stream: str = "v2") -> Any:
    return client.pull(stream, HOUR, HOUR + AN_HOUR)


@pytest.mark.parametrize("stream", ["v2", "v1"])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("not_success", {}, "'success' is not true: internal error"),
        ("result_not_list", {}, "'result' is not a list"),
        ("result_null", {}, "'result' is not a list"),
        ("wrong_count", {"by": 1}, "it counts 1001 entries and holds 1000|it counts 501 entries and holds 500"),
        ("wrong_count", {"by": -1}, "it counts 999 entries and holds 1000|it counts 499 entries and holds 500"),
        ("outside_window", {"seconds": 2}, "an entry of 2026-11-20 09:54:58 lies outside of the requested window"),
        ("outside_window", {"seconds": -100_000}, "lies outside of the requested window"),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(
    sandbox: Sandbox, client: CloudflareClient, stream: str, at: int, kind: str, options: dict[str, Any], reason: str
) -> None:
    sandbox.cloudflare.add(stream, spread(stream, 1500))
    sandbox.faults.add(Fault("cloudflare", stream, kind, at=at, options=options))
    with pytest.raises(Incomplete, match=reason) as error:
        pull(client, stream)
    assert str(error.value).startswith(
        f"Cloudflare's audit log {stream} could not be pulled whole for 2026-11-20 10:00 to 2026-11-20 11:00 UTC: "
    )
    assert str(error.value).endswith("Nothing of it is stored; run the hour again.")
    assert not error.value.permanent
    assert pull(client, stream).evidence.kept == 1500


def test_a_cursor_that_comes_again_is_not_followed_for_ever(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 1500))
    sandbox.faults.add(Fault("cloudflare", "v2", "repeat_cursor", times=ALWAYS))
    with pytest.raises(Incomplete, match="the cursor of page 2 had come before"):
        pull(client)
    assert len(sandbox.shared.calls) == 2


def test_a_page_without_result_info_might_have_had_a_cursor(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 10))
    sandbox.faults.add(Fault("cloudflare", "v2", "no_result_info"))
    with pytest.raises(Incomplete, match="'result_info' is missing, so there may be more"):
        pull(client)


def test_a_cursor_that_is_not_accepted_is_no_end(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.add("v2", spread("v2", 1500))
    refusal = {"status": 400, "body": '{"success":false,"errors":[{"message":"invalid cursor"}]}'}
    sandbox.faults.add(Fault("cloudflare", "v2", "status", at=2, options=refusal))
    with pytest.raises(Incomplete, match="the cursor of page 1 was not accepted: HTTP 400, invalid cursor"):
        pull(client)


def test_a_400_in_the_middle_of_v1_is_never_taken_for_the_end(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.add("v1", spread("v1", 2500))
    refusal = {"status": 400, "body": "{}"}
    sandbox.faults.add(Fault("cloudflare", "v1", "status", at=2, options=refusal))
    assert pull(client, "v1").evidence.kept == 2500
    sandbox.faults.add(Fault("cloudflare", "v1", "status", at=2, times=2, options=refusal))
    with pytest.raises(Incomplete, match="its end could not be confirmed: HTTP 400"):
        pull(client, "v1")


def test_a_400_to_the_first_page_is_a_refusal(sandbox: Sandbox, client: CloudflareClient) -> None:
    old = HOUR - timedelta(days=600)
    with pytest.raises(
        Refused, match=r"HTTP 400, 113 since: .*; entries of more than 18 months ago are not kept"
    ) as no:
        client.pull("v1", old, old + AN_HOUR)
    assert no.value.permanent


@pytest.mark.parametrize("kind", ["html", "cut_json", "torn", "drop_before"])
@pytest.mark.parametrize("stream", ["v2", "v1"])
def test_a_broken_reply_that_stays_broken_is_no_answer(
    sandbox: Sandbox, client: CloudflareClient, stream: str, kind: str
) -> None:
    sandbox.cloudflare.add(stream, spread(stream, 10))
    sandbox.faults.add(Fault("cloudflare", stream, kind, times=ALWAYS))
    with pytest.raises(Unavailable, match="Cloudflare gave no answer in 6 tries: ") as error:
        pull(client, stream)
    assert not error.value.permanent


@pytest.mark.parametrize(
    ("token", "account", "sentence"),
    [
        (CANARY, None, "does not let this token read .*HTTP 403, 10000 Authentication error.*'Account Settings Read'"),
        (None, "f" * 32, "does not let this token read the audit log of account ffff"),
        (None, "notanaccount", "knows no account notanaccount .*7003 .*CLOUDFLARE_ACCOUNT_ID.*'Account Settings Read'"),
        (None, "not-an-account", "knows no account not-an-account .HTTP 400, 7003"),
    ],
)
@pytest.mark.parametrize("stream", ["v2", "v1"])
def test_a_rejected_token_is_reported_with_the_missing_permission(
    sandbox: Sandbox, clock: JumpingClock, stream: str, token: str | None, account: str | None, sentence: str
) -> None:
    given = {"token": token, "account_id": account}
    with closing(client_of(sandbox, clock, **{name: value for name, value in given.items() if value})) as client:
        for call in (lambda: pull(client, stream), lambda: client.probe(stream)):
            with pytest.raises(Refused, match=sentence) as error:
                call()
            assert error.value.permanent
    tries = 3 if "does not let" in sentence else 1
    assert len(sandbox.shared.calls) == 2 * tries
    assert sum(clock.waits) == 16 * (tries == 3)


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (401, '{"errors":[{"code":1000,"message":"Invalid API Token"}]}', Refused, "HTTP 401, 1000 Invalid API Token"),
        (403, "<html>blocked</html>", Refused, "HTTP 403, no reason given.*'Account Settings Read'"),
        (404, "[1]", Refused, "knows no account"),
        (405, '{"errors":"x"}', Refused, r"does not list its audit log v2 \(HTTP 405, no reason given\)"),
        (302, "", Refused, r"answers with a redirect \(HTTP 302\): correct CLOUDFLARE_API_URL"),
        (204, "", Unavailable, "HTTP 204 instead of a list"),
        (429, "{}", Unavailable, "in 3 tries: HTTP 429; it asks to wait 300 s"),
        (530, "<html>", Unavailable, "in 6 tries: HTTP 530"),
    ],
)
def test_every_other_status_has_a_sentence(
    sandbox: Sandbox, client: CloudflareClient, status: int, body: str, error: type[ServiceError], sentence: str
) -> None:
    sandbox.faults.add(Fault("cloudflare", "v2", "status", times=ALWAYS, options={"status": status, "body": body}))
    with pytest.raises(error, match=sentence):
        pull(client)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 410])
def test_errors_of_cloudflare_are_quoted_short_and_without_the_token(
    sandbox: Sandbox, clock: JumpingClock, status: int
) -> None:
    message = f"{CANARY} \x1b[31m" + "x" * 5_000
    body = json.dumps({"success": False, "errors": [{"code": 10000, "message": message}, {"message": ["x"]}]})
    sandbox.faults.add(Fault("cloudflare", "v2", "status", options={"status": status, "body": body}))
    with (
        closing(client_of(sandbox, clock, token=CANARY)) as client,
        pytest.raises(ServiceError, match="10000 ") as error,
    ):
        pull(client)
    assert len(str(error.value)) < 600
    assert CANARY not in "".join(traceback.format_exception(error.value))
    assert str(error.value).isprintable()


def test_a_pull_that_takes_too_long_is_given_up(sandbox: Sandbox, clock: JumpingClock) -> None:
    sandbox.cloudflare.behaviour.requests = 1
    sandbox.cloudflare.behaviour.seconds = 60
    sandbox.cloudflare.add("v2", spread("v2", 3500))
    too_long = pytest.raises(Unavailable, match="took longer than 2 minutes: pull fewer hours in one run")
    with closing(client_of(sandbox, clock, pull_seconds=90)) as client, too_long:
        pull(client)
    assert sum(clock.waits) <= 90


def test_one_entry_that_is_larger_than_a_reply_may_be_is_reported(sandbox: Sandbox, clock: JumpingClock) -> None:
    entries = spread("v2", 3)
    entries[1]["resource"]["request"] = "x" * 200_000
    sandbox.cloudflare.add("v2", entries)
    too_large = pytest.raises(Unavailable, match="a body of more than 100,000 bytes")
    with closing(client_of(sandbox, clock, limits=HttpLimits(body_bytes=100_000))) as client, too_large:
        pull(client)


def test_an_unreachable_cloudflare_is_reported(clock: JumpingClock, sandbox: Sandbox) -> None:
    unreachable = pytest.raises(Unavailable, match="Cloudflare gave no answer in 6 tries: the connection failed")
    with closing(client_of(sandbox, clock, base_url="https://127.0.0.1:1/client/v4")) as client, unreachable:
        pull(client)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"token": " "}, "CLOUDFLARE_API_TOKEN is empty"),
        ({"account_id": ""}, "CLOUDFLARE_ACCOUNT_ID is not an account id"),
        ({"account_id": "../zones"}, "CLOUDFLARE_ACCOUNT_ID is not an account id"),
        ({"account_id": "a" * 65}, "CLOUDFLARE_ACCOUNT_ID is not an account id"),
    ],
)
def test_a_setting_that_can_not_be_right_is_named(
    sandbox: Sandbox, clock: JumpingClock, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingError, match=sentence):
        client_of(sandbox, clock, **options)
