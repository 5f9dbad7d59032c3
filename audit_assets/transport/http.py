"""One HTTP client for Cloudflare, Linear, the webhook and the triage model: bounded in time, bytes and attempts.

What a status or a body means is the caller's: it hands in a `read` function, which returns what it made of the
reply or raises `TryAgain`. `exchange` is for requests that may safely be sent twice, because after a read time-out
nobody knows whether the request was carried out (docs/facts/reliability.md, 2f); `send` sends once.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx

from audit_assets.config.errors import Refused, Unavailable
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.deadline_sockets import BoundedTransport, Deadline
from audit_assets.transport.loopback import is_loopback
from audit_assets.transport.proxy import proxy_for
from audit_assets.transport.redaction import Mask
from audit_assets.transport.retry_policy import HttpLimits, TryAgain, retry_after_seconds, retry_policy

T = TypeVar("T")

RETRIED_STATUSES = frozenset({408, 425, 429})
"""Besides these, every 5xx: the other 4xx do not get better by repeating them."""

LONGEST_BLOCK = 300.0
"""Seconds to wait after a 429 that names no time: Cloudflare's block lasts so long (docs/facts/cloudflare.md, 2.8)."""

AGAIN_LATER = " Run the hour again later."
"""Ends an error about something that was not available now."""

LONGEST_QUOTE = 200
"""Characters of a service's text that an error repeats. A judgement."""


class TooMuch(Unavailable):
    """The reply was too large: asking for less helps."""


class Overloaded(Unavailable):
    """The service failed or was too slow several times in a row: asking for less may help, unless it is down."""


class Overload(TryAgain):
    """The service failed, perhaps because too much was requested."""


class TooSlow(Overload):
    """The time of one attempt is used up."""


class AskForLess(TryAgain):
    """The same request would bring the same again, but a smaller one may be answered."""

    final = True


