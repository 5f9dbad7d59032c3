"""What a person sees of a frame in Dagster's pages. The values are untrusted: none may become a link or markup."""

from datetime import datetime
from typing import Any

import polars as pl

LONGEST_CELL = 80

FROM_HERE_WHOLE = 1_000.0
"""Smaller numbers have three digits that matter."""

ROWS_SHOWN = 200
"""Of a large frame: Dagster keeps what is shown in its database."""


def markdown_table(frame: pl.DataFrame) -> str:
    """A frame as a Markdown table whose cells hold nothing but text."""
    if frame.is_empty():
        return "none"
    header = f"| {' | '.join(frame.columns)} |\n|{'---|' * frame.width}"
    cells = [[_cell(value) for value in row] for row in frame.head(ROWS_SHOWN).iter_rows()]
    more = [f"\nand {frame.height - ROWS_SHOWN:,} more"] if frame.height > ROWS_SHOWN else []
    return "\n".join([header, *(f"| {' | '.join(row)} |" for row in cells), *more])


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= FROM_HERE_WHOLE else f"{value:.3g}"
    text = "" if value is None else str(value)[:LONGEST_CELL]
    printable = "".join(character if character.isprintable() else "·" for character in text)
    return f"`{printable.replace('`', chr(39)).replace('|', '¦')}`" if printable else ""
