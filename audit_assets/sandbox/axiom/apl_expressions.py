"""Expressions of a query with their types, and the types that each operator and function takes.

DuckDB would silently convert a string into a number to compare them; here types that do not match are refused, and so
is every operator, function and literal that no query of ours needs. Types ("kinds") have Axiom's names for field types.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from duckdb_kql import ir

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomRefusal, bad_query, invalid_field

Columns = Mapping[str, str]
"""Name to kind, in order."""

OPERATORS: Mapping[str, str] = {
    "and": "boolean",
    "or": "boolean",
    "<": "datetime",
    ">=": "datetime",
    "startswith_cs": "string",
}
"""The kind of both sides; what comes out is a boolean."""

DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Typed(NamedTuple):
    """An expression in which `let` names and lists are replaced by their values, and its kind."""

    expr: ir.Expr
    kind: str


def typed(node: ir.Expr, columns: Columns) -> Typed:
    """Check an expression over `columns`. Raises AxiomRefusal for an unknown field or kinds that do not fit."""
    match node:
        case ir.LetRef():
            if node.name in columns:
                raise refused(f"a let named like the field {node.name!r}")
            return typed(node.value, columns)
        case ir.Literal(kind="string", value=str()):
            return Typed(node, "string")
        case ir.Literal(kind="datetime"):
            return _time(node)
        case ir.ColumnRef():
            if node.name not in columns:
                raise invalid_field(node.name)
            return Typed(node, columns[node.name])
        case ir.BinaryOp():
            left, right = typed(node.left, columns), typed(node.right, columns)
            if not left.kind == right.kind == OPERATORS.get(node.op):
                raise refused(f"{left.kind} {node.op} {right.kind}")
            return Typed(ir.BinaryOp(node.op, left.expr, right.expr), "boolean")
        case ir.InList(subquery=None, case_insensitive=False):
            return _in_list(node, columns)
        case ir.FunctionCall():
            return _call(node, columns)
        case _:
            raise refused(f"expressions like {type(node).__name__}")


def aggregate(node: ir.Expr, columns: Columns) -> tuple[str, dict[str, Any]]:
    """The kind of an aggregate of fields, and how a result describes it. Raises AxiomRefusal."""
    match node:
        case ir.FunctionCall(name="count", args=()):
            return "integer", {"name": "count"}
        case ir.FunctionCall(name="max" | "min" | "sum" as name, args=(ir.ColumnRef() as field,)):
            kind = typed(field, columns).kind
            if kind == ("integer" if name == "sum" else "datetime"):
                return kind, {"name": name, "fields": [field.name]}
            raise refused(f"{name}({kind})")
        case _:
            raise refused("a summarize of anything but a count, or the max, min or sum of a field")


def refused(what: str) -> AxiomRefusal:
    """The refusal of something that the sandbox does not support, whatever Axiom would do."""
    return bad_query(f"the sandbox does not run {what}")


def _time(node: ir.Literal) -> Typed:
    text = str(node.value)
    try:
        if DATETIME.fullmatch(text) and datetime.fromisoformat(text):
            return Typed(node, "datetime")
    except ValueError:
        pass
    raise bad_query(f"datetime({text[:40]}) is not a time that the sandbox reads: write it in UTC, to the second")


def _call(node: ir.FunctionCall, columns: Columns) -> Typed:
    match node.name, node.args:
        case "bin", (time, ir.Literal(kind="timespan", value="1h" | "1d")) if typed(time, columns).kind == "datetime":
            return Typed(node, "datetime")  # from midnight on; where longer bins begin is not documented
        case "datetime_diff", (ir.Literal(kind="string", value="hour"), later, earlier) if (
            typed(later, columns).kind == typed(earlier, columns).kind == "datetime"
        ):
            return Typed(node, "integer")  # of whole hours of the clock: "calendarian" in Axiom's documentation
        case "isempty" | "isnotempty", (text,) if typed(text, columns).kind == "string":
            return Typed(node, "boolean")
        case "column_ifexists", (ir.Literal(kind="string", value=str(name)), fallback):
            return typed(ir.ColumnRef(name) if name in columns else fallback, columns)
        case _:
            raise refused(f"{node.name} of these arguments")


def _in_list(node: ir.InList, columns: Columns) -> Typed:
    """A membership test of strings."""
    value = typed(node.value, columns)
    items = [typed(element, columns) for item in node.items for element in _elements(item)]
    if not items or {value.kind, *(item.kind for item in items)} != {"string"}:
        raise refused("a list of anything but strings")
    return Typed(ir.InList(value.expr, tuple(item.expr for item in items), node.negated), "boolean")


def _elements(item: ir.Expr) -> list[ir.Expr]:
    """An item of a list; those of a `let` list stand in its place, as APL's `in` has it."""
    match item:
        case ir.LetRef(value=ir.Literal(kind="dynamic", value=text)) if str(text).startswith("["):
            return [ir.Literal(element, "string") for element in json.loads(str(text))]
        case _:
            return [item]
