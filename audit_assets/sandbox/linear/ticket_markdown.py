"""A ticket's Markdown as Linear shows it: GFM with tables, autolinks and `+++ Title` … `+++` for a collapsed section.

Raw HTML stays text and no picture is loaded: what a ticket quotes may have been written by an attacker. A file of this
Linear's own storage is embedded in the page.
"""

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_FOLD_OPENS = re.compile(r"\+\+\+ +(\S.*)")
_FOLD_CLOSES = re.compile(r"\+\+\+ *")
_FENCE = re.compile(r"(`{3,}|~{3,})")


Pictures = Callable[[str], str | None]
"""The data: address of a picture that may be shown, by the address in the text; None for any other."""


Links = Callable[[str], str | None]
"""The address that a link gets on a page, by the one in the text; None for one that leads nowhere from there."""


def render_markdown(text: str, pictures: Pictures = lambda _: None, links: Links = lambda url: url) -> str:
    """The HTML of a Markdown text; safe to put into a page."""
    return _MARKDOWN.render(text, {"pictures": pictures, "links": links})


def _fold(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A block rule: from `+++ Title` to its `+++`, or to the end as an open fence does."""
    opening = _FOLD_OPENS.fullmatch(_line(state, start).rstrip())
    if opening is None or state.is_code_block(start):
        return False
    if silent:
        return True
    last = _closing_line(state, start + 1, end)
    state.push("fold_open", "details", 1).map = [start, last]
    state.push("fold_title_open", "summary", 1)
    title = state.push("inline", "", 0)
    title.content, title.map, title.children = opening[1], [start, start + 1], []
    state.push("fold_title_close", "summary", -1)
    outer_end, outer_parent = state.lineMax, state.parentType
    state.lineMax, state.parentType = last, "fold"
    state.md.block.tokenize(state, start + 1, last)
    state.lineMax, state.parentType = outer_end, outer_parent
    state.push("fold_close", "details", -1)
    state.line = min(last + 1, end)
    return True


def _closing_line(state: StateBlock, start: int, end: int) -> int:
    """The line of the `+++` that closes a fold, or `end`. One inside a fence or an inner fold does not."""
    depth, fence = 1, ""
    for number in range(start, end):
        line = _line(state, number).rstrip()
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif line == mark[1] and mark[1].startswith(fence):
                fence = ""
        elif not fence:
            depth += bool(_FOLD_OPENS.fullmatch(line)) - bool(_FOLD_CLOSES.fullmatch(line))
            if depth == 0:
                return number
    return end


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _align_by_class(state: StateCore) -> None:
    """Align columns by class: the page allows no inline styles."""
    for token in state.tokens:
        style = token.attrs.pop("style", None) if token.type in ("th_open", "td_open") else None
        if style:
            token.attrSet("class", str(style).removeprefix("text-align:"))


def _place_links(state: StateCore) -> None:
    """Give each link the address that it has on the page; one without is text."""
    for block in state.tokens:
        is_link = True
        for token in block.children or []:
            if token.type == "link_open":
                address = state.env["links"](str(token.attrGet("href")))
                is_link = address is not None
                token.attrs = {"href": address} if is_link else {"class": "closed"}
            if token.type in ("link_open", "link_close") and not is_link:
                token.type, token.tag = token.type.replace("link", "closed_link"), "span"


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    """A stored file as a picture, any other as text."""
    image = tokens[index]
    alternative = renderer.renderInlineAsText(image.children or [], options, environment)
    if shown := environment["pictures"](str(image.attrGet("src"))):
        return f'<img class="picture" alt="{escape(alternative)}" src="{escape(shown)}">'
    return f'<span class="picture">[picture: {escape(alternative)} {escape(str(image.attrGet("src")))}]</span>'


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, environment)


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("gfm-like", {"html": False, "linkify": True})
    markdown.block.ruler.before("fence", "fold", _fold, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    markdown.core.ruler.push("align_by_class", _align_by_class)
    markdown.core.ruler.push("place_links", _place_links)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("link_open", _link)
    markdown.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return markdown


_MARKDOWN = _markdown()
