"""Which addresses of Axiom's are used: the classic API, an edge, or this machine; none that would expose a token."""

from urllib.parse import urlsplit

from audit_assets.config.errors import SettingError

CLASSIC_URL = "https://api.axiom.co"
"""Management calls go here even when ingest and query go to an edge (docs/facts/axiom.md, 1.1)."""

EDGE_DOMAIN = ".edge.axiom.co"
NO_ADDRESS = "AXIOM_URL is not an address: set it to https://api.axiom.co or to an edge"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def resolve_addresses(url: str, edge: bool | None) -> tuple[str, str | None]:
    """Where management calls go, and where ingest and query go if that is an edge; `edge` None: judged by the host.

    Raises `SettingError` for an invalid address, or one that would expose the token on the way.
    """
    base = _checked_address(url)
    on_edge_host = (urlsplit(base).hostname or "").endswith(EDGE_DOMAIN)
    on_edge = on_edge_host if edge is None else edge
    return CLASSIC_URL if on_edge_host else base, base if on_edge else None


def _checked_address(url: str) -> str:
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        has_host = parts.hostname and (parts.port or True)
    except ValueError:
        raise SettingError(NO_ADDRESS) from None
    if parts.scheme not in ("http", "https") or not has_host or parts.username or parts.query or parts.path:
        raise SettingError(NO_ADDRESS)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise SettingError("AXIOM_URL begins with http://, which would send the token unencrypted: use https://")
    return f"{parts.scheme}://{parts.netloc}"
