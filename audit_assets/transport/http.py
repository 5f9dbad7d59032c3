"""HTTP that is bounded in time, bytes and tries, for the services that are spoken to with httpx.

What a status or a body means is the caller's: it hands in a `read` function, which returns what it made of the
reply or raises `TryAgain`. Only requests that may safely be sent twice belong here (facts: a read time-out says
nothing about whether a request was carried out).
"""

import ipaddress
import random
import re
import zlib
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, TypeVar

import httpcore
import httpx

from audit_assets.config.errors import Refused, Unavailable
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.deadline_sockets import BoundedTransport, Deadline
from audit_assets.transport.redaction import Mask

T = TypeVar("T")

RETRIED_STATUSES = frozenset({408, 425, 429})
"""Besides these, every 5xx: the other 4xx do not get better by repeating them."""

LONGEST_PAUSE = 60.0
"""Seconds: the cap of our own growing pauses. A service's own Retry-After is always waited for in full."""

LONGEST_BLOCK = 300.0
"""Seconds that a 429 without a time is waited for: Cloudflare's block lasts five minutes (docs/facts/cloudflare.md, 2.8)."""

AGAIN_LATER = " Run the hour again later."
"""How a sentence ends that says what could not be had now."""

LONGEST_QUOTE = 200
"""Characters of a service's text that an error repeats."""


class TryAgain(Exception):
    """Raised by a `read` function: this reply is no answer, but another try may bring one."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        """`after`: seconds that the service asked us to wait, if it did."""
        super().__init__(reason)
        self.after = after


class TooMuch(Unavailable):
    """The reply was too large, or did not end in time: asking for less may help."""


@dataclass(frozen=True)
class HttpLimits:
    """How long, how often and how much. The defaults outlast Cloudflare's block of five minutes."""

    attempts: int = 6
    attempt_seconds: float = 120.0
    total_seconds: float = 900.0
    body_bytes: int = 64 * 1024 * 1024
    slow_attempts: int | None = None
    """After so many replies in a row that did not end in time, `TooMuch`; None: as many as `attempts`."""


