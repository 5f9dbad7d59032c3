"""The proxy through which services are reached: that of HTTPS_PROXY, unless NO_PROXY names the host.

It is one rule for every client: https addresses alone go through it, in a tunnel (CONNECT) in which the proxy sees the
name of the host and nothing of what is sent; what is on this machine never does. HTTP_PROXY and ALL_PROXY are not read:
plain http is for this machine alone. Object stores' own clients follow the same variables (docs/settings.md).
"""

import os
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPSConnection
from urllib.parse import quote, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # pyright: ignore[reportAttributeAccessIssue] - no stub has it

from audit_assets.config.errors import SettingError
from audit_assets.config.settings import environment_value
from audit_assets.config.settings_table import HTTPS_PROXY, NO_PROXY
from audit_assets.transport.loopback import is_loopback

DEFAULT_PORT = 80


@dataclass(frozen=True)
class Proxy:
    """A proxy, and how to sign in to it. `url` has no credentials, and may be shown."""

    url: str
    username: str = ""
    password: str = ""

    @property
    def host(self) -> str:
        """Where it listens."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or DEFAULT_PORT

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Name and password, if it asks for them."""
        return (self.username, self.password) if self.username or self.password else None

    def with_credentials(self) -> str:
        """The address with name and password in it, for a library that takes no other way."""
        if not self.credentials:
            return self.url
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may repeat."""
        return (self.password, self.username)


def proxy_for(address: str) -> Proxy | None:
    """The proxy that leads to an address, None if none does. Raises `SettingError` for a setting that names none."""
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or is_loopback(parts.hostname):
        return None
    if not (text := _value(HTTPS_PROXY)):
        return None
    proxy = _parsed(text)
    bypassed = proxy_bypass_environment(f"{parts.hostname}:{parts.port or 443}", {"no": _value(NO_PROXY)})
    return None if bypassed else proxy


def tunnel_through(proxy: Proxy, host: str, port: int, seconds: float) -> HTTPSConnection:
    """A TLS connection to a host through the proxy, not yet made."""
    connection = HTTPSConnection(proxy.host, proxy.port, timeout=seconds)
    headers = {}
    if proxy.credentials:
        headers["Proxy-Authorization"] = f"Basic {b64encode(':'.join(proxy.credentials).encode()).decode()}"
    connection.set_tunnel(host, port, headers)
    return connection


def proxy_variables() -> dict[str, str]:
    """The variables for another program of ours, which follows them by itself."""
    proxy, excepted = _value(HTTPS_PROXY), _value(NO_PROXY)
    if not proxy:
        return {}
    _parsed(proxy)
    everywhere = ",".join(filter(None, [excepted, "localhost", "127.0.0.1", "::1"]))
    return {HTTPS_PROXY: proxy, NO_PROXY: everywhere}


def _value(name: str) -> str:
    """In small letters too, which pass before capitals, as everywhere."""
    small = name.lower()
    return environment_value(small if os.environ.get(small, "").strip() else name)


def _parsed(text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise SettingError("HTTPS_PROXY is no address of a proxy: set it to one such as http://proxy.example.com:3128.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(
        f"http://{host}:{port or DEFAULT_PORT}",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
