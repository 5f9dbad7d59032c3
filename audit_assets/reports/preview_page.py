"""Tickets that would be opened, as one HTML page that stands alone: each about as Linear would show it.

What a ticket says is Markdown in which every value of an entry is quoted (tickets/markdown.py). Here it becomes markup
by a parser that knows no HTML and makes no link of a bare address; pictures are those that would be uploaded.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore

from audit_assets.defs.steps.dry_runs import DryRunHour
from audit_assets.linear.dry_run import PRIORITY_NAMES, RenderedTicket
from audit_assets.reports.html_page import page, write
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import folds, visible

LIVE = ("https://", "http://")


def write_page(hour: DryRunHour, path: Path) -> None:
    """Write the page of an hour's tickets. Raises `PageError` if it can't be written."""
    write(page_of(hour), path)


def page_of(hour: DryRunHour) -> str:
    """The page's HTML."""
    title = f"{pluralize(len(hour.tickets), 'ticket')} of {hour.hour[:10]} {hour.hour[11:]} UTC"
    head = (
        f'<header><p class="soft">Dry run: nothing was opened.</p><h1>{escape(title)}</h1>'
        f"{_remarks(hour.remarks)}{_contents(hour.tickets)}</header>"
    )
    tickets = "".join(_ticket(ticket, number) for number, ticket in enumerate(hour.tickets, 1))
    return page(f"Preview: {title}", head + (tickets or "<p>No actor was flagged.</p>"), sheet="preview_page.css")


def rendered(text: str, pictures: Mapping[str, str]) -> str:
    """The markup of what a ticket says; `pictures` by their addresses in it."""
    parts = [(title, _MARKDOWN.render(part, {"pictures": pictures})) for title, part in folds(text)]
    return "".join(
        f"<details><summary>{escape(title)}</summary>{part}</details>" if title else part for title, part in parts
    )


def _remarks(remarks: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f'<ul class="remarks">{items}</ul>' if items else ""


def _contents(tickets: Sequence[RenderedTicket]) -> str:
    """What is on the page, where there is more than one ticket."""
    items = "".join(
        f'<li class="mark {_level(ticket)}"><a href="#ticket-{number}"><bdi>{escape(ticket.title)}</bdi></a>'
        f'<span class="soft">{_shown(ticket.planned_action)}</span></li>'
        for number, ticket in enumerate(tickets, 1)
    )
    return f'<nav><ol class="contents">{items}</ol></nav>' if len(tickets) > 1 else ""


def _ticket(ticket: RenderedTicket, number: int) -> str:
    return (
        f'<article class="ticket" id="ticket-{number}"><div class="head"><p class="planned_action">{_would(ticket)}</p>'
        f"<h2><bdi>{escape(ticket.title)}</bdi></h2></div><aside><dl>{''.join(_facts(ticket))}</dl></aside>"
        f'<div class="said">{"".join(_texts(ticket))}</div></article>'
    )


def _would(ticket: RenderedTicket) -> str:
    said = _shown(f"{ticket.planned_action[0].upper()}{ticket.planned_action[1:]}")
    if ticket.url and ticket.url.startswith(LIVE):
        said = f'<a href="{escape(ticket.url)}" rel="noopener noreferrer nofollow">{said}</a>'
    return said if ticket.written else f"{said}. This is what a new ticket would say:"


def _texts(ticket: RenderedTicket) -> Iterator[str]:
    if ticket.description is not None:
        yield f'<div class="text">{rendered(ticket.description, ticket.pictures)}</div>'
    for number, comment in enumerate(ticket.comments, 1):
        of_many = f" {number} of {len(ticket.comments)}" if len(ticket.comments) > 1 else ""
        yield f'<section class="comment"><p class="soft">Comment{of_many}</p>'
        yield f'<div class="text">{rendered(comment, ticket.pictures)}</div></section>'


def _facts(ticket: RenderedTicket) -> Iterator[str]:
    """What stands beside the text."""
    raised = " (raised)" if ticket.raises_priority else ""
    level = f'<span class="mark {_level(ticket)}">{PRIORITY_NAMES[ticket.priority]}{raised}</span>'
    yield f"<div><dt>Priority</dt><dd>{level}</dd></div>"
    for name, value in ticket.fields.items():
        yield f"<div><dt>{escape(name.capitalize())}</dt><dd><bdi>{_shown(value)}</bdi></dd></div>"
    if ticket.links:
        links = "".join(f"<li>{_link(link)}</li>" for link in ticket.links)
        yield f"<div><dt>Links</dt><dd><ul>{links}</ul></dd></div>"


def _link(link: Mapping[str, str]) -> str:
    title, said = f"<bdi>{escape(link['title'])}</bdi>", f'<span class="soft">{escape(link["subtitle"])}</span>'
    if link["url"].startswith(LIVE):
        title = f'<a href="{escape(link["url"])}" rel="noopener noreferrer nofollow">{title}</a>'
    return f"{title}<br>{said}"


def _shown(text: str) -> str:
    """A text with names that people gave to things in Linear, as markup."""
    return escape(visible(text))


def _level(ticket: RenderedTicket) -> str:
    return PRIORITY_NAMES[ticket.priority].lower()


def _markdown() -> MarkdownIt:
    """GFM's tables and strike-through on CommonMark, and neither HTML nor autolinks."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: url.startswith(LIVE)
    markdown.core.ruler.push("below_the_title", _below_the_title)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("link_open", _outside)
    markdown.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return markdown


def _below_the_title(state: StateCore) -> None:
    """A ticket's headings stand one below its title; a column is set to the right by a class, as no style may be."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
        if style := token.attrs.pop("style", None):
            token.attrSet("class", str(style).removeprefix("text-align:"))


def _image(renderer: RendererHTML, tokens: Sequence[Any], index: int, options: Any, environment: Any) -> str:
    """A picture of the ticket's own. Any other would be fetched, and tell its owner that somebody looks."""
    image = tokens[index]
    alternative = escape(renderer.renderInlineAsText(image.children or [], options, environment))
    source = environment["pictures"].get(image.attrGet("src"))
    if source is None:
        return f'<span class="soft">(Picture: {alternative})</span>'
    return f'<img src="{escape(source)}" alt="{alternative}">'


def _outside(renderer: RendererHTML, tokens: Sequence[Any], index: int, options: Any, environment: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, environment)


_MARKDOWN = _markdown()
