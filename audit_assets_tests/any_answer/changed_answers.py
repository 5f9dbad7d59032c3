"""A server on loopback that passes requests on to a service, and changes what it answers before passing it back.

A change is any JSON value in place of any part of a valid answer, any status, and any text in a header that a client
reads: what a broken, a hostile or a future service could send.
"""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from hypothesis import strategies as st

READ_HEADERS = (
    *("Retry-After", "Date", "Ratelimit", "Location", "Set-Cookie", "Content-Type", "Content-Encoding"),
    *("X-RateLimit-Reset", "X-RateLimit-Remaining", "X-QueryLimit-Reset", "X-QueryLimit-Remaining"),
    *("X-RateLimit-Requests-Reset", "X-RateLimit-Requests-Remaining", "X-RateLimit-Complexity-Reset"),
)

_ODD_HEADERS = st.sampled_from(
    [
        *("²", "9" * 400, "0", "-1", "1e400", "inf", "99999999999", "http://[", "ftp://x", "a=b; expires=²"),
        *("Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359", "Wed, 21 Oct 2026 07:28:00 -0000"),
        '"default";r=0;t=999999999',
    ]
)
HEADER_TEXTS = _ODD_HEADERS | st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n\0"), max_size=20)

_ODD_NUMBERS = st.sampled_from([10**400, -(10**18), 2**63, 10**12, float("inf"), float("nan"), -0.5, 1e300, 3.0])
_ODD_TEXTS = st.sampled_from(["", "²", "\ud800", "\x1b[2J", "0001-01-01T00:00:00", "2026-11-20T10:00:00", "a" * 2_000])
_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | _ODD_NUMBERS | _ODD_TEXTS | st.text(max_size=5)
JSON_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@dataclass(frozen=True)
class Change:
    """What becomes of every answer from `first` on. `place`: the path of a part of its JSON that is replaced, where
    there is one, or the number of a part, counted round and round; None: no part is. `status` None: as it was."""

    first: int = 0
    place: int | tuple[Any, ...] | None = None
    value: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, whole: bytes) -> bytes:
        """The answer's body, changed."""
        if self.place is None:
            return whole
        try:
            answer = json.loads(whole)
        except ValueError:
            return whole
        places = list(_places(answer))
        path = self.place if isinstance(self.place, tuple) else places[self.place % len(places)]
        return json.dumps(_replaced(answer, path, self.value)).encode() if path in places else whole


CHANGES = st.builds(
    Change,
    first=st.sampled_from([0, 0, 0, 1, 2, 4]),
    place=st.sampled_from([*range(200), *[None] * 20]),
    value=JSON_VALUES,
    status=st.sampled_from([None] * 12 + [204, 301, 400, 401, 403, 404, 413, 429, 430, 432, 500, 599]),
    headers=st.dictionaries(st.sampled_from(READ_HEADERS), HEADER_TEXTS, max_size=2),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*path, key))


def _replaced(answer: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    whole = deepcopy(answer)
    part = whole
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return whole


class ChangingServer:
    """Passes requests on to `target`, an address, and changes the answers as `change` has it."""

    def __init__(self, target: str) -> None:
        self.change = Change()
        self.answered = 0
        host = urlsplit(target).netloc
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                asked = http.client.HTTPConnection(host)
                asked.request(self.command, self.path, content, {**dict(self.headers), "Accept-Encoding": "identity"})
                answer = asked.getresponse()
                body = answer.read()
                asked.close()
                self._answer(answer.status, answer.headers.get_content_type(), body)

            do_POST = do_PUT = do_GET

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                change = server.change if server.answered >= server.change.first else None
                server.answered += 1
                if change:
                    status, body = change.status or status, change.body(body)
                self.wfile.write(f"HTTP/1.1 {status} Status\r\n".encode())
                headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
                for name, text in (headers | dict(change.headers if change else {})).items():
                    self.wfile.write(f"{name}: {text}\r\n".encode("latin-1"))
                self.wfile.write(b"\r\n" + body)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on standard error."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def begin(self, change: Change) -> None:
        """Change the answers from now on so, counting from 0 again."""
        self.change, self.answered = change, 0

    def serve(self) -> None:
        """Answer until `stop`."""
        self._http.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        """Answer no more."""
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def changing(target: str) -> Iterator[ChangingServer]:
    """A server between a client and that service, until the block ends."""
    server = ChangingServer(target)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
