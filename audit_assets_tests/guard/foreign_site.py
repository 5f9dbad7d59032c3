"""A site of somebody else: one page that tries each way in which a browser can be made to send something.

The page is opened by a browser that has the cookie of the server under attack, and is loading until all ways were
tried. Each request names its way in, so that a server can record which of them arrived.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from audit_assets.guard.browser_guard import COOKIE
from audit_assets.sandbox.server import serve_app
from audit_assets_tests.sandbox.chromium import in_chromium

LONGEST = 30
"""Seconds until the page is given up."""

WAYS = frozenset(
    {
        *("get", "get_read", "post_text", "post_json", "form", "frame", "picture", "popup", "popup_form", "websocket"),
        *("script", "beacon", "rebound"),
    }
)
"""`rebound`: to a name of the attacker's that leads to this machine, at the port of the server under attack."""

PAGE = Template("""<!doctype html><title>attack</title><img src="/wait"><body><script>
const target = $target, body = $body, query = $query
const at = (way) => target + "?" + new URLSearchParams({query, way})
const within = {credentials: "include"}
const after = (element, event) => new Promise((done) => {
  element.addEventListener(event, () => done(event)); element.addEventListener("error", () => done("error"))
  setTimeout(() => done("late"), 3000)
})
const add = (name, fields) => document.body.appendChild(Object.assign(document.createElement(name), fields))
const form = (way, frame) => {  // a form sends name=value: this is JSON all the same
  const made = add("form", {method: "POST", enctype: "text/plain", action: at(way), target: frame})
  made.append(Object.assign(document.createElement("input"), {name: body.slice(0, -1) + ',"x":"', value: '"}'}))
  made.submit()
}
const ways = {
  get: () => fetch(at("get"), {...within, mode: "no-cors"}),
  get_read: () => fetch(at("get_read"), within).then((reply) => reply.text()),
  post_text: () => fetch(at("post_text"), {...within, mode: "no-cors", method: "POST", body}),
  post_json: () => fetch(at("post_json"), {
    ...within, method: "POST", headers: {"Content-Type": "application/json"}, body}),
  form: () => { const frame = add("iframe", {name: "inner"}); form("form", "inner"); return after(frame, "load") },
  frame: () => after(add("iframe", {src: at("frame")}), "load"),
  picture: () => after(add("img", {src: at("picture")}), "load"),
  script: () => after(add("script", {src: at("script")}), "load"),
  beacon: () => { navigator.sendBeacon(at("beacon"), body) },
  rebound: () => fetch(at("rebound").replace("127.0.0.1", "evil.localhost"), {...within, mode: "no-cors"}),
  popup: () => { window.open(at("popup")) },
  popup_form: () => form("popup_form", "_blank"),
  websocket: () => new Promise((done) => {
    const socket = new WebSocket(at("websocket").replace("http", "ws"), "graphql-ws")
    socket.onopen = () => { socket.send(body); done("open") }
    socket.onerror = () => done("refused")
  }),
}
Promise.allSettled(Object.entries(ways).map(async ([way, tried]) => tried())).then(async () => {
  await new Promise((done) => setTimeout(done, 1000))  // for the popups
  await fetch("/done", {method: "POST"})
})
</script>""")


def attack(chromium: str, target: str, token: str, *, query: str, body: object, host: str, profile: Path) -> None:
    """Open the page under that host name, in a browser that has the token of the server at `target`."""
    with _foreign_site(target, token, query, body, host) as start:
        dom, _ = in_chromium(chromium, start, profile)
    assert "<title>attack</title>" in dom


@contextmanager
def _foreign_site(target: str, token: str, query: str, body: object, host: str) -> Iterator[str]:
    done = asyncio.Event()
    values = {"target": json.dumps(target), "body": json.dumps(json.dumps(body)), "query": json.dumps(query)}

    async def start(request: Request) -> Response:
        """The browser's cookies are those of all ports of 127.0.0.1: as if the person had opened the address."""
        response = RedirectResponse(f"http://{host}:{request.url.port}/attack")
        port = urlsplit(target).port
        response.set_cookie(f"{COOKIE}{port}", token, httponly=True, samesite="strict")
        return response

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE.substitute(values))

    async def wait(_: Request) -> Response:
        await asyncio.wait_for(done.wait(), LONGEST)
        return Response()

    async def end(_: Request) -> Response:
        done.set()
        return Response()

    routes = [Route("/start", start), Route("/attack", page), Route("/wait", wait)]
    routes += [Route("/done", end, methods=["POST"])]
    with serve_app(Starlette(routes=routes)) as url:
        yield f"{url}/start?{urlencode({'host': host})}"
