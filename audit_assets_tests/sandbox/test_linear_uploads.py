"""The sandbox's file storage takes the announced file at its signed address for a short time."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest

from audit_assets.sandbox.linear.linear_service import API_KEY
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import UPLOAD, Caller

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller

CONTENT = b"\x89PNG, as it were"


def put(url: str, headers: dict[str, str], content: bytes = CONTENT) -> int:
    return httpx.put(url, headers=headers, content=content).status_code


def test_an_uploaded_file_can_be_read_with_the_key(caller: Caller) -> None:
    upload, headers = caller.announced(CONTENT)
    assert httpx.get(upload["assetUrl"], headers={"Authorization": API_KEY}).status_code == 404, "not yet"
    assert put(upload["uploadUrl"], headers) == 200
    shown = httpx.get(upload["assetUrl"], headers={"Authorization": API_KEY})
    assert (shown.content, shown.headers["content-type"]) == (CONTENT, "image/png")
    assert httpx.get(upload["assetUrl"]).status_code == 401


def test_an_upload_that_differs_from_its_announcement_is_refused(sandbox: Sandbox, caller: Caller) -> None:
    upload, headers = caller.announced(CONTENT)
    url = upload["uploadUrl"]
    for name in headers:
        assert put(url, {key: value for key, value in headers.items() if key != name}) == 403, name
    assert put(url, headers | {"content-type": "text/html"}) == 403
    assert put(url, headers | {"authorization": API_KEY}) == 400
    assert put(url, headers, CONTENT + b"!") == put(url, headers, CONTENT[:-1]) == 400
    assert put(url.replace("%2F", "/"), headers) == put(url[:-1] + "x", headers) == 403
    sandbox.shared.clock.advance(timedelta(seconds=61))
    assert put(url, headers) == 400
    assert httpx.get(upload["assetUrl"], headers={"Authorization": API_KEY}).status_code == 404


@pytest.mark.parametrize(("name", "value"), [("size", 0), ("type", "")])
def test_a_file_without_a_size_or_name_gets_no_address(caller: Caller, name: str, value: Any) -> None:
    body = caller.ask(UPLOAD, **({"type": "image/png", "size": 3} | {name: value}))
    assert body["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


def test_a_page_shows_its_own_pictures_and_no_other(sandbox: Sandbox, caller: Caller) -> None:
    unsent, _ = caller.announced(CONTENT)
    own, page = caller.stored(CONTENT), caller.stored(CONTENT, "text/html")
    elsewhere = own.replace("127.0.0.1", "evil.example")
    urls = (own, page, elsewhere, unsent["assetUrl"], unsent["uploadUrl"], "data:image/png;base64,A")
    caller.open("x", description=" ".join(f'![a "b"]({url})' for url in urls))
    html = httpx.get(f"{sandbox.url}/sandbox/tickets/SEC-1").text
    assert (
        f'<img class="picture" alt="a &quot;b&quot;" src="data:image/png;base64,{b64encode(CONTENT).decode()}">' in html
    )
    assert html.count("<img") == 1
    assert html.count("[picture:") == len(urls) - 1
