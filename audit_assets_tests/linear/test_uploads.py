"""A file gets into Linear's storage whole, or the ticket goes without it, soon; our key goes nowhere with it."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from audit_assets.config.errors import Incomplete, ServiceError
from audit_assets.linear.graphql_connection import GraphqlConnection
from audit_assets.linear.issue_api import IssueApi
from audit_assets.linear.uploads import parse_slot
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.linear.linear_service import API_KEY as KEY
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.linear.workspace import plan
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.support import JumpingClock

PNG = b"\x89PNG" + bytes(range(256)) * 8


door = linear_calls.door
sandbox = linear_calls.sandbox


@pytest.fixture
def issues(sandbox: Sandbox, clock: JumpingClock) -> Iterator[IssueApi]:
    with closing(GraphqlConnection(api_key=KEY, url=f"{sandbox.url}/graphql", clock=clock, limits=None)) as connection:
        yield IssueApi(connection)


def upload(issues: IssueApi, seconds: float = 20.0) -> str:
    return issues.upload("changes-2026-11-22T10.png", "image/png", PNG, seconds=seconds)


def test_the_workspace_can_see_it_and_nobody_else(sandbox: Sandbox, issues: IssueApi) -> None:
    """The sandbox's storage refuses a key, and whatever lacks a header or is of another size."""
    url = upload(issues)
    assert httpx.get(url).status_code == 401
    seen = httpx.get(url, headers={"Authorization": KEY})
    assert (seen.content, seen.headers["content-type"]) == (PNG, "image/png")
    (kept,) = sandbox.linear.store.all("Upload")
    assert (kept["filename"], kept["makePublic"]) == ("changes-2026-11-22T10.png", False)
    assert upload(issues) != url, "repeated, it is another file"


def test_an_answer_that_was_lost_is_asked_for_once_more(sandbox: Sandbox, issues: IssueApi) -> None:
    for kind in ("drop_before", "drop_after", "reset_after"):
        plan(sandbox, "fileUpload", kind)
        sandbox.faults.add(Fault("storage", "put", kind))
        assert httpx.get(upload(issues), headers={"Authorization": KEY}).content == PNG


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "forbidden": ({}, "Linear does not allow this"),
    "success_false": ({}, "did not succeed"),
    "no_entity": ({}, "another shape"),
    "lock_timeout": ({}, "passing fault"),
    "internal_error": ({}, "HTTP 500"),
    "rate_limited": ({"seconds": 95}, "rate limit is reached; it asks to wait 9"),
    "status": ({"status": 429}, "HTTP 429"),
    "drop_before": ({}, "the connection failed"),
}


def test_linear_s_refusals_are_reported_and_not_waited_for(
    sandbox: Sandbox, issues: IssueApi, clock: JumpingClock
) -> None:
    for kind, (options, why) in REFUSALS.items():
        sandbox.faults.clear()
        sandbox.shared.calls.clear()
        clock.waits.clear()
        plan(sandbox, "fileUpload", kind, times=9, **options)
        with pytest.raises(ServiceError, match=why):
            upload(issues)
        assert sum(clock.waits) < 20
        assert sandbox.shared.call_counts()["linear", "fileUpload"] <= 2
        assert sandbox.shared.call_counts()["storage", "put"] == 0


STORAGE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"status": 403, "body": "<Error/>"}, "did not take a file: it answered HTTP 403"),
    ({"status": 307, "headers": {"location": "http://127.0.0.1:9/"}}, "answered HTTP 307"),
    ({"status": 503}, "storage gave no answer in 2 tries: HTTP 503"),
)


def test_the_storage_s_refusals_are_reported(sandbox: Sandbox, issues: IssueApi) -> None:
    for options, why in STORAGE:
        sandbox.faults.clear()
        sandbox.faults.add(Fault("storage", "put", "status", times=9, options=options))
        with pytest.raises(ServiceError, match=why) as caught:
            upload(issues)
        assert not caught.value.permanent
    sandbox.faults.clear()
    sandbox.linear.behaviour.upload_seconds = -1
    with pytest.raises(Incomplete, match="HTTP 400"):
        upload(issues)


