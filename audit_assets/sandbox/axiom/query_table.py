"""The rows of a tabular answer as a table for people: in an order that helps, bounded, every value as text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

SHOWN_ROWS = 200

SHOWN_CHARACTERS = 500
"""Of one value."""

LONG = 30
"""Characters from which a text is given room before it is broken into lines."""

TIMES = ("hour", "_time")
"""The columns that say when: the first of them that a result has."""

NUMBERS = ("integer", "float")


@dataclass(frozen=True)
class Column:
    """One column of an answer: Axiom's name and type, and the values of the rows that are shown."""

    name: str
    kind: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """What is shown of an answer. `marked` are the places, in what is shown, of the rows in the last hour."""

    columns: tuple[Column, ...]
    same: tuple[tuple[str, str], ...]
    """Texts that every row has, by their column: told once."""
    total: int
    in_last_hour: int
    marked: tuple[int, ...]
    timed: bool
    newest_first: bool


def rows_in(table: dict[str, Any], hour: datetime) -> Rows:
    """The rows of an answer's table; `hour` (naive, UTC) is where the last hour of the range begins.

    A result that its query leaves in no order and that has a time comes newest first.
    """
    columns = [
        Column(field["name"], field["type"], tuple(values))
        for field, values in zip(table["fields"], table["columns"], strict=True)
    ]
    total = len(columns[0].values) if columns else 0
    times = _times(columns)
    newest_first = times is not None and not table["order"]
    order = _newest_first(columns, times) if times and newest_first else list(range(total))
    late = {row for row, at in enumerate(times or ()) if at is not None and at >= hour.replace(tzinfo=UTC)}
    chosen = order[:SHOWN_ROWS]
    same = _same_in_all(columns) if total > 1 else {}
    return Rows(
        columns=tuple(
            Column(c.name, c.kind, tuple(c.values[row] for row in chosen)) for c in columns if c.name not in same
        ),
        same=tuple(same.items()),
        total=total,
        in_last_hour=len(late),
        marked=tuple(place for place, row in enumerate(chosen) if row in late),
        timed=times is not None,
        newest_first=newest_first,
    )


def _times(columns: Sequence[Column]) -> list[datetime | None] | None:
    kinds = {column.name: column for column in columns if column.kind == "datetime"}
    for name in TIMES:
        if name in kinds:
            return [None if text is None else datetime.fromisoformat(text) for text in kinds[name].values]
    return None


def _same_in_all(columns: Sequence[Column]) -> dict[str, str]:
    """The texts that every row has, unless nothing else would be left."""
    same = {c.name: c.values[0] for c in columns if c.kind == "string" and len(set(c.values)) == 1}
    same = {name: value for name, value in same.items() if value is not None}
    return same if len(same) < len(columns) else {}


def _newest_first(columns: Sequence[Column], times: Sequence[datetime | None]) -> list[int]:
    """Row numbers: rows without a time last, those of one time by their values."""
    rows = sorted(range(len(times)), key=lambda row: [str(column.values[row]) for column in columns])
    return sorted(rows, key=lambda row: times[row] or datetime.min.replace(tzinfo=UTC), reverse=True)


def table_html(rows: Rows) -> str:
    """The HTML of the rows, and of how many there are beyond them."""
    if not rows.total:
        return "<p>No row in this time range.</p>"
    head = "".join(_head(column) for column in rows.columns)
    cells = [[_cell(value, column.kind) for value in column.values] for column in rows.columns]
    body = "".join(_row(place, "".join(row), rows) for place, row in enumerate(zip(*cells, strict=True)))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'{_same(rows)}{_bounds(rows)}<div class="scroll" role="region" aria-label="Rows" tabindex="0">{table}</div>'


def _same(rows: Rows) -> str:
    items = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in rows.same)
    return f"<p>The same in every row:</p><dl>{items}</dl>" if items else ""


def _bounds(rows: Rows) -> str:
    order = ", newest first" if rows.newest_first else ""
    if rows.total <= SHOWN_ROWS:
        return f"<p>All rows{order}.</p>"
    return f"<p>The first {SHOWN_ROWS} rows{order}; {rows.total - SHOWN_ROWS:,} more are not shown.</p>"


def _head(column: Column) -> str:
    right = ' class="right"' if column.kind in NUMBERS else ""
    zone = ' <span class="zone">UTC</span>' if column.kind == "datetime" else ""
    return f'<th scope="col"{right}>{_text(column.name)}{zone}</th>'


def _row(place: int, cells: str, rows: Rows) -> str:
    if place not in rows.marked:
        return f"<tr>{cells}</tr>"
    target = ' id="last-hour"' if place == rows.marked[0] else ""
    return f'<tr class="last-hour"{target}>{cells}</tr>'


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return '<td class="none">null</td>'
    if kind == "datetime":
        return f'<td class="time">{instant(datetime.fromisoformat(value))}</td>'
    if isinstance(value, str):
        wide = ' class="long"' if len(value) > LONG else ""
        return f"<td{wide}>{_text(value)}</td>"
    right = ' class="right"' if kind in NUMBERS else ""
    return f"<td{right}>{_text(json.dumps(value, ensure_ascii=False))}</td>"


def _text(value: str) -> str:
    cut = shown(value[:SHOWN_CHARACTERS])
    more = f'… <span class="none">({len(value):,} characters)</span>' if len(value) > SHOWN_CHARACTERS else ""
    return escape(cut) + more


def shown(text: str, *, kept: str = "") -> str:
    """The text with what nobody would see, or what turns its reading direction, written out as Python does."""
    return "".join(
        each if each.isprintable() or each in kept else each.encode("unicode_escape").decode() for each in text
    )


def instant(at: datetime) -> str:
    """A time in UTC: to the minute where it is one, else as exactly as it is."""
    text = at.replace(tzinfo=None).isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text.removesuffix(":00")
