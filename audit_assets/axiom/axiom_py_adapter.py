"""One request to Axiom and its whole reply, through axiom-py with its blind re-sending switched off.

axiom-py addresses, encodes and sends; the reply is taken from it before it reads it, because its reader requires
keys that the service does not promise and drops the headers (docs/facts/axiom.md, 1.4 and 1.5). What a reply means
is not decided here.
"""

import atexit
import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import axiom_py
import requests
from axiom_py.client import AplOptions, ContentEncoding, ContentType
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from audit_assets.axiom.addresses import NO_ADDRESS, resolve_addresses
from audit_assets.axiom.limits import CONNECT_SECONDS, AxiomLimits
from audit_assets.config.errors import Refused, SettingError
from audit_assets.transport.clock import Clock
from audit_assets.transport.proxy import proxy_for
from audit_assets.transport.redaction import Mask
from audit_assets.transport.retry_policy import TryAgain

PERSONAL_TOKEN = "xapt-"  # noqa: S105 - a prefix

ONLY_UNSENT = Retry(
    total=2, connect=2, read=0, status=0, other=0, redirect=0, respect_retry_after_header=False, allowed_methods=None
)
"""Repeat only what was never sent. axiom-py's own policy sends a POST that was carried out, but whose reply was lost,
a second time (docs/facts/axiom.md, 1.5)."""


@dataclass(frozen=True)
class AxiomReply:
    """A reply that arrived whole, whatever it means."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class NoReply(TryAgain):
    """No whole reply came. `sent`: whether Axiom may have carried the request out."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class AxiomConnection:
    """A connection to one dataset. Close it with `close()`."""

    def __init__(
        self,
        *,
        token: str,
        dataset: str,
        org_id: str | None,
        url: str,
        edge: bool | None,
        clock: Clock,
        limits: AxiomLimits,
        dataset_setting: str = "AXIOM_DATASET",
    ) -> None:
        """`dataset_setting`: where the dataset is set, for errors."""
        classic_url, edge_url = resolve_addresses(url, edge)
        _check_token(token, on_edge=edge_url is not None)
        self.dataset = dataset
        self.dataset_setting = dataset_setting
        proxy = proxy_for(edge_url or classic_url)
        self._masked = Mask(token, *(proxy.secrets if proxy else ()))
        # Empty strings, not None: axiom-py would read the environment again.
        self._axiom = _UncachedClient(
            token=token,
            org_id=org_id or "",
            url=classic_url,
            edge_url=edge_url,
        )
        self._session = self._axiom.session
        self._session.trust_env = False  # no .netrc, which would replace the token, and no proxy but ours
        if proxy:
            self._session.proxies = {"https": proxy.with_credentials()}
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers["Accept-Encoding"] = "gzip"
        self._session.hooks = {"response": [_take_reply]}
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _BoundedAdapter(clock, limits))

    def close(self) -> None:
        """Close the connections and remove axiom-py's exit hook, which would keep each client in memory for ever."""
        atexit.unregister(self._axiom.shutdown_hook)
        self._session.close()

    def ingest(self, ndjson_gzip: bytes) -> AxiomReply:
        """POST events to the dataset, once. Raises `NoReply`."""
        return self._exchange(
            lambda: self._axiom.ingest(self.dataset, ndjson_gzip, ContentType.NDJSON, ContentEncoding.GZIP)
        )

    def ingest_json(self, json_gzip: bytes) -> AxiomReply:
        """POST a JSON array of events to the dataset, once. Raises `NoReply`."""
        return self._exchange(
            lambda: self._axiom.ingest(self.dataset, json_gzip, ContentType.JSON, ContentEncoding.GZIP)
        )

    def query(self, apl: str, start: datetime, end: datetime) -> AxiomReply:
        """POST a query over [start, end), once. Raises `NoReply`."""
        return self._exchange(lambda: self._axiom.query(apl, AplOptions(start_time=start, end_time=end)))

    def get(self, path: str) -> AxiomReply:
        """GET a management resource, once. Raises `NoReply`."""
        return self._exchange(lambda: self._session.get(path))

    def post(self, path: str, body: Any) -> AxiomReply:
        """POST JSON to a management resource, once. Raises `NoReply`."""
        return self._exchange(lambda: self._session.post(path, data=json.dumps(body)))

    def error_text(self, reply: AxiomReply) -> str:
        """Axiom's text on a failure: one short printable line without the token."""
        body = reply.json()
        body = body if isinstance(body, dict) else {}
        text = body.get("error") or body.get("message") or f"HTTP {reply.status}"
        return self.sanitize(str(text))

    def sanitize(self, text: str, longest: int = 300) -> str:
        """A text of the service's, fit for an error message."""
        line = self._masked(text)[: longest * 2]
        return "".join(letter if letter.isprintable() else " " for letter in line)[:longest]

    def _exchange(self, send: Callable[[], object]) -> AxiomReply:
        try:
            send()
        except _ReplyArrived as arrival:
            return arrival.reply
        except requests.exceptions.ConnectTimeout:
            raise NoReply("no connection in time", sent=False) from None
        except requests.exceptions.Timeout:
            raise NoReply("no answer in time", sent=True) from None
        except requests.exceptions.ConnectionError as error:
            raise NoReply(_reason(error), sent=not _never_connected(error)) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
            raise SettingError(NO_ADDRESS) from None
        except (requests.exceptions.RequestException, HTTPError, OSError) as error:
            raise NoReply(_reason(error), sent=True) from None
        raise AssertionError("requests calls the response hook for every response")


