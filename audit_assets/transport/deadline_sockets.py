"""Sockets that keep a deadline, under httpx.

httpx's read time-out starts anew with every byte: a server that sent one every 0.2 s held a call with a time-out of
1 s for 11.8 s (docs/facts/reliability.md, 2f), and nothing suggests that a longer answer would end sooner. Here every
read and write, of headers as of bodies, ends when the time of the whole attempt is used up.
"""

import logging
import ssl
from functools import cache
from typing import Any, Self

import httpcore
import httpx

from audit_assets.transport.clock import Clock
from audit_assets.transport.proxy import Proxy, proxy_for

for library in ("httpx", "httpcore"):  # they log addresses, which may be secret, and headers, which may repeat a token
    logging.getLogger(library).setLevel(logging.WARNING)


class Deadline:
    """When the attempt that is under way must end, as the clock's monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.at = float("inf")

    def seconds_left(self, at_most: float | None) -> float:
        """Raises httpcore.ReadTimeout when none are left."""
        left = self.at - self.clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time of this attempt is used up")
        return left if at_most is None else min(left, at_most)


class _BoundedStream(httpcore.NetworkStream):
    """A socket whose every read and write ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.seconds_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.seconds_left(timeout))
        return _BoundedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _BoundedBackend(httpcore.SyncBackend):
    """Opens sockets that keep the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        options["timeout"] = self._deadline.seconds_left(options.get("timeout"))
        return _BoundedStream(super().connect_tcp(*arguments, **options), self._deadline)


@cache
def _ssl_context() -> ssl.SSLContext:
    """Shared by all clients, because creating it reads more than a hundred certificates."""
    return httpx.create_ssl_context(trust_env=False)


class _BoundedPools:
    """A pool of connections to the services themselves, and one through each proxy that leads to one of them."""

    def __init__(self, deadline: Deadline) -> None:
        self._backend = _BoundedBackend(deadline)
        self._pools: dict[Proxy | None, httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Through the proxy of that address, if it has one."""
        url = request.url
        host = url.host.decode("ascii")
        named = f"[{host}]" if ":" in host else host
        proxy = proxy_for(f"{url.scheme.decode('ascii')}://{named}:{url.port or ''}")
        if proxy not in self._pools:
            self._pools[proxy] = self._pool(proxy)
        return self._pools[proxy].handle_request(request)

    def _pool(self, proxy: Proxy | None) -> httpcore.ConnectionPool:
        if proxy is None:
            return httpcore.ConnectionPool(ssl_context=_ssl_context(), network_backend=self._backend)
        return httpcore.HTTPProxy(
            proxy.url,
            proxy_auth=proxy.credentials,
            ssl_context=_ssl_context(),
            network_backend=self._backend,
        )

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BoundedTransport(httpx.HTTPTransport):
    """httpx's own transport over sockets that end by `deadline`. It has no option for those, so its pools are ours."""

    def __init__(self, deadline: Deadline) -> None:
        self._pool: Any = _BoundedPools(deadline)
