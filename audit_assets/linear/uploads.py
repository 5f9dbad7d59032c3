"""Puts a file into Linear's storage: Linear names a signed address, and the bytes are PUT there (docs/facts/linear.md, 1).

That address and the headers beside it are another party's: the bytes go nowhere but over TLS (or within this machine,
if Linear itself is on it), without our key, along no redirect, and for a bounded time. What became of a lost answer
does not matter: another upload is another file, which nothing shows until a text names it.
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from audit_assets.config.errors import Incomplete, Unavailable
from audit_assets.linear.graphql_connection import Wire, done
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply, is_loopback

TRIES = 2
LARGEST_ANSWER = 256 * 1024
LONGEST_ADDRESS = 4_000
LONGEST_ASSET_ADDRESS = 1_000
"""It stands in a ticket, beside what has to be said."""

MOST_HEADERS = 20
OF_THE_CONNECTION = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Whoever sends sets these: returned ones are left out, as a browser leaves them out."""

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})
"""None of them belongs to a signed address: with one of them something is wrong."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[ -~]{0,2000}")


@dataclass(frozen=True)
class Place:
    """Where a file goes, with which headers, and where it is found afterwards."""

    upload_url: str
    headers: dict[str, str]
    asset_url: str


def upload(wire: Wire, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
    """Store a file that the workspace alone may see, and give its address for a text. At most about so many seconds.

    Raises `Refused`, `Unavailable` or `Incomplete`.
    """
    until = wire.clock.monotonic() + seconds
    variables = {"contentType": content_type, "filename": name, "size": len(content)}
    place = wire.ask("file_upload", variables, lambda data: place_of(data, wire.is_local), limits=_limits(seconds))
    known = {"Content-Type": content_type, "Cache-Control": "public, max-age=31536000"}
    headers = httpx.Headers(known)
    headers.update(place.headers)  # they override (docs/facts/linear.md, 1)
    with BoundedHttpClient(
        service="Linear's file storage",
        base_url=place.upload_url,
        headers=headers,
        clock=wire.clock,
        limits=_limits(until - wire.clock.monotonic()),
    ) as storage:
        storage.exchange("PUT", place.upload_url, read=_stored, content=content)
    return place.asset_url


def _limits(seconds: float) -> HttpLimits:
    """Two tries, the second of which begins in the first half of the time, and either takes at most half of it."""
    if seconds <= 0:
        raise Unavailable("Linear took all the time there was for a chart.")
    return HttpLimits(TRIES, attempt_seconds=seconds / 2, total_seconds=seconds / 2, body_bytes=LARGEST_ANSWER)


def place_of(data: dict[str, Any], is_local: bool) -> Place:
    """Believed only if it can be used. What is of another shape raises as `Wire.ask` expects."""
    told = done(data["fileUpload"])["uploadFile"]
    place = Place(
        upload_url=_address(told["uploadUrl"], LONGEST_ADDRESS, is_local),
        headers={key: value for key, value in map(_header, told["headers"]) if key not in OF_THE_CONNECTION},
        asset_url=_address(told["assetUrl"], LONGEST_ASSET_ADDRESS, is_local),
    )
    if len(place.headers) > MOST_HEADERS:
        raise _unusable("headers")
    return place


def _address(url: str, longest: int, is_local: bool) -> str:
    """The address, if it is one of TLS without a name and a password in it; or of this machine, where Linear is too."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise _unusable("address") from None
    secured = parsed.scheme == "https" or (parsed.scheme == "http" and is_local and is_loopback(parsed.host))
    if not secured or not parsed.host or parsed.userinfo or parsed.fragment or len(url) > longest or not url.isascii():
        raise _unusable("address")
    return url


def _header(told: dict[str, str]) -> tuple[str, str]:
    key, value = told["key"].lower(), told["value"].strip()
    if not _TOKEN.fullmatch(key) or not _VALUE.fullmatch(value) or key in CREDENTIALS:
        raise _unusable("headers")
    return key, value


def _unusable(what: str) -> Incomplete:
    return Incomplete(f"Linear answered with {'an ' * (what == 'address')}{what} for a file that can't be used.")


def _stored(reply: Reply) -> None:
    if not 200 <= reply.status < 300:
        raise Incomplete(f"Linear's file storage did not take a file: it answered HTTP {reply.status}.")
