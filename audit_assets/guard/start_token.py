"""The token of one start of a server: who has it was given the address that was printed, and no other page has it."""

import secrets
from urllib.parse import urlencode

PARAMETER = "token"

TOKEN_VARIABLE = "AUDIT_ASSETS_UI_TOKEN"  # noqa: S105 - its name
"""How `audit-assets dev` passes it on: arguments of a process are shown to every user of the machine."""


def new_token() -> str:
    """A token for one start of a server."""
    return secrets.token_urlsafe(32)


def address_with_token(url: str, token: str) -> str:
    """The address that a person opens first; afterwards the browser has a cookie, and `url` is enough."""
    return f"{url}?{urlencode({PARAMETER: token})}"
