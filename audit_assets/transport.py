"""HTTP that is bounded in time, bytes and tries, for the services that are spoken to with httpx.

What a status or a body means is the caller's: it hands in a `read` function, which returns what it made of the
reply or raises `TryAgain`. Only requests that may safely be sent twice belong here (facts: a read time-out says
nothing about whether a request was carried out).
"""

import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, TypeVar

import httpx

from audit_assets.clock import Clock, SystemClock
from audit_assets.errors import Refused, Unavailable

T = TypeVar("T")

RETRIED_STATUSES = frozenset({408, 425, 429})
"""Besides these, every 5xx: the other 4xx do not get better by repeating them."""

LONGEST_PAUSE = 60.0
"""Seconds: the cap of our own growing pauses. A service's own Retry-After is always waited for in full."""


class TryAgain(Exception):
    """Raised by a `read` function: this reply is no answer, but another try may bring one."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        """`after`: seconds that the service asked us to wait, if it did."""
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True)
class Limits:
    """How long, how often and how much. The defaults outlast Cloudflare's block of five minutes."""

    attempts: int = 6
    attempt_seconds: float = 120.0
    total_seconds: float = 900.0
    body_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """A reply that arrived whole; `body` is decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """A connection to one service. Closes with `close()` or as a context manager."""

    def __init__(
        self,
        *,
        service: str,
        base_url: str,
        headers: Mapping[str, str],
        clock: Clock | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.service = service
        self.clock = clock or SystemClock()
        self.limits = limits or Limits()
        try:
            self._http = httpx.Client(
                base_url=base_url,
                headers={**headers, "Accept-Encoding": "gzip"},
                timeout=httpx.Timeout(30.0, connect=10.0),
                trust_env=False,
                follow_redirects=False,
            )
        except (UnicodeEncodeError, ValueError):
            raise Refused(f"{service}: the token holds characters that no token has: copy it again") from None

    def __enter__(self) -> "Transport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def exchange(
        self,
        method: str,
        path: str,
        *,
        read: Callable[[Reply], T],
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
    ) -> T:
        """Send a request until `read` makes something of the reply.

        Raises `Unavailable` when the tries or the time are used up, and whatever else `read` raises.
        """
        give_up_at = self.clock.monotonic() + self.limits.total_seconds
        for attempt in count(1):
            try:
                return read(self._attempt(method, path, params, json))
            except TryAgain as trouble:
                pause = trouble.after if trouble.after is not None else _jitter(attempt)
                if attempt >= self.limits.attempts or self.clock.monotonic() + pause > give_up_at:
                    raise Unavailable(_gave_up(self.service, attempt, trouble)) from None
                self.clock.sleep(pause)
        raise AssertionError("count() does not end")

    def _attempt(self, method: str, path: str, params: Mapping[str, str | int] | None, json: Any) -> Reply:
        started = self.clock.monotonic()
        try:
            with self._http.stream(method, path, params=params, json=json) as response:
                body = self._body(response, started + self.limits.attempt_seconds)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise Refused(f"{self.service}: {self._http.base_url} is not an address: correct the setting") from None
        except httpx.TimeoutException:
            raise TryAgain("no answer in time") from None
        except httpx.TransportError as error:
            raise TryAgain(f"the connection failed ({type(error).__name__}: {error})") from None
        if response.status_code in RETRIED_STATUSES or response.status_code >= 500:
            raise TryAgain(f"HTTP {response.status_code}", self._retry_after(response.headers))
        return Reply(response.status_code, response.headers, body)

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        """The decompressed body, given up as soon as it is too large or too slow.

        Both are counted on the raw stream: httpx's own decoder yields a bomb's first 64 MiB in one piece, and its
        read time-out starts anew with every byte (facts/reliability.md, 3).
        """
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("gzip", "identity"):
            raise TryAgain(f"a body in an encoding that was not asked for ({encoding[:20]})")
        unzip = zlib.decompressobj(31) if encoding == "gzip" else None
        body = bytearray()
        for chunk in response.iter_raw():
            try:
                body += unzip.decompress(chunk, self.limits.body_bytes + 1 - len(body)) if unzip else chunk
            except zlib.error:
                raise TryAgain("a torn gzip body") from None
            if len(body) > self.limits.body_bytes:
                raise TryAgain(f"a body of more than {self.limits.body_bytes:,} bytes")
            if self.clock.monotonic() > deadline:
                raise TryAgain(f"a body that did not end within {self.limits.attempt_seconds:.0f} s")
        if unzip and not unzip.eof:
            raise TryAgain("a torn gzip body")
        return bytes(body)

    def _retry_after(self, headers: httpx.Headers) -> float | None:
        """Seconds to wait, from either form of Retry-After."""
        value = headers.get("retry-after", "").strip()
        if value.isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - self.clock.now()).total_seconds())
        except (ValueError, TypeError):
            return None


def _jitter(attempt: int) -> float:
    """Full jitter: anything up to a cap that doubles, so that many clients do not knock in step."""
    return random.uniform(0.0, min(LONGEST_PAUSE, 2.0**attempt))  # noqa: S311 - no secret depends on it


def _gave_up(service: str, attempts: int, trouble: TryAgain) -> str:
    tries = "1 try" if attempts == 1 else f"{attempts} tries"
    wait = f"; it asks to wait {trouble.after:.0f} s" if trouble.after else ""
    return f"{service} gave no answer in {tries}: {trouble}{wait}. Run the hour again later."
