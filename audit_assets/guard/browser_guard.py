"""Lets only the person who started a server use it from a browser, and no page of another site.

Loopback keeps other machines out, but not the pages that this machine's browsers show: a page of any site can send
requests to loopback, embed what is served there, or have its own host name resolve to it. So the guard looks at what a
browser adds to each request and a page can't change (Host, Origin, Sec-Fetch-Site), and asks for a token that only the
printed address has.
"""

import secrets
from collections.abc import Callable
from urllib.parse import quote, urlencode

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from audit_assets.guard.start_token import PARAMETER

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAFE_METHODS = ("GET", "HEAD")
OWN_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site: a page of this server, or the person (address bar, bookmark, terminal)."""

COOKIE = "audit_assets_"
"""And the port: cookies are shared between the ports of a host, and a start must not end another one's session."""

OTHER_HOST = "This server is not at that address: open the one that was printed when it started."
OTHER_SITE = "Requests from other sites are refused: copy the link into the address bar to open it."
NOT_JSON = "A request that may change something is refused unless its content type is application/json."
GRAPHQL_BY_GET = "GraphQL by GET is refused, since it could change something: send it by POST."
WITHOUT_TOKEN = "Open the address with the token that was printed when this server started."  # noqa: S105 - a sentence


def open_to_no_program(path: str) -> bool:  # noqa: ARG001 - the signature of those that look at it
    """The default of `BrowserGuard`: every path needs the token."""
    return False


class BrowserGuard:
    """An ASGI application in front of another one.

    Refused with status 403 and one sentence: a Host that is not loopback with the port that is served, requests and
    WebSockets of other origins, changes that are not JSON (a form of another site can't send that), GraphQL by GET, and
    whoever has not got the token, in the cookie or as `Authorization: Bearer`. Programs that are no browser reach the
    paths for which `open_to_programs` is true without the token: services have credentials of their own.
    """

    def __init__(
        self, app: ASGIApp, token: str, *, open_to_programs: Callable[[str], bool] = open_to_no_program
    ) -> None:
        self._app = app
        self._token = token
        self._open_to_programs = open_to_programs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        request = HTTPConnection(scope)
        if reason := _refusal_by_origin(request):
            return await _refuse(reason, scope, receive, send)
        if self._open_to_programs(scope["path"]) and not _is_of_a_browser(request):
            return await self._app(scope, receive, send)
        if self._opens_with_token(request):
            return await self._redirect_with_cookie(request)(scope, receive, send)
        if reason := _refusal_of_change(request) or self._refusal_without_token(request):
            return await _refuse(reason, scope, receive, send)
        return await self._app(scope, receive, send)

    def _opens_with_token(self, request: HTTPConnection) -> bool:
        return request.scope.get("method") in SAFE_METHODS and self._is_token(request.query_params.get(PARAMETER, ""))

    def _redirect_with_cookie(self, request: HTTPConnection) -> RedirectResponse:
        """To the same address without the token, so that it stays in no history and reaches no other site."""
        rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER])
        # Absolute: a path that begins with two slashes would lead to another host.
        address = f"http://{request.headers['host']}{quote(request.scope['path'])}{'?' * bool(rest)}{rest}"
        headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        response = RedirectResponse(address, 303, headers)
        response.set_cookie(f"{COOKIE}{_port(request)}", self._token, httponly=True, samesite="strict")
        return response

    def _refusal_without_token(self, request: HTTPConnection) -> str | None:
        cookies = [value for name, value in request.cookies.items() if name.startswith(COOKIE)]
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if any(self._is_token(each) for each in (*cookies, bearer)) else WITHOUT_TOKEN

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _port(request: HTTPConnection) -> int:
    return request.scope["server"][1]


def _refusal_by_origin(request: HTTPConnection) -> str | None:
    """Why a request is refused for where it was sent to or comes from."""
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or hosts[0].lower() not in _own_hosts(_port(request)):
        return OTHER_HOST
    if any(origin != f"http://{hosts[0]}" for origin in request.headers.getlist("origin")):
        return OTHER_SITE
    sites = request.headers.getlist("sec-fetch-site")
    if all(site in OWN_SITE for site in sites) or (sites == ["same-site"] and _is_followed_link(request)):
        return None
    return OTHER_SITE


def _own_hosts(port: int) -> list[str]:
    return [f"{name}:{port}" for name in LOOPBACK] + [*LOOPBACK] * (port == 80)


def _is_followed_link(request: HTTPConnection) -> bool:
    """Whether a person follows a link: those of the sandbox's tickets lead to Dagster, which is at another port."""
    fetched = [request.headers.get(f"sec-fetch-{what}") for what in ("mode", "dest")]
    return request.scope.get("method") in SAFE_METHODS and fetched == ["navigate", "document"]


def _is_of_a_browser(request: HTTPConnection) -> bool:
    return "origin" in request.headers or "sec-fetch-site" in request.headers


def _refusal_of_change(request: HTTPConnection) -> str | None:
    """Why a request may not change anything, if it may not."""
    method = request.scope.get("method", "GET")  # a WebSocket has none
    if method not in SAFE_METHODS:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        return None if media_type == "application/json" else NOT_JSON
    is_graphql = request.scope["type"] == "http" and request.scope["path"] == "/graphql"
    return GRAPHQL_BY_GET if is_graphql and request.scope["query_string"] else None


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the server answers 403
        return
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    await PlainTextResponse(f"{reason}\n", 403, headers)(scope, receive, send)
