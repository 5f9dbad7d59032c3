"""What a tabular answer says, or why it can't be relied on. Pure: an answer's JSON in, a frame out.

Axiom may answer with a part, an estimate or a result cut at a limit, and says so in different places
(docs/facts/axiom.md, 2.3); such an answer is never mistaken for the whole.
"""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

HARMLESS_CODES = re.compile(r"apl_implicitendtimeofnowapplied_\d+")
"""Warnings that change nothing for us: both ends of the range are always given."""

CUTTING_CODES = frozenset({"default_limit_warning", "license_limit_for_query_warning"})
"""Refused at any priority: rows, or a part of the time range, were left out."""

QUIET_PRIORITIES = frozenset({"trace", "debug", "info"})
"""Notes; everything else warns, also a priority that nobody has documented."""


class Unreliable(Exception):
    """The answer is not the whole truth, or can't be read. A smaller question may be answered better."""


def frame_of(answer: Any, schema: Schema, limit: int) -> pl.DataFrame:
    """The rows of a tabular answer as a frame with this schema (strings, integers, times in UTC).

    Raises `Unreliable` with the reason in words.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("status"), dict):
        raise Unreliable("is not a query result")
    status = answer["status"]
    _check_status(status)
    tables = answer.get("tables") or []
    columns = _columns(tables[0]) if tables else {}
    frame = _typed(columns, schema)
    if frame.is_empty() and status.get("rowsMatched"):
        raise Unreliable(f"holds no rows, though {status['rowsMatched']} events matched")
    if len(frame) >= limit:
        raise Unreliable(f"reaches the limit of {limit:,} rows")
    return frame


def _check_status(status: dict[str, Any]) -> None:
    if status.get("isPartial") is not False:
        raise Unreliable("is partial")
    if status.get("continuationToken"):
        raise Unreliable("is to be continued")
    if status.get("isEstimate"):
        raise Unreliable("is an estimate")
    for message in status.get("messages") or []:
        if not isinstance(message, dict):
            raise Unreliable("holds a message that can't be read")
        _check_message(message)


def _check_message(message: dict[str, Any]) -> None:
    code = str(message.get("code") or "")
    if HARMLESS_CODES.fullmatch(code):
        return
    if code in CUTTING_CODES or message.get("priority") not in QUIET_PRIORITIES:
        raise Unreliable(f"warns: {code} {message.get('msg') or ''}".rstrip())


def _columns(table: Any) -> dict[str, list[Any]]:
    """Columns by name, of the first table alone: a second one holds totals."""
    try:
        names = [field["name"] for field in table["fields"]]
        columns = table.get("columns") or []
        by_name = dict(zip(names, columns, strict=bool(columns)))
        if len(by_name) != len(columns) or len({len(column) for column in columns}) > 1:
            raise Unreliable("has columns of different lengths or of one name")
    except (TypeError, KeyError, ValueError, AttributeError):
        raise Unreliable("has a table that can't be read") from None
    return by_name


def _typed(columns: dict[str, list[Any]], schema: Schema) -> pl.DataFrame:
    if not any(columns.values()):
        return pl.DataFrame(schema=schema)
    try:
        return pl.DataFrame([_series(name, columns[name], dtype) for name, dtype in schema.items()])
    except KeyError as missing:
        raise Unreliable(f"lacks the column {missing}") from None
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        raise Unreliable("has values of another type than asked for") from None


def _series(name: str, values: list[Any], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    if dtype == pl.Datetime:
        texts = pl.Series(name, values, pl.String, strict=True)
        return texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=True)
    if dtype == pl.Int64:
        return _whole_numbers(pl.Series(name, values, strict=True))
    return pl.Series(name, values, dtype, strict=True)


def _whole_numbers(numbers: pl.Series) -> pl.Series:
    """Integers, also when they came as 3.0: which number type an aggregate has is not documented."""
    if not numbers.dtype.is_numeric():
        raise TypeError("not numbers")
    whole = numbers.cast(pl.Int64, strict=True)
    if not (whole == numbers).all():
        raise ValueError("not whole numbers")
    return whole
