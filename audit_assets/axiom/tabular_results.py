"""Parses a query's result, or reports why it can't be relied on. Pure and total: any JSON value in, a frame or
`UnreliableResult` out.

Axiom may answer with a part, an estimate or a result truncated at a limit, and reports that in different places
(docs/facts/axiom.md, 2.3); such a result is never mistaken for the whole.
"""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

HARMLESS_CODES = re.compile(r"apl_implicitendtimeofnowapplied_\d+")
"""Warnings that change nothing here: both ends of the time range are always sent."""

TRUNCATION_CODES = frozenset({"default_limit_warning", "license_limit_for_query_warning"})
"""Refused at any priority: rows, or a part of the time range, were left out."""

QUIET_PRIORITIES = frozenset({"trace", "debug", "info"})
"""Notes; everything else is a warning, also a priority that is documented nowhere."""


class UnreliableResult(Exception):
    """The result is not the whole truth, or can't be read. A smaller query may bring a better one."""


class TooLarge(UnreliableResult):
    """The result has more rows than a query may return, or needs more memory than it may have."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Message(_Part):
    priority: str | None = None
    code: str | None = None
    msg: Any = None


class _Status(_Part):
    isPartial: Any = None
    continuationToken: Any = None
    isEstimate: Any = None
    rowsMatched: Any = None
    messages: list[_Message] | None = None


class _Field(_Part):
    name: str


class _Table(_Part):
    fields: list[_Field]
    columns: list[list[Any]] | None = None


class _Result(_Part):
    status: _Status
    tables: list[_Table] | None = None


def parse_result(body: Any, schema: Schema, limit: int) -> pl.DataFrame:
    """The rows of a tabular result as a frame with this schema (strings, integers, times in UTC).

    Raises `UnreliableResult`, and nothing else, with the reason in words.
    """
    try:
        result = _Result.model_validate(body)
    except ValidationError as error:
        raise UnreliableResult(_describe_shape(error)) from None
    _check_status(result.status)
    columns = _columns(result.tables[0]) if result.tables else {}  # a second table holds totals
    frame = _typed_frame(columns, schema)
    if frame.is_empty() and result.status.rowsMatched:
        raise UnreliableResult(f"holds no rows, though {result.status.rowsMatched} events matched")
    if len(frame) >= limit:
        raise TooLarge(f"reaches the limit of {limit:,} rows")
    return frame


def _describe_shape(error: ValidationError) -> str:
    match error.errors(include_url=False, include_input=False)[0]["loc"]:
        case ("status", "messages", *_):
            return "holds a message that can't be read"
        case ("tables", *_):
            return "has a table that can't be read"
        case _:
            return "is not a query result"


def _check_status(status: _Status) -> None:
    if status.isPartial is not False:
        raise UnreliableResult("is partial")
    if status.continuationToken:
        raise UnreliableResult("is to be continued")
    if status.isEstimate:
        raise UnreliableResult("is an estimate")
    for message in status.messages or []:
        code = message.code or ""
        is_warning = code in TRUNCATION_CODES or message.priority not in QUIET_PRIORITIES
        if is_warning and not HARMLESS_CODES.fullmatch(code):
            raise UnreliableResult(f"warns: {code} {message.msg or ''}".rstrip())


def _columns(table: _Table) -> dict[str, list[Any]]:
    names, columns = [field.name for field in table.fields], table.columns or []
    if not columns:
        return {}
    if len(names) != len(columns):
        raise UnreliableResult("has a table that can't be read")
    if len(set(names)) < len(names) or len({len(column) for column in columns}) > 1:
        raise UnreliableResult("has columns of different lengths or of one name")
    return dict(zip(names, columns, strict=True))


def _typed_frame(columns: dict[str, list[Any]], schema: Schema) -> pl.DataFrame:
    if not any(columns.values()):
        return pl.DataFrame(schema=schema)
    missing = schema.keys() - columns.keys()
    if missing:
        raise UnreliableResult(f"lacks the column '{min(missing)}'")
    try:
        return pl.DataFrame([_series(name, columns[name], dtype) for name, dtype in schema.items()])
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        raise UnreliableResult("has values of another type than requested") from None


def _series(name: str, values: list[Any], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    if dtype == pl.Datetime:
        texts = pl.Series(name, values, pl.String, strict=True)
        return texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=True)
    if dtype == pl.Int64:
        return _whole_numbers(pl.Series(name, values, strict=True))
    return pl.Series(name, values, dtype, strict=True)


def _whole_numbers(numbers: pl.Series) -> pl.Series:
    """Integers, also when they came as 3.0: which number type an aggregate has is not documented. All of them are
    counts, of which none is null."""
    if not numbers.dtype.is_numeric() or numbers.null_count():
        raise TypeError("not numbers")
    whole = numbers.cast(pl.Int64, strict=True)
    if not (whole == numbers).all():
        raise ValueError("not whole numbers")
    return whole
