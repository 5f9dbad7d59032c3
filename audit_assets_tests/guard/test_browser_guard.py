"""The guard in front of a small application, over sockets and in a browser on somebody else's page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from audit_assets.guard.browser_guard import BrowserGuard
from audit_assets.guard.start_token import address_with_token
from audit_assets.sandbox.server import serve_app
from audit_assets_tests.guard.foreign_site import WAYS, attack
from audit_assets_tests.sandbox.chromium import CHROMIUM, in_chromium

TOKEN = "the-token-of-this-start"
JSON = {"content-type": "application/json"}
GRAPHQL = [Subprotocol("graphql-ws")]


@dataclass
class Recorder:
    """An application that answers everything, and records the way in of what arrived."""

    arrived: list[str] = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        self.arrived.append(request.query_params.get("way", request.url.path))
        if scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            await socket.accept(subprotocol="graphql-ws")
            await socket.close()
        else:
            await PlainTextResponse(f"arrived: {request.url.query}")(scope, receive, send)


@pytest.fixture
def guarded() -> Iterator[Recorder]:
    recorder = Recorder()
    guard = BrowserGuard(recorder, TOKEN, open_to_programs=lambda path: path.startswith("/service/"))
    with serve_app(guard) as recorder.url:
        yield recorder


@pytest.fixture
def person(guarded: Recorder) -> Iterator[httpx.Client]:
    """A browser that opened the printed address."""
    with httpx.Client(base_url=guarded.url, trust_env=False) as client:
        assert client.get(address_with_token("/", TOKEN)).status_code == 303
        yield client


def asked(guarded: Recorder, path: str = "/", method: str = "GET", **headers: str) -> httpx.Response:
    """A request without the token's cookie."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, guarded.url + path, headers=named, trust_env=False)


def test_the_printed_address_gives_a_cookie_and_leads_to_the_same_address_without_the_token(guarded: Recorder) -> None:
    reply = asked(guarded, f"//evil.example/runs?token={TOKEN}&filter=a%26b")
    assert (reply.status_code, guarded.arrived) == (303, [])
    assert reply.headers["location"] == f"{guarded.url}//evil.example/runs?filter=a%26b"
    cookie = reply.headers["set-cookie"]
    assert cookie == f"audit_assets_{guarded.url.split(':')[2]}={TOKEN}; HttpOnly; Path=/; SameSite=strict"
    assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("no-referrer", "no-store")


def test_afterwards_the_cookie_is_enough(guarded: Recorder, person: httpx.Client) -> None:
    assert person.get("/runs?filter=1").text == "arrived: filter=1"
    assert person.post("/graphql", json={"query": "mutation {x}"}).status_code == 200
    assert guarded.arrived == ["/runs", "/graphql"]


def test_without_the_token_there_is_one_sentence_with_the_remedy(guarded: Recorder) -> None:
    for path in ("/", "/runs", "/?token=", "/?token=another", "/?token=%C3%A4", "/service"):
        reply = asked(guarded, path)
        assert reply.status_code == 403
        assert reply.text == "Open the address with the token that was printed when this server started.\n"
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    for headers in ({"cookie": "audit_assets_1=another"}, {"cookie": TOKEN}, {"authorization": "Bearer another"}):
        assert asked(guarded, **headers).status_code == 403
    assert guarded.arrived == []


def test_a_program_has_the_token_in_a_header(guarded: Recorder) -> None:
    assert asked(guarded, authorization=f"Bearer {TOKEN}").status_code == 200
    assert asked(guarded, "/", "POST", authorization=f"Bearer {TOKEN}", **{"content-type": "application/json"})
    assert guarded.arrived == ["/", "/"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.localhost:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", ""]
)
def test_another_host_is_refused(guarded: Recorder, person: httpx.Client, host: str) -> None:
    named = host.format(port=guarded.url.split(":")[2])
    for path in ("/", f"/?token={TOKEN}", "/service/"):
        reply = person.get(path, headers={"host": named})
        assert (reply.status_code, reply.text) == (
            403,
            "This server is not at that address: open the one that was printed when it started.\n",
        )
    assert guarded.arrived == []