class _UncachedClient(axiom_py.Client):
    """axiom-py with its queries marked `nocache`: a repeated query may be answered from a cache, which would hide what
    became visible meanwhile (docs/facts/axiom.md, 3)."""

    def _prepare_apl_options(self, opts: AplOptions | None) -> dict[str, object]:
        return {**super()._prepare_apl_options(opts), "nocache": "true"}


class _BoundedAdapter(HTTPAdapter):
    """Sends once, with time-outs, and reads the whole body within its limits."""

    def __init__(self, clock: Clock, limits: AxiomLimits) -> None:
        super().__init__(max_retries=ONLY_UNSENT)
        self._clock = clock
        self._limits = limits
        self.poolmanager.pool_classes_by_scheme = _bounded_pools(limits.attempt_seconds)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _bounded_pools(self._limits.attempt_seconds)
        return manager

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        deadline = self._clock.monotonic() + self._limits.attempt_seconds
        read_seconds = min(self._limits.read_seconds, self._limits.attempt_seconds)
        options["timeout"] = (CONNECT_SECONDS, read_seconds)
        response = super().send(request, *arguments, **options)
        try:
            response.raw = io.BytesIO(self._body(response, deadline))
        except BaseException:
            response.raw.close()  # the rest of a broken body must not be read as the next answer
            raise
        return response

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """The decoded body. `read1` returns with each arrival, so a slow body can't outlast the deadline."""
        body = bytearray()
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > self._limits.body_bytes or self._clock.monotonic() > deadline:
                raise requests.exceptions.Timeout("an answer that does not end")
        response.raw.release_conn()
        return bytes(body)


class _BoundedHead:
    """A mixin for urllib3's connections: the head of every reply ends in time.

    A read time-out starts anew with every byte (docs/facts/reliability.md, 2f), so a long head could hold a call for
    hours. It is read within http.client, where no other limit can be set, so the socket is shut down from outside.
    """

    head_seconds: float
    sock: socket.socket | None

    def getresponse(self) -> Any:
        timer = threading.Timer(self.head_seconds, self._shut_down)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc] - the connection's own
        finally:
            timer.cancel()

    def _shut_down(self) -> None:
        try:
            if self.sock:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already


def _bounded_pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme; the head of a reply has `seconds` from the end of its request."""

    class Plain(_BoundedHead, HTTPConnection):
        head_seconds = seconds

    class Secure(_BoundedHead, HTTPSConnection):
        head_seconds = seconds

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain  # pyright: ignore[reportAssignmentType]

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure  # pyright: ignore[reportAssignmentType]

    return {"http": PlainPool, "https": SecurePool}


class _ReplyArrived(Exception):
    """Carries a reply past axiom-py's reader."""

    def __init__(self, reply: AxiomReply) -> None:
        super().__init__("a reply arrived")
        self.reply = reply


def _take_reply(response: requests.Response, *_: Any, **__: Any) -> None:
    raise _ReplyArrived(AxiomReply(response.status_code, response.headers, response.content))


def _check_token(token: str, *, on_edge: bool) -> None:
    if not token:
        raise SettingError("AXIOM_TOKEN is empty: set it to an API token of Axiom")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise SettingError("AXIOM_TOKEN holds characters that no token has: copy it again")
    if on_edge and token.startswith(PERSONAL_TOKEN):
        raise Refused("Axiom's edges take no personal token: set AXIOM_TOKEN to an API token (xaat-…)")


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether the connection was refused, its host unknown or its certificate wrong: nothing was carried out."""
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.SSLError):
        # A TLS connection that is dropped after the request ends in an SSLError too
        return any(isinstance(part, ssl.SSLCertVerificationError) for part in getattr(cause, "args", ()))
    return type(cause).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy of HTTPS_PROXY gave no connection"
    if isinstance(error, requests.exceptions.ConnectionError) and _never_connected(error):
        return "no connection"
    return f"the connection failed ({type(error).__name__})"