@dataclass(frozen=True)
class Reply:
    """A reply that arrived whole; `body` is decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes


class BoundedHttpClient:
    """A connection to one service. Closes with `close()` or as a context manager."""

    def __init__(
        self,
        *,
        service: str,
        base_url: str,
        headers: Mapping[str, str],
        clock: Clock | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        """Raises `Refused` for an address or a token that can't be used. Sends nothing yet."""
        self.service = service
        self.clock = clock or SystemClock()
        self.limits = limits or HttpLimits()
        self._masked = Mask(*(word for value in headers.values() for word in value.split()))
        self._deadline = Deadline(self.clock)
        try:
            self._http = httpx.Client(
                base_url=checked_address(service, base_url),
                headers={**headers, "Accept-Encoding": "gzip"},
                timeout=httpx.Timeout(30.0, connect=10.0),
                transport=BoundedTransport(self._deadline),
                trust_env=False,
                follow_redirects=False,
            )
        except UnicodeEncodeError:
            raise _odd_token(service) from None

    def __enter__(self) -> "BoundedHttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def within(self, limits: HttpLimits) -> "BoundedHttpClient":
        """The same connection, with other limits."""
        other = copy(self)
        other.limits = limits
        return other

    def quoted(self, text: str) -> str:
        """A service's own words, fit for an error: short, printable, and without our token."""
        printable = self._masked(text).encode("ascii", "backslashreplace").decode()
        plain = "".join(char if char.isprintable() else " " for char in printable)
        return plain if len(plain) <= LONGEST_QUOTE else f"{plain[:LONGEST_QUOTE]}..."

    def masked(self, body: bytes) -> bytes:
        """A body without our token, for a caller that keeps what a service says."""
        return self._masked(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def exchange(
        self,
        method: str,
        path: str,
        *,
        read: Callable[[Reply], T],
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> T:
        """Send a request, of JSON or of plain bytes, until `read` makes something of the reply.

        Raises `Unavailable` when the tries or the time are used up (`TooMuch` where asking for less may help),
        `Refused` when the request can't even be sent, and whatever else `read` raises.
        """
        give_up_at = self.clock.monotonic() + self.limits.total_seconds
        slow_attempts = self.limits.slow_attempts or self.limits.attempts
        slow = 0
        for attempt in count(1):
            try:
                return read(self._attempt(method, path, params=params, json=json, content=content))
            except _TooLarge as failure:
                raise TooMuch(self._gave_up(attempt, failure)) from None
            except TryAgain as failure:
                slow = slow + 1 if isinstance(failure, _TooSlow) else 0
                if slow >= slow_attempts:
                    raise TooMuch(self._gave_up(attempt, failure)) from None
                pause = failure.after or _jitter(attempt)
                if attempt >= self.limits.attempts or self.clock.monotonic() + pause > give_up_at:
                    raise Unavailable(self._gave_up(attempt, failure)) from None
                self.clock.sleep(pause)
        raise AssertionError("count() does not end")

    def _attempt(self, method: str, path: str, **asked: Any) -> Reply:
        self._deadline.at = self.clock.monotonic() + self.limits.attempt_seconds
        try:
            with self._http.stream(method, path, **asked) as response:
                body = self._body(response)
        except httpcore.LocalProtocolError:
            raise _odd_token(self.service) from None  # its text holds the header that was refused: never shown
        except (httpcore.ConnectTimeout, httpcore.PoolTimeout):
            raise TryAgain("no connection in time") from None
        except httpcore.TimeoutException:
            raise _TooSlow(f"no whole answer within {self.limits.attempt_seconds:.0f} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise TryAgain(self.quoted(f"the connection failed ({type(error).__name__}: {error})")) from None
        if response.status_code in RETRIED_STATUSES or response.status_code >= 500:
            raise TryAgain(f"HTTP {response.status_code}", self._asked_wait(response))
        return Reply(response.status_code, response.headers, body)

    def _body(self, response: httpx.Response) -> bytes:
        """The decompressed body, given up as soon as it is too large.

        ChangeFilter on the raw stream: httpx's own decoder yields a bomb's first 64 MiB in one piece
        (docs/facts/reliability.md, 3).
        """
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("gzip", "identity"):
            raise TryAgain(f"a body in an encoding that was not asked for ({self.quoted(encoding)})")
        unzip = zlib.decompressobj(31) if encoding == "gzip" else None
        body = bytearray()
        for chunk in response.iter_raw():
            try:
                body += unzip.decompress(chunk, self.limits.body_bytes + 1 - len(body)) if unzip else chunk
            except zlib.error:
                raise TryAgain("a torn gzip body") from None
            if len(body) > self.limits.body_bytes:
                raise _TooLarge(f"a body of more than {self.limits.body_bytes:,} bytes")
        if unzip and not unzip.eof:
            raise TryAgain("a torn gzip body")
        return bytes(body)

    def _asked_wait(self, response: httpx.Response) -> float | None:
        """Seconds to wait: as asked, or until a limit that names no time is surely over."""
        asked = self._retry_after(response.headers)
        if asked is not None or response.status_code != 429:
            return asked
        resets = [
            float(seconds) for seconds in re.findall(r"\bt=([0-9]{1,4})\b", response.headers.get("ratelimit", ""))
        ]
        return max(resets, default=LONGEST_BLOCK)

    def _retry_after(self, headers: httpx.Headers) -> float | None:
        """Seconds to wait, from either form of Retry-After."""
        value = headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]+", value):
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - self.clock.now()).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None

    def _gave_up(self, attempts: int, failure: TryAgain) -> str:
        tries = "1 try" if attempts == 1 else f"{attempts} tries"
        wait = f"; it asks to wait {failure.after:.0f} s" if failure.after else ""
        return f"{self.service} gave no answer in {tries}: {failure}{wait}.{AGAIN_LATER}"


class _TooLarge(TryAgain):
    """The very same request would bring the very same body."""


class _TooSlow(TryAgain):
    """The time of one try is used up."""


def checked_address(service: str, address: str) -> httpx.URL:
    """The address, if a token may be sent to it: over TLS, or within this machine. Raises `Refused`."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme == "https" and url.host:
        return url
    if url.scheme == "http" and is_loopback(url.host):
        return url
    if url.scheme == "http" and url.host:
        raise Refused(f"{service}: http://{url.host} would carry the token in clear: set an https:// address")
    raise Refused(f"{service}: the address that is set is none: it must begin with https://")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _odd_token(service: str) -> Refused:
    return Refused(f"{service}: the token holds characters that no token has: copy it again")


def _jitter(attempt: int) -> float:
    """Full jitter: anything up to a cap that doubles, so that many clients do not knock in step."""
    return random.uniform(0.0, min(LONGEST_PAUSE, 2.0**attempt))  # noqa: S311 - no secret depends on it
