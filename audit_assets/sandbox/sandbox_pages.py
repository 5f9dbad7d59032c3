"""The HTML pages of the sandbox: where their templates are, and what a browser may do with a page.

What a page shows may have been written by an attacker. Every value is escaped, a page holds no script and loads
nothing, and its headers forbid the browser both.
"""

import base64
import hashlib
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined


def utc_minute(time: str) -> str:
    """An ISO 8601 time to the minute, for people."""
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M} UTC"


def _environment() -> Environment:
    """A template is named after its room and its file; a name that a page was not given is an error."""
    rooms = {
        "sandbox": PackageLoader("audit_assets.sandbox"),
        "axiom": PackageLoader("audit_assets.sandbox.axiom"),
        "linear": PackageLoader("audit_assets.sandbox.linear"),
    }
    environment = Environment(
        loader=PrefixLoader(rooms),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["utc_minute"] = utc_minute
    return environment


_TEMPLATES = _environment()


def style_sheet(name: str) -> str:
    """The style of every sandbox page, and after it the file that these pages add."""
    return "\n".join(_TEMPLATES.get_template(file).render() for file in ("sandbox/sandbox_page.css", name))


def render_page(template: str, *, service: str, style: str, **values: Any) -> str:
    """The HTML of a page of the sandbox's `service`."""
    return _TEMPLATES.get_template(template).render(service=service, style=style, **values)


def page_policy(style: str, *, pictures: bool = False) -> str:
    """The policy that allows the browser this style sheet only, and with `pictures` those embedded in the page."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'sha256-{digest}'; {'img-src data:; ' * pictures}"
    return f"{allowed}base-uri 'none'; form-action 'none'"


def page_headers(style: str, *, pictures: bool = False) -> dict[str, str]:
    """Headers of a page with that policy, which no other page may frame."""
    return {
        "Content-Security-Policy": f"{page_policy(style, pictures=pictures)}; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