def test_the_names_of_loopback_are_allowed(guarded: Recorder) -> None:
    port = guarded.url.split(":")[2]
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        assert asked(guarded, host=f"{name}:{port}", authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "document"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
def test_requests_of_other_sites_are_refused(guarded: Recorder, person: httpx.Client, headers: dict[str, str]) -> None:
    replies = [person.get(path, headers=headers) for path in ("/", f"/?token={TOKEN}", "/service/")]
    replies.append(person.post("/", headers=headers | JSON))
    for reply in replies:
        assert (reply.status_code, reply.text) == (
            403,
            "Requests from other sites are refused: copy the link into the address bar to open it.\n",
        )
    assert guarded.arrived == []


def test_a_link_from_another_port_of_this_host_is_followed(guarded: Recorder, person: httpx.Client) -> None:
    link = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert person.get("/runs/1", headers=link).status_code == 200
    assert person.post("/runs/1", headers=link | JSON).status_code == 403
    assert guarded.arrived == ["/runs/1"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", ""])
def test_a_change_that_is_not_json_is_refused(guarded: Recorder, person: httpx.Client, media_type: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        reply = person.request(method, "/", headers={"content-type": media_type}, content=b"application/json")
        assert reply.status_code == 403
        assert "unless its content type is application/json" in reply.text
    assert person.post("/", headers={"content-type": "Application/JSON; charset=utf-8"}).status_code == 200
    assert guarded.arrived == ["/"]


def test_graphql_by_get_is_refused(guarded: Recorder, person: httpx.Client) -> None:
    for path in (
        "/graphql?query={x}",
        "/%67raphql?query=mutation{x}",
        f"/graphql?a=b&token={TOKEN}&query=mutation{{x}}",
    ):
        for method in ("GET", "HEAD"):
            reply = person.request(method, path, follow_redirects=True)
            assert reply.status_code == 403
    assert "GraphQL by GET is refused" in person.get("/graphql?query={x}").text
    assert guarded.arrived == []
    assert person.get("/graphql").status_code == 200  # the playground, which sends by POST


def test_programs_reach_a_service_without_the_token_and_browsers_do_not(guarded: Recorder) -> None:
    assert asked(guarded, "/service/1", authorization="Bearer of-the-service").status_code == 200
    assert asked(guarded, "/service/1", "POST", **{"content-type": "application/x-ndjson"}).status_code == 200
    assert asked(guarded, "/service/1", sec_fetch_site="none").status_code == 403
    assert asked(guarded, "/service/1", "POST", origin=guarded.url).status_code == 403
    assert guarded.arrived == ["/service/1"] * 2


def websocket_status(url: str, **options: Any) -> int:
    """101 for one that was opened, or the status of the refusal."""
    try:
        with connect(url.replace("http", "ws") + "/graphql", proxy=None, subprotocols=GRAPHQL, **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_a_websocket_needs_the_own_origin_and_the_token(guarded: Recorder, person: httpx.Client) -> None:
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    for origin in ("https://evil.example", "http://127.0.0.1:1", "null"):
        assert websocket_status(guarded.url, origin=origin, additional_headers=cookie) == 403
    assert websocket_status(guarded.url, origin=guarded.url) == 403
    assert websocket_status(guarded.url, additional_headers=cookie | {"sec-fetch-site": "cross-site"}) == 403
    assert guarded.arrived == []
    assert websocket_status(guarded.url, origin=guarded.url, additional_headers=cookie) == 101


@pytest.mark.parametrize("host", ["evil.localhost", "127.0.0.1"])
def test_a_foreign_page_gets_in_by_no_way(guarded: Recorder, host: str, tmp_path: Path) -> None:
    """The second host is this machine's other ports: to the browser one site, whose requests carry the cookie."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    attempt: dict[str, Any] = {"query": "mutation {x}", "body": {"query": "mutation {x}"}, "host": host}
    attack(CHROMIUM, f"{guarded.url}/graphql", TOKEN, **attempt, profile=tmp_path / "guarded")
    assert WAYS.isdisjoint(guarded.arrived), "at most the icon of a refusal"
    open_to_all = Recorder()
    with serve_app(open_to_all) as url:
        attack(CHROMIUM, f"{url}/graphql", TOKEN, **attempt, profile=tmp_path / "open")
    assert set(open_to_all.arrived) >= WAYS, "without the guard each way leads in"


def test_a_real_browser_opens_the_printed_address(guarded: Recorder, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    dom, _ = in_chromium(CHROMIUM, address_with_token(f"{guarded.url}/runs", TOKEN), tmp_path / "profile")
    assert "arrived: " in dom
    assert "token" not in dom
