"""What a reply means is decided by its body, and an error of Linear's becomes a sentence for a person."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from audit_assets.config.errors import Refused
from audit_assets.linear.reply_parser import (
    KEY_FORBIDDEN,
    KEY_REFUSED,
    LONGEST_WAIT,
    Rejected,
    is_conflict,
    is_missing,
    parse_reply,
    wait_for_limit,
)
from audit_assets.transport.http import Reply, TryAgain

NOW = datetime(2026, 11, 22, 11, 15, tzinfo=UTC)
OWN = UUID("0a6554f7-5e38-4213-a0e8-38d27c13158c")


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), content)


def refusal(
    message: str, code: str | None = None, kind: str = "", shown: str | None = None, status: int = 400
) -> Reply:
    extensions = {"code": code, "type": kind, "userPresentableMessage": shown}
    return reply({"errors": [{"message": message, "extensions": extensions}], "data": None}, status)


def rejected(message: str, code: str | None, shown: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parse_reply(refusal(message, code, "invalid input", shown, 200), NOW)
    return caught.value


def in_milliseconds(seconds_from_now: float) -> str:
    return str(round((NOW.timestamp() + seconds_from_now) * 1000))


def test_data_is_handed_on() -> None:
    assert parse_reply(reply({"data": {"viewer": {"id": "1"}}}), NOW) == {"viewer": {"id": "1"}}


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("AUTHENTICATION_ERROR", "authentication error", KEY_REFUSED),
        (None, "authentication error", KEY_REFUSED),
        ("FORBIDDEN", "forbidden", KEY_FORBIDDEN),
        ("FEATURE_NOT_ACCESSIBLE", "", KEY_FORBIDDEN),
    ],
)
def test_a_refused_key_and_a_missing_permission_are_named(
    status: int, code: str | None, kind: str, sentence: str
) -> None:
    with pytest.raises(Refused) as caught:
        parse_reply(refusal("no", code, kind, status=status), NOW)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        (reply(b"", 401), KEY_REFUSED),
        (reply({"errors": [{"message": "…use an API key as a Bearer token…"}]}, 400), KEY_REFUSED),
        (reply(b"<html>blocked</html>", 403), KEY_FORBIDDEN),
        (reply({"data": {}}, 403), KEY_FORBIDDEN),
        (reply(b"<html>", 404), "Linear answered HTTP 404 without JSON: is LINEAR_API_URL the address of its API?"),
        (reply(b"", 301), "Linear answered HTTP 301 without JSON: is LINEAR_API_URL the address of its API?"),
    ],
)
def test_what_does_not_get_better_is_refused_at_once(odd: Reply, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_reply(odd, NOW)
    assert str(caught.value) == sentence
    assert not isinstance(caught.value, Rejected)


@pytest.mark.parametrize(
    "odd",
    [
        reply(b"<html>busy</html>"),
        reply(b"<html>busy</html>", 400),
        reply(b""),
        reply(b'{"data": {"issueCre'),
        reply(b"[" * 100_000),
        reply(b'{"data": "\xff"}'),
        reply([]),
        reply({"data": None}),
        reply({"data": []}),
        reply({"data": {}}, 418),
        reply({"errors": "many", "data": None}),
        refusal("Lock timeout", None, "lock timeout", status=200),
        refusal("Internal server error", "INTERNAL_SERVER_ERROR", "internal error", status=200),
    ],
)
def test_what_may_get_better_is_tried_again(odd: Reply) -> None:
    with pytest.raises(TryAgain) as caught:
        parse_reply(odd, NOW)
    assert caught.value.after is None


def test_errors_beside_data_are_still_errors() -> None:
    with pytest.raises(Rejected, match="half of it"):
        parse_reply(reply({"data": {"viewer": {}}, "errors": [{"message": "half of it"}]}), NOW)


def test_a_rejection_is_reported_in_one_clean_line() -> None:
    with pytest.raises(Refused) as caught:
        parse_reply(
            refusal("Argument Validation Error", "INVALID_INPUT", "", "bad\nid \u202e https://linear.app/x"), NOW
        )
    assert str(caught.value) == (
        "Linear rejected the request: Argument Validation Error (bad id \\u202e hxxps[:]//linear[.]app/x)"
    )


@pytest.mark.parametrize(
    ("message", "code", "shown", "is_ours"),
    [
        ("conflict on insert of Issue", "INPUT_ERROR", f"Entity Issue with id {OWN} already exists.", True),
        (
            "conflict on insert of Issue",
            "INVALID_INPUT",
            f"Entity Issue with id {str(OWN).upper()} already exists.",
            True,
        ),
        ("conflict on insert of IssueLabel", "INPUT_ERROR", f"Entity IssueLabel with id {OWN} already exists.", False),
        ("conflict on insert of DocumentContent", "INPUT_ERROR", f"Entity Issue with id {OWN} already exists.", False),
        ("conflict on insert of Issue", "INPUT_ERROR", f"Entity Issue with id {UUID(int=1)} already exists.", False),
        ("conflict on insert of Issue", "INTERNAL", f"Entity Issue with id {OWN} already exists.", False),
    ],
)
def test_a_conflict_is_ours_only_by_code_entity_and_id(message: str, code: str, shown: str, is_ours: bool) -> None:
    assert is_conflict(rejected(message, code, shown), "Issue", OWN) is is_ours


def test_a_missing_issue_is_distinguished_from_other_missing_things() -> None:
    shown = "Could not find referenced Issue."
    assert is_missing(rejected("Entity not found: Issue", "INPUT_ERROR", shown), "Issue")
    assert not is_missing(rejected("Entity not found: IssueLabel", "INPUT_ERROR", shown), "Issue")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X_RateLimit_Requests_Reset": in_milliseconds(90)}, 90.0),
        ({"X_RateLimit_Endpoint_Requests_Reset": in_milliseconds(30)}, 30.0),
        (
            {
                "X_RateLimit_Requests_Remaining": "0",
                "X_RateLimit_Requests_Reset": in_milliseconds(45),
                "X_RateLimit_Complexity_Remaining": "1000",
                "X_RateLimit_Complexity_Reset": in_milliseconds(400),
            },
            45.0,
        ),
        ({"X_RateLimit_Requests_Reset": in_milliseconds(3_500)}, LONGEST_WAIT),
        ({"X_RateLimit_Requests_Reset": in_milliseconds(-5)}, None),
        ({"X_RateLimit_Requests_Reset": in_milliseconds(-5), "Retry_After": "7"}, 7.0),
        ({"X_RateLimit_Requests_Reset": "soon"}, None),
        ({"X_RateLimit_Requests_Reset": "9" * 400}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_is_waited_for_until_its_reset(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_for_limit(reply({}, 400, **headers), NOW) == (
        None if seconds is None else pytest.approx(seconds, abs=0.01)
    )


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "kind"), [("RATELIMITED", "ratelimited"), (None, "ratelimited"), ("RATELIMITED", "")])
def test_a_rate_limit_is_known_by_code_or_type(status: int, code: str | None, kind: str) -> None:
    limited = refusal("Rate limit exceeded", code, kind, status=status)
    limited.headers["X-RateLimit-Requests-Reset"] = in_milliseconds(60)
    with pytest.raises(TryAgain) as caught:
        parse_reply(limited, NOW)
    assert caught.value.after == pytest.approx(60, abs=0.01)