class _StillOverloaded(AskForLess):
    """The last of several overloads."""


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
        secret_address: bool = False,
    ) -> None:
        """Raises `Refused` for an address or a token that can't be used, `SettingError` for a proxy. Sends nothing yet.
        `secret_address`: the address holds a token of its own, so that no error repeats a part of it."""
        self.service = service
        self.clock = clock or SystemClock()
        self.limits = limits or HttpLimits()
        of_address = _parts_of_address(base_url) if secret_address else []
        address = checked_address(service, base_url)
        proxy = proxy_for(str(address))
        of_proxy = proxy.secrets if proxy else ()
        self._masked = Mask(*(word for value in headers.values() for word in value.split()), *of_address, *of_proxy)
        self._deadline = Deadline(self.clock)
        try:
            self._http = httpx.Client(
                base_url=address,
                headers={**headers, "Accept-Encoding": "gzip"},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # kept, an odd one would break each request
                timeout=httpx.Timeout(30.0, connect=10.0),
                transport=BoundedTransport(self._deadline),
                trust_env=False,
                follow_redirects=False,
            )
        except UnicodeEncodeError:
            raise _unusable_token(service) from None

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
        """A text of the service's, fit for an error: short, printable, and without our token."""
        printable = self._masked(text).encode("ascii", "backslashreplace").decode()
        plain = "".join(char if char.isprintable() else " " for char in printable)
        return plain if len(plain) <= LONGEST_QUOTE else f"{plain[:LONGEST_QUOTE]}..."

    def masked(self, body: bytes) -> bytes:
        """A body without our token, for a caller that keeps texts of a service."""
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

        Raises `Unavailable` when the tries or the time are used up (`TooMuch` and `Overloaded` where asking for less
        may help), `Refused` when the request can't even be sent, and whatever else `read` raises.
        """
        most_overloads = self.limits.overload_attempts or self.limits.attempts
        overloads = 0

        def attempt() -> T:
            nonlocal overloads
            try:
                return read(self._checked(self.send(method, path, params=params, json=json, content=content)))
            except Overload as failure:
                overloads += 1
                if overloads >= most_overloads:
                    raise _StillOverloaded(str(failure)) from None
                raise
            except TryAgain:
                overloads = 0
                raise

        return retry_policy(self.limits, self.clock, self._given_up)(attempt)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> Reply:
        """Send a request once; the reply, whatever its status. Raises `TryAgain`, `TooSlow` if the time is used up,
        and `Refused` when the request can't even be sent."""
        self._deadline.at = self.clock.monotonic() + self.limits.attempt_seconds
        try:
            with self._http.stream(method, path, params=params, json=json, content=content) as response:
                return Reply(response.status_code, response.headers, self._body(response))
        except httpx.LocalProtocolError:
            raise _unusable_token(self.service) from None  # its text holds the header that was refused: never shown
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise TryAgain("no connection in time") from None
        except httpx.TimeoutException:
            raise TooSlow(f"no whole answer within {self.limits.attempt_seconds:.0f} s") from None
        except httpx.ProxyError as error:
            raise TryAgain(self.quoted(f"the proxy of HTTPS_PROXY gave no connection ({error})")) from None
        except (httpx.NetworkError, httpx.ProtocolError) as error:
            raise TryAgain(self.quoted(f"the connection failed ({type(error).__name__}: {error})")) from None

    def _checked(self, reply: Reply) -> Reply:
        """The reply, unless its status asks for another attempt."""
        wait = self._wait_for(reply)
        if reply.status >= 500 and wait is None:
            raise Overload(f"HTTP {reply.status}")
        if reply.status in RETRIED_STATUSES or reply.status >= 500:
            raise TryAgain(f"HTTP {reply.status}", wait)
        return reply

    def _body(self, response: httpx.Response) -> bytes:
        """The decompressed body, given up as soon as it is too large.

        Counted on the raw stream: httpx's own decoder yields a bomb's first 64 MiB in one piece
        (docs/facts/reliability.md, 3).
        """
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("gzip", "identity"):
            raise TryAgain(f"a body in an unexpected encoding ({self.quoted(encoding)})")
        unzip = zlib.decompressobj(31) if encoding == "gzip" else None
        body = bytearray()
        for chunk in response.iter_raw():
            try:
                body += unzip.decompress(chunk, self.limits.body_bytes + 1 - len(body)) if unzip else chunk
            except zlib.error:
                raise TryAgain("a torn gzip body") from None
            if len(body) > self.limits.body_bytes:
                raise AskForLess(f"a body of more than {self.limits.body_bytes:,} bytes")
        if unzip and not unzip.eof:
            raise TryAgain("a torn gzip body")
        return bytes(body)

    def _wait_for(self, reply: Reply) -> float | None:
        """Seconds to wait: as the service asks, or until a rate limit that names no time is surely over."""
        after = retry_after_seconds(reply.headers, self.clock.now())
        if after is not None or reply.status != 429:
            return after
        resets = re.findall(r"\bt=([0-9]{1,4})\b", reply.headers.get("ratelimit", ""))
        return max(map(float, resets), default=LONGEST_BLOCK)

    def _given_up(self, attempts: int, failure: TryAgain) -> Unavailable:
        error = {AskForLess: TooMuch, _StillOverloaded: Overloaded}.get(type(failure), Unavailable)
        return error(describe_failure(f"{self.service} gave no answer", attempts, failure))


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
    raise Refused(f"{service}: the address is not valid: it must begin with https://")


def _parts_of_address(address: str) -> list[str]:
    """What may be secret in an address: everything but its host."""
    _, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    return re.split(r"[/?&=#:]", f"{host.rpartition('@')[0]}/{path}")


def _unusable_token(service: str) -> Refused:
    return Refused(f"{service}: the token holds characters that no token has: copy it again")


def describe_failure(what: str, attempts: int, failure: TryAgain) -> str:
    """`what` ("Cloudflare gave no answer"), in how many tries, why, and the wait that the service asks for."""
    tries = "1 try" if attempts == 1 else f"{attempts} tries"
    wait = f"; it asks to wait {failure.after:.0f} s" if failure.after else ""
    return f"{what} in {tries}: {failure}{wait}.{AGAIN_LATER}"
