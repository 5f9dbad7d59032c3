"""Tickets that a run would open, as one self-contained HTML page: each about as Linear would show it.

A ticket's text is Markdown in which every value of an entry is quoted (tickets/markdown.py). A parser without HTML or
links of bare addresses turns it into markup here; pictures are those that would be uploaded.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markupsafe import Markup, escape

from audit_assets.linear.dry_run import PRIORITY_NAMES, RenderedTicket
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.reports.html_page import render_page
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import folds, visible

WEB_ADDRESSES = ("https://", "http://")

HOUR_KEY = re.compile(r"-(?=\d\d:)")
"""What in the key of an hour people write as a space."""


def preview_html(hour: DryRunHour) -> str:
    """The page of an hour's tickets."""
    return render_page(
        "preview_page.html.jinja",
        style="preview_page.css",
        title=f"{pluralize(len(hour.tickets), 'ticket')} of {HOUR_KEY.sub(' ', hour.hour)} UTC",
        remarks=hour.remarks,
        tickets=[_ticket_values(ticket) for ticket in hour.tickets],
    )


def render_text(text: str, pictures: Mapping[str, str]) -> list[tuple[str | None, Markup]]:
    """The parts of a ticket's text, folded ones with their title; `pictures` by their addresses in it."""
    rendered = ((title, _MARKDOWN.render(part, {"pictures": pictures})) for title, part in folds(text))
    return [(title, Markup(part)) for title, part in rendered]  # noqa: S704 - the renderer lets no HTML through


def _ticket_values(ticket: RenderedTicket) -> dict[str, Any]:
    """The template's values of a ticket. Names that people gave to things in Linear are made visible."""
    priority = PRIORITY_NAMES[ticket.priority]
    description = ticket.description
    return {
        "title": ticket.title,
        "severity": priority.lower(),
        "priority": f"{priority} (raised)" if ticket.raises_priority else priority,
        "planned_action": visible(ticket.planned_action),
        "has_news": ticket.written,
        "url": _web_address(ticket.url),
        "fields": [(name, visible(value)) for name, value in ticket.fields.items()],
        "links": [{**link, "url": _web_address(link["url"])} for link in ticket.links],
        "description": None if description is None else render_text(description, ticket.pictures),
        "comments": [render_text(comment, ticket.pictures) for comment in ticket.comments],
    }


def _web_address(url: str | None) -> str | None:
    return url if url and url.startswith(WEB_ADDRESSES) else None


def _markdown() -> MarkdownIt:
    """GFM's tables and strike-through on CommonMark, and neither HTML nor autolinks."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: url.startswith(WEB_ADDRESSES)
    markdown.core.ruler.push("fit_into_page", _fit_into_page)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("link_open", _outside_link)
    markdown.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return markdown


def _fit_into_page(state: StateCore) -> None:
    """Put headings one level below the ticket's title, and align columns by a class: inline styles are forbidden."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
        if style := token.attrs.pop("style", None):
            token.attrSet("class", str(style).removeprefix("text-align:"))


def _image(renderer: RendererHTML, tokens: Sequence[Any], index: int, options: Any, environment: Any) -> str:
    """A picture of the ticket's own. Any other would be fetched, and reveal to its owner that somebody looks."""
    image = tokens[index]
    alternative = renderer.renderInlineAsText(image.children or [], options, environment)
    source = environment["pictures"].get(image.attrGet("src"))
    if source is None:
        return f'<span class="soft">(Picture: {escape(alternative)})</span>'
    return f'<img src="{escape(source)}" alt="{escape(alternative)}">'


def _outside_link(renderer: RendererHTML, tokens: Sequence[Any], index: int, options: Any, environment: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, environment)


_MARKDOWN = _markdown()
