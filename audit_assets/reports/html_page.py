"""What all pages that are written to a file have in common: a look, and that each stands alone.

A page asks nothing of anywhere and works from a file: its own policy lets a browser run and fetch nothing but its one
sheet, its one script if it has one, and the pictures that it holds itself.
"""

import base64
import hashlib
from html import escape
from importlib.resources import files
from pathlib import Path

from audit_assets.config.errors import AuditAssetsError


class PageError(AuditAssetsError):
    """A page could not be written."""


def page(title: str, body: str, *, sheet: str, script: str | None = None) -> str:
    """The HTML of a page; `sheet` and `script` name files beside this one, and `body` is markup."""
    style = _asset("page.css") + _asset(sheet)
    code = _asset(script) if script else ""
    runs = f" script-src {_digest(code)};" if script else ""
    policy = f"default-src 'none';{runs} style-src {_digest(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<style>{style}</style></head><body><main>{body}</main>{f'<script>{code}</script>' if script else ''}"
        "</body></html>\n"
    )


def write(html: str, path: Path) -> None:
    """Write a page. Raises `PageError` if it can't be written."""
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise PageError(f"{path} can't be written: {error.strerror}.") from None


def _asset(name: str) -> str:
    return (files("audit_assets.reports") / "templates" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
