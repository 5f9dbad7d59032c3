"""The type of an expression in a query, and the types that each operator and function takes.

DuckDB would silently convert a string into a number to compare them; here types that do not match are refused, and so
is every operator, function and literal that is not listed. Types ("kinds") have Axiom's names for field types.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from duckdb_kql import ir

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomRefusal, bad_query, invalid_field

Columns = Mapping[str, str]
"""Name to kind, in order."""

NUMBERS = frozenset({"integer", "float"})
ORDERED = NUMBERS | {"datetime", "timespan"}

LITERALS: Mapping[str, str] = {
    "long": "integer",
    "real": "float",
    "string": "string",
    "bool": "boolean",
    "datetime": "datetime",
    "timespan": "timespan",
}

TEXT_OPERATORS = frozenset({"startswith_cs"})

SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")
SPAN_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}

DATETIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?(?:Z|[+-]\d\d:\d\d)?")
"""The documented formats; the sandbox keeps microseconds at most."""


def kind_of(node: ir.Expr, columns: Columns) -> str:
    """The kind of a resolved expression. Raises AxiomRefusal for an unknown field or kinds that do not fit."""
    match node:
        case ir.Literal():
            return LITERALS[node.kind]
        case ir.ColumnRef():
            if node.name not in columns:
                raise invalid_field(node.name)
            return columns[node.name]
        case ir.BinaryOp():
            return _binary(node.op, kind_of(node.left, columns), kind_of(node.right, columns))
        case ir.InList():
            return _in_list_kind(node, columns)
        case ir.FunctionCall():
            return _call(node, columns)
        case _:
            raise refused(f"expressions like {type(node).__name__}")


def resolve(node: Any, columns: Columns) -> Any:
    """An expression with `let` names and lists replaced by their values, and only supported nodes and literals."""
    match node:
        case ir.LetRef():
            if node.name in columns:
                raise refused(f"a let named like the field {node.name!r}")
            return resolve(node.value, columns)
        case ir.Literal():
            return _literal(node)
        case ir.ColumnRef():
            return node
        case ir.BinaryOp():
            return ir.BinaryOp(node.op, resolve(node.left, columns), resolve(node.right, columns))
        case ir.InList(subquery=None, case_insensitive=False):
            return _in_list(node, columns)
        case ir.FunctionCall(name="column_ifexists"):
            return _field_or_fallback(node, columns)
        case ir.FunctionCall():
            return ir.FunctionCall(node.name, tuple(resolve(argument, columns) for argument in node.args))
        case _:
            raise refused(f"expressions like {type(node).__name__}")


def fields_in(node: Any) -> set[str]:
    """The names of the fields that an expression reads."""
    match node:
        case ir.ColumnRef():
            return {node.name}
        case tuple():
            return set().union(*map(fields_in, node))
        case ir.Expr():
            return fields_in(tuple(vars(node).values()))
        case _:
            return set()


def refused(what: str) -> AxiomRefusal:
    """The refusal of something that the sandbox does not support, whatever Axiom would do."""
    return bad_query(f"the sandbox does not run {what}")


def span_seconds(node: ir.Expr) -> float | None:
    """How long a literal timespan is, or None for anything else."""
    if not isinstance(node, ir.Literal) or node.kind != "timespan":
        return None
    found = SPAN.fullmatch(str(node.value))
    return float(found[1]) * SPAN_SECONDS[found[2]] if found else None


def _binary(operator: str, left: str, right: str) -> str:
    numbers = {left, right} <= NUMBERS
    match operator:
        case "and" | "or":
            return _pair(operator, left, right, frozenset({"boolean"}))
        case "==" | "!=":
            return "boolean" if numbers else _pair(operator, left, right, ORDERED | {"string", "boolean"})
        case "<" | "<=" | ">" | ">=":
            return "boolean" if numbers else _pair(operator, left, right, ORDERED)
        case text if text in TEXT_OPERATORS:
            return _pair(operator, left, right, frozenset({"string"}))
        case _:
            raise refused(f"{left} {operator} {right}")


def _pair(operator: str, left: str, right: str, allowed: frozenset[str]) -> str:
    if left != right or left not in allowed:
        raise bad_query(f"{operator} does not take {left} and {right}")
    return "boolean"


def _in_list_kind(node: ir.InList, columns: Columns) -> str:
    kind = kind_of(node.value, columns)
    for item in node.items:
        _binary("==", kind, kind_of(item, columns))
    return "boolean"


def _call(node: ir.FunctionCall, columns: Columns) -> str:
    kinds = tuple(kind_of(argument, columns) for argument in node.args)
    match (node.name, kinds):
        case ("isempty" | "isnotempty", ("string",)):
            return "boolean"
        case ("bin", ("datetime", "timespan")):
            _check_bin(span_seconds(node.args[1]))
            return "datetime"
        case _:
            raise refused(f"{node.name}({', '.join(kinds)})")


def _check_bin(seconds: float | None) -> None:
    """Where longer bins begin is not documented; bins that divide a day begin at midnight."""
    if not seconds or 86_400 % seconds:
        raise refused("bins that do not divide a day")


def _literal(node: ir.Literal) -> ir.Literal:
    if node.kind not in LITERALS or node.value is None:
        raise refused(f"{node.kind} literals")
    if node.kind == "timespan" and span_seconds(node) is None:
        raise refused(f"the timespan {node.value}")
    return _datetime(str(node.value)) if node.kind == "datetime" else node


def _datetime(text: str) -> ir.Literal:
    try:
        if DATETIME.fullmatch(text.strip()):
            time = datetime.fromisoformat(text.strip())
            return _moment(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        pass
    raise bad_query(f"datetime({text[:40]}) is not a time that the sandbox reads")


def _moment(time: datetime) -> ir.Literal:
    return ir.Literal(time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "datetime")


def _field_or_fallback(node: ir.FunctionCall, columns: Columns) -> ir.Expr:
    """`column_ifexists('field', fallback)`: the field, if one of that name is visible."""
    match node.args:
        case (ir.Literal(kind="string") as name, fallback):
            return ir.ColumnRef(str(name.value)) if name.value in columns else resolve(fallback, columns)
        case _:
            raise refused("column_ifexists of anything but a name and a fallback")


def _in_list(node: ir.InList, columns: Columns) -> ir.Expr:
    """A membership test whose lists, nested ones too, are flattened, as APL's `in` does."""
    items: list[ir.Expr] = []
    for item in node.items:
        value = item.value if isinstance(item, ir.LetRef) else item
        if isinstance(value, ir.Literal) and value.kind == "dynamic":
            items.extend(_elements(json.loads(str(value.value))))
        else:
            items.append(resolve(item, columns))
    if not items:
        return ir.Literal(node.negated, "bool")
    return ir.InList(resolve(node.value, columns), tuple(items), node.negated)


def _elements(value: Any) -> list[ir.Expr]:
    match value:
        case list():
            return [element for each in value for element in _elements(each)]
        case bool():
            return [ir.Literal(value, "bool")]
        case int():
            return [ir.Literal(value, "long")]
        case float():
            return [ir.Literal(value, "real")]
        case str():
            return [ir.Literal(value, "string")]
        case _:
            raise refused("lists of anything but strings, numbers and booleans")
