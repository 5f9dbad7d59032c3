"""Renders the Markdown templates of tickets, which lay out what they are given and decide nothing.

A template can insert SafeMarkdown and whole numbers and nothing else: a plain string, such as a value of an audit
entry, is an error, whoever forgot to quote it.
"""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from audit_assets.tickets.markdown import SafeMarkdown


def render(template: str, **values: object) -> SafeMarkdown:
    """The text of templates/<template>.md.jinja, with one blank line at most between its parts."""
    text = _ENVIRONMENT.get_template(f"{template}.md.jinja").render(values)
    return SafeMarkdown(re.sub(r"\n{3,}", "\n\n", text).strip())


def _refuse_plain_text(value: object) -> object:
    if isinstance(value, SafeMarkdown | int | StrictUndefined):  # the latter raises by itself, with its name
        return value
    raise TypeError(f"a ticket's template may insert SafeMarkdown and whole numbers, not {type(value).__name__}")


_ENVIRONMENT = Environment(
    loader=PackageLoader("audit_assets.tickets"),
    finalize=_refuse_plain_text,
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - it is Markdown, whose values are quoted by SafeMarkdown's functions
    trim_blocks=True,
    lstrip_blocks=True,
)
