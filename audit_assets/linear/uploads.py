"""Stores a file with Linear, which names a signed address to PUT the bytes to (docs/facts/linear.md, 1).

That address and its headers are another party's: the bytes are sent over TLS only (or within this machine, if Linear
itself is on it), without our key, along no redirect, and for a bounded time. A lost answer does no harm: another upload
is another file, which nothing shows until a text names it.
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from audit_assets.config.errors import Incomplete, Unavailable
from audit_assets.linear.graphql_connection import GraphqlConnection, succeeded
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply
from audit_assets.transport.loopback import is_loopback

TRIES = 2
LARGEST_ANSWER = 256 * 1024
LONGEST_ADDRESS = 4_000
LONGEST_ASSET_ADDRESS = 1_000
"""It takes room in a ticket."""

MOST_HEADERS = 20
OF_THE_CONNECTION = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""The sender sets these: returned ones are ignored, as a browser ignores them."""

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})
"""None of them belongs to a signed address: one that has them is refused."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[ -~]{0,2000}")


@dataclass(frozen=True)
class UploadSlot:
    """Where a file is sent, with which headers, and its address afterwards."""

    upload_url: str
    headers: dict[str, str]
    asset_url: str


def upload(connection: GraphqlConnection, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
    """Store a file that only the workspace may see, and return its address for a text. Takes about `seconds` at most.

    Raises `Refused`, `Unavailable` or `Incomplete`.
    """
    until = connection.clock.monotonic() + seconds
    variables = {"contentType": content_type, "filename": name, "size": len(content)}
    slot = connection.ask(
        "file_upload", variables, lambda data: parse_slot(data, connection.is_local), limits=_limits(seconds)
    )
    known = {"Content-Type": content_type, "Cache-Control": "public, max-age=31536000"}
    headers = httpx.Headers(known)
    headers.update(slot.headers)  # they override (docs/facts/linear.md, 1)
    with BoundedHttpClient(
        service="Linear's file storage",
        base_url=slot.upload_url,
        headers=headers,
        clock=connection.clock,
        limits=_limits(until - connection.clock.monotonic()),
    ) as storage:
        storage.exchange("PUT", slot.upload_url, read=_stored, content=content)
    return slot.asset_url


def _limits(seconds: float) -> HttpLimits:
    """Two tries: the second begins in the first half of the time, and each takes at most half of it."""
    if seconds <= 0:
        raise Unavailable("Linear took all the time that a chart has.")
    return HttpLimits(TRIES, attempt_seconds=seconds / 2, total_seconds=seconds / 2, body_bytes=LARGEST_ANSWER)


def parse_slot(data: dict[str, Any], is_local: bool) -> UploadSlot:
    """The slot, if it can be used. Another shape raises as `GraphqlConnection.ask` expects."""
    file = succeeded(data["fileUpload"])["uploadFile"]
    slot = UploadSlot(
        upload_url=_address(file["uploadUrl"], LONGEST_ADDRESS, is_local),
        headers={key: value for key, value in map(_header, file["headers"]) if key not in OF_THE_CONNECTION},
        asset_url=_address(file["assetUrl"], LONGEST_ASSET_ADDRESS, is_local),
    )
    if len(slot.headers) > MOST_HEADERS:
        raise _unusable("headers")
    return slot


def _address(url: str, longest: int, is_local: bool) -> str:
    """The address, if it uses TLS and holds no name and password; or is on this machine, where Linear is too."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise _unusable("address") from None
    secured = parsed.scheme == "https" or (parsed.scheme == "http" and is_local and is_loopback(parsed.host))
    if not secured or not parsed.host or parsed.userinfo or parsed.fragment or len(url) > longest or not url.isascii():
        raise _unusable("address")
    return url


def _header(header: dict[str, str]) -> tuple[str, str]:
    key, value = header["key"].lower(), header["value"].strip()
    if not _TOKEN.fullmatch(key) or not _VALUE.fullmatch(value) or key in CREDENTIALS:
        raise _unusable("headers")
    return key, value


def _unusable(what: str) -> Incomplete:
    return Incomplete(f"Linear answered with {'an ' * (what == 'address')}{what} for a file that can't be used.")


def _stored(reply: Reply) -> None:
    if not 200 <= reply.status < 300:
        raise Incomplete(f"Linear's file storage did not take a file: it answered HTTP {reply.status}.")
