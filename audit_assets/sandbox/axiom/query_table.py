"""The rows of a tabular answer as a table for people: newest first, at most so many, every value as text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SHOWN_ROWS = 200

SHOWN_CHARACTERS = 500
"""Of one value; the rest is cut."""

LONG = 30
"""A text of more characters gets a wide column."""

TIMES = ("hour", "_time")
"""The columns that can hold a row's time: the first of them that a result has does."""

NUMBERS = ("integer", "float")


@dataclass(frozen=True)
class Text:
    """A value as it is shown: `length` is that of the whole."""

    shown: str
    length: int
    is_text: bool = True
    """Whether it is a string of the answer, not a number, a boolean or a list written out."""

    @property
    def is_cut(self) -> bool:
        """Whether only its beginning is shown."""
        return self.length > SHOWN_CHARACTERS

    @property
    def is_wide(self) -> bool:
        """Whether its column needs room."""
        return self.is_text and self.length > LONG


@dataclass(frozen=True)
class Column:
    """One column of an answer: Axiom's name and type, and the values of the rows that are shown."""

    name: str
    kind: str
    values: tuple[Any, ...]

    @property
    def heading(self) -> Text:
        """The name as it is shown."""
        return _text(self.name)

    @property
    def is_number(self) -> bool:
        """Whether its values are aligned to the right."""
        return self.kind in NUMBERS

    @property
    def is_time(self) -> bool:
        """Whether its values are times in UTC."""
        return self.kind == "datetime"

    def cells(self) -> list[Text | None]:
        """The values as they are shown; None for null."""
        return [_cell(value, self) for value in self.values]


@dataclass(frozen=True)
class Rows:
    """The rows of an answer. `marked` are the places, among the lines, of the rows in the last hour."""

    columns: tuple[Column, ...]
    lines: tuple[tuple[Text | None, ...], ...]
    """What is shown of the rows: a cell for each column."""
    same: tuple[tuple[Text, Text], ...]
    """Texts that every row has, by their column: shown once."""
    total: int
    in_last_hour: int
    marked: tuple[int, ...]
    has_times: bool
    newest_first: bool

    @property
    def hidden(self) -> int:
        """How many rows are not shown."""
        return max(0, self.total - SHOWN_ROWS)


def read_rows(table: dict[str, Any], hour: datetime) -> Rows:
    """The rows of an answer's table; `hour` (naive, UTC) is where the last hour of the range begins.

    A result that has a time, and that its query does not sort, is shown newest first.
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
    shown_columns = [
        Column(c.name, c.kind, tuple(c.values[row] for row in chosen)) for c in columns if c.name not in same
    ]
    return Rows(
        columns=tuple(shown_columns),
        lines=tuple(zip(*(column.cells() for column in shown_columns), strict=True)),
        same=tuple((_text(name), _text(value)) for name, value in same.items()),
        total=total,
        in_last_hour=len(late),
        marked=tuple(place for place, row in enumerate(chosen) if row in late),
        has_times=times is not None,
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


def _cell(value: Any, column: Column) -> Text | None:
    if value is None:
        return None
    if column.is_time:
        time = format_time(datetime.fromisoformat(value))
        return Text(time, len(time))
    if isinstance(value, str):
        return _text(value)
    return _text(json.dumps(value, ensure_ascii=False), is_text=False)


def _text(value: str, *, is_text: bool = True) -> Text:
    return Text(shown(value[:SHOWN_CHARACTERS]), len(value), is_text)


def shown(text: str, *, kept: str = "") -> str:
    """The text with invisible characters, and those that change the reading direction, written as escapes."""
    return "".join(
        each if each.isprintable() or each in kept else each.encode("unicode_escape").decode() for each in text
    )


def format_time(at: datetime) -> str:
    """A time in UTC: to the minute if it is a whole minute, else in full."""
    text = at.replace(tzinfo=None).isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text.removesuffix(":00")