def test_the_time_is_bounded_whoever_is_slow(sandbox: Sandbox, issues: IssueApi) -> None:
    for at in (("linear", "fileUpload"), ("storage", "put")):
        sandbox.faults.add(Fault(*at, "slow_before", times=9, options={"seconds": 3.0}))
        began = time.monotonic()
        with pytest.raises(ServiceError):
            upload(issues, 0.5)
        assert time.monotonic() - began < 2
        sandbox.faults.clear()


GOOD: dict[str, Any] = {
    "uploadUrl": "https://storage.example/f?X-Goog-Credential=a%2Fb%40c",
    "assetUrl": "https://uploads.linear.app/ws/f",
    "headers": [{"key": "Content-Disposition", "value": "attachment"}, {"key": "Host", "value": "storage.example"}],
}


def answered(**changes: Any) -> dict[str, Any]:
    return {"fileUpload": {"success": True, "uploadFile": GOOD | changes}}


def test_every_returned_header_is_sent_but_those_of_the_connection() -> None:
    place = parse_slot(answered(), is_local=False)
    assert (place.upload_url, place.asset_url) == (GOOD["uploadUrl"], GOOD["assetUrl"])
    assert place.headers == {"content-disposition": "attachment"}


@pytest.mark.parametrize("name", ["uploadUrl", "assetUrl"])
@pytest.mark.parametrize(
    "url",
    [
        "http://storage.example/f",
        "http://127.0.0.1:8080/f",
        "//storage.example/f",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "https://",
        "https://user:secret@storage.example/f",
        "https://storage.example/f#x",
        "https://storage.example/\u202ef",
        "https://storage.example/" + "x" * 5_000,
        "",
    ],
)
def test_an_address_that_is_none_of_a_storage_is_not_used(name: str, url: str) -> None:
    with pytest.raises(Incomplete, match="an address for a file that can't be used"):
        parse_slot(answered(**{name: url}), is_local=False)


def test_this_machine_is_believed_only_where_linear_is_on_it(issues: IssueApi, sandbox: Sandbox) -> None:
    here = answered(uploadUrl="http://127.0.0.1:8080/f", assetUrl="http://localhost:8080/f")
    assert parse_slot(here, is_local=True).upload_url == "http://127.0.0.1:8080/f"
    with pytest.raises(Incomplete):
        parse_slot(answered(uploadUrl="http://192.0.2.1/f"), is_local=True)
    for url, is_local in ((f"{sandbox.url}/graphql", True), ("https://api.linear.app/graphql", False)):
        with closing(GraphqlConnection(api_key=KEY, url=url, clock=None, limits=None)) as connection:
            assert connection.is_local is is_local


@pytest.mark.parametrize(
    "header",
    [
        {"key": "Authorization", "value": "Bearer x"},
        {"key": "Cookie", "value": "x"},
        {"key": "a b", "value": "x"},
        {"key": "x", "value": "a\r\nAuthorization: b"},
        {"key": "x", "value": "\u00e9"},
    ],
)
def test_headers_that_no_storage_asks_for_are_not_sent(header: dict[str, str]) -> None:
    with pytest.raises(Incomplete, match="headers for a file that can't be used"):
        parse_slot(answered(headers=[header]), is_local=False)


def test_an_answer_of_another_shape_is_asked_for_once_more_and_reported(sandbox: Sandbox, issues: IssueApi) -> None:
    for changes in ({"uploadUrl": 5}, {"assetUrl": None}, {"headers": "x"}, {"headers": [{"key": 1}]}):
        sandbox.faults.clear()
        sandbox.shared.calls.clear()
        plan(sandbox, "fileUpload", "status", status=200, body=json.dumps({"data": answered(**changes)}), times=9)
        with pytest.raises(ServiceError, match="another shape than its schema"):
            upload(issues)
        assert sandbox.shared.call_counts()["linear", "fileUpload"] == 2
