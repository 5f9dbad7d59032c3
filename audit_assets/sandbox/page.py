"""What the sandbox's pages for people have in common: their look, their head, and what a browser may do with them.

What they show may have been written by an attacker, so a page holds no script, fetches nothing, and tells the browser
to allow neither. One sheet, inline, for light and dark, for a desk and for a phone.
"""

import base64
import hashlib
from html import escape

STYLE = """
:root { color-scheme: light dark; --text: #1c1d22; --soft: #62656f; --line: #e2e3e8;
  --ground: #ffffff; --raised: #f6f6f8; --link: #3b4cca; --marked: #fff3d1; --mark: #b7791f; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6ea; --soft: #9da0ab; --line: #32343c;
  --ground: #17181c; --raised: #212228; --link: #9aa5ff; --marked: #38301a; --mark: #d9a441; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); overflow-wrap: anywhere;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
a { color: var(--link); text-underline-offset: 2px; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; padding: .7rem 1.25rem;
  border-bottom: 1px solid var(--line); font-size: .875rem; color: var(--soft); }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .75rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; }
.count { color: var(--soft); font-weight: 400; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem .75rem; align-items: center; margin: 0 0 1.25rem;
  font-size: .875rem; color: var(--soft); }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll table { border-collapse: collapse; font-size: .9375rem; overflow-wrap: normal; }
.scroll th, .scroll td { border: 1px solid var(--line); padding: .35rem .7rem; text-align: left; vertical-align: top; }
.scroll th { background: var(--raised); font-weight: 600; }
.scroll .right { text-align: right; font-variant-numeric: tabular-nums; } .scroll .center { text-align: center; }
code, pre { font: .875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { background: var(--raised); padding: .1em .3em; border-radius: 4px; }
pre { background: var(--raised); padding: .8rem 1rem; border-radius: 6px; white-space: pre-wrap; }
pre code { padding: 0; background: none; font-size: 1em; }
@media (max-width: 46rem) { main { padding: 1.1rem .9rem 3rem; } }
"""
"""The part of the sheet that every page takes."""

FRONT_PAGE = "/sandbox"
"""Leads to the list of tickets."""


def page_headers(style: str, *, pictures: bool = False) -> dict[str, str]:
    """The headers of a page with this sheet: the browser takes that style and nothing else, but for `pictures` that
    stand in the page itself."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; {'img-src data:; ' * pictures}"
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def page_html(title: str, body: str, *, service: str, style: str) -> str:
    """The HTML of a page that stands in for `service`; `body` is markup, `title` is text."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head><body>'
        f'<header><a href="{FRONT_PAGE}">All tickets</a><span>Sandbox: stands in for {service} on this machine</span>'
        f"</header><main>{body}</main></body></html>"
    )
