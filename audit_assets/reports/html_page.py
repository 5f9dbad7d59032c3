"""What all HTML pages have in common: one Jinja2 environment, one look, and that each page is self-contained.

A page requests nothing from anywhere and works from a file: its own content security policy lets a browser run and load
nothing but its style sheet, its script if it has one, and the pictures that it contains.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from audit_assets.config.errors import AuditAssetsError

TEMPLATES = PackageLoader("audit_assets.reports")

ENVIRONMENT = Environment(
    loader=TEMPLATES,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.policies["json.dumps_kwargs"] = {"separators": (",", ":")}


class PageError(AuditAssetsError):
    """A page could not be written."""


def render_page(template: str, *, style: str, script: str | None = None, **values: Any) -> str:
    """Render a page. `template`, `style` and `script` name files of `templates/`; strings in `values` are escaped."""
    css = _read("page.css") + _read(style)
    js = _read(script) if script else ""
    return ENVIRONMENT.get_template(template).render(
        css=css, css_digest=_digest(css), js=js, js_digest=_digest(js) if script else None, **values
    )


def write_html(html: str, path: Path) -> None:
    """Write a page. Raises `PageError` if it can't be written."""
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise PageError(f"{path} can't be written: {error.strerror}.") from None


def _read(name: str) -> Markup:
    """A file of ours, which needs no escaping."""
    return Markup(TEMPLATES.get_source(ENVIRONMENT, name)[0])  # noqa: S704 - nothing of it is untrusted


def _digest(text: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")  # noqa: S704 - nothing of it is untrusted
