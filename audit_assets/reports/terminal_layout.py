"""Layouts for terminals of 60 columns and more: no column disappears, and no name that fits a line breaks in two."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def print_table(console: Console, table: Table, otherwise: Iterable[RenderableType]) -> None:
    """A table whose columns have their natural widths; where there is no room for them, `otherwise`."""
    if Measurement.get(console, console.options.update(max_width=1_000), table).maximum <= console.width:
        console.print(table)
        return
    for each in otherwise:
        console.print(each)


def print_beside(console: Console, head: Text, text: Text, indent: int) -> None:
    """A text beside its head; below it and indented as far as possible, where a word of it would have no room there."""
    longest = max((len(word) for word in text.plain.split()), default=0)
    beside = head.cell_len + 2
    if beside + longest <= console.width:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=head.cell_len, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(head, text)
        console.print(grid)
    else:
        console.print(head)
        console.print(Padding(text, (0, 0, 0, max(0, min(indent, console.width - longest)))))
