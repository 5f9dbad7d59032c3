"""Tickets that a run would open, as text in a terminal of 80 columns: what Linear folds away is open here, at a bar.

Invisible characters never reach the terminal: they are written out (tickets/markdown.py), in a value of an entry as in
a name that people gave to something in Linear.
"""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from rich.theme import Theme

from audit_assets.linear.dry_run import PRIORITY_NAMES, RenderedTicket
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.reports.summary_terminal import COLOURS
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import address, folds, visible

THEME = Theme({"markdown.h2": "bold cyan", "markdown.code": "cyan", "markdown.table.header": "bold"})

INDENT = " " * 10
"""Of the further lines of an entry: they begin beside its time."""


def print_tickets(console: Console, hour: DryRunHour) -> None:
    """The tickets of an hour."""
    console.print(Text(f"{pluralize(len(hour.tickets), 'ticket')} of {hour.hour} UTC. Dry run: nothing was opened."))
    for remark in hour.remarks:
        console.print(Text(remark, "yellow"))
    if not hour.tickets:
        console.print("No actor was flagged.")
    with console.use_theme(THEME):
        for number, ticket in enumerate(hour.tickets, 1):
            console.print()
            console.rule(f"{number} of {len(hour.tickets)}", align="left", style="dim")
            console.print(Group(*_ticket(ticket)))


def _ticket(ticket: RenderedTicket) -> Iterator[RenderableType]:
    yield Text(visible(ticket.title), "bold")
    name = PRIORITY_NAMES[ticket.priority]
    facts = Text().append(f"{name}{' (raised)' if ticket.raises_priority else ''}", COLOURS[name.lower()])
    for fact in (ticket.planned_action, *(f"{name} {value}" for name, value in ticket.fields.items())):
        facts.append(" · ", "dim").append(visible(fact))
    yield facts
    if not ticket.written:
        yield Text("A new ticket would contain:", "dim")
    yield Text()
    if ticket.description is not None:
        yield from _text(ticket.without_pictures(ticket.description))
    for comment in ticket.comments:
        yield Text("Comment\n", "bold")
        yield from _text(ticket.without_pictures(comment))
    for link in ticket.links:
        yield _link(link)


def _text(text: str) -> Iterator[RenderableType]:
    for title, part in folds(_printable(text)):
        if title:
            yield Text(f"▾ {title}", "bold")
            yield _Folded(_Markdown(part))
        elif part:
            yield _Markdown(part)
        yield Text()


def _link(link: Mapping[str, str]) -> Text:
    shown = Text("↗ ", "dim").append(visible(link["title"]), Style(color="cyan", link=address(link["url"])))
    return shown.append(f"  {visible(link['subtitle'])}", "dim")


def _printable(text: str) -> str:
    """A ticket's text, whose values are visible already: nothing unprintable may reach a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "·" for letter in text)


class _Folded:
    """What Linear shows after a click, at a bar."""

    def __init__(self, inside: RenderableType) -> None:
        self._inside = inside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._inside, options.update_width(options.max_width - 2), pad=False)
        bar = Segment("│ ", console.get_style("dim"))
        for line in lines:
            if "".join(segment.text for segment in line).strip():
                yield from (bar, *line, Segment.line())


class _Heading(Heading):
    """A heading at the left."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Entries(CodeBlock):
    """Quoted lines, unchanged."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in str(self.text).splitlines():
            yield Text(
                "\n".join(textwrap.wrap(line, options.max_width, subsequent_indent=INDENT, break_on_hyphens=False))
            )


class _Markdown(Markdown):
    elements: ClassVar[dict[str, Any]] = {**Markdown.elements, "heading_open": _Heading, "fence": _Entries}
