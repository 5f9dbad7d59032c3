"""What can be found out about a receiver without sending it anything that it might act on."""

import socket
import ssl
from contextlib import closing
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException

from audit_assets.config.errors import Refused, Unavailable
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, checked_address
from audit_assets.transport.proxy import proxy_for, tunnel_through
from audit_assets.transport.retry_policy import TryAgain

CONNECT_SECONDS = 10.0

AT_ONCE = HttpLimits(attempts=1, attempt_seconds=20.0, body_bytes=1 << 20)


def check_reachable(service: str, address: str) -> None:
    """Connect to an address, over TLS if it is an https one, and send nothing.

    Raises `Refused` for an address or a certificate that can't be right, `Unavailable` without a connection. No error
    repeats the address, which may be a secret.
    """
    url = checked_address(service, address)
    port = url.port or (443 if url.scheme == "https" else 80)
    proxy = proxy_for(str(url))
    try:
        if proxy:
            with closing(tunnel_through(proxy, url.host, port, CONNECT_SECONDS)) as tunnel:
                tunnel.connect()
            return
        with socket.create_connection((url.host, port), CONNECT_SECONDS) as connection:
            if url.scheme == "https":
                with ssl.create_default_context().wrap_socket(connection, server_hostname=url.host):
                    pass
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"{service} has a certificate that is not trusted: {error.verify_message}.") from None
    except (OSError, UnicodeError, HTTPException) as error:
        if proxy:
            raise Unavailable(f"{service} can't be reached through the proxy of HTTPS_PROXY.") from None
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise Unavailable(f"{service} can't be reached: {reason}.") from None


def clock_skew(service: str, address: str, clock: Clock) -> timedelta | None:
    """How far our clock is ahead of a service's, by the Date of an answer to a request without a token; None if there
    is no answer or no Date in it. Exact to a second and the time that the answer took."""
    try:
        with BoundedHttpClient(service=service, base_url=address, headers={}, clock=clock, limits=AT_ONCE) as client:
            asked = clock.now()
            reply = client.send("GET", address)
            between = asked + (clock.now() - asked) / 2
        shown = parsedate_to_datetime(reply.headers.get("date", ""))
        age = timedelta(seconds=int(reply.headers.get("age", "0")))  # of an answer from a cache, which keeps its Date
    except (Refused, TryAgain, ValueError, OverflowError):
        return None
    return between - (shown if shown.tzinfo else shown.replace(tzinfo=UTC)) - age
