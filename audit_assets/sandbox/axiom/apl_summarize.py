"""`summarize`: which aggregates the sandbox runs, and the columns that come out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from duckdb_kql import ir

from audit_assets.sandbox.axiom.apl_expressions import NUMBERS, ORDERED, Columns, kind_of, refused, resolve


@dataclass(frozen=True)
class Aggregate:
    """How a result describes an aggregated column."""

    name: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A checked summarize: what is run, and what comes out, groups first."""

    operator: ir.Summarize
    columns: dict[str, str]
    groups: tuple[str, ...]
    aggregates: Mapping[str, Aggregate]
    time_bins: tuple[int, ...]
    """Which of the groups are bins of `_time`."""


def check_summarize(operator: ir.Summarize, columns: Columns) -> Summary:
    """Check a summarize over `columns`. Raises AxiomRefusal."""
    by = tuple(_group(key, columns) for key in operator.by)
    calls = {}
    for each in operator.aggregates:
        name, call = _aggregate(each, columns)
        if name in calls:
            raise refused("a summarize with two columns of one name")
        calls[name] = call
    if not by and not calls:
        raise refused("a summarize of nothing")
    groups = {_group_name(key): kind_of(key.expr, columns) for key in by}
    results = groups | {name: _kind(call, columns) for name, call in calls.items()}
    if len({name.casefold() for name in results}) < len(by) + len(calls):
        raise refused("a summarize with two columns of one name")
    return Summary(
        operator=ir.Summarize(tuple(ir.NamedExpr(call, name) for name, call in calls.items()), by),
        columns=results,
        groups=tuple(groups),
        aggregates={name: Aggregate(call.name, _fields(call)) for name, call in calls.items()},
        time_bins=tuple(index for index, key in enumerate(by) if _is_time_bin(key.expr)),
    )


def without_group(operator: ir.Summarize, index: int) -> ir.Summarize:
    """The same summarize with one group fewer."""
    return replace(operator, by=operator.by[:index] + operator.by[index + 1 :])


def _group(key: ir.NamedExpr, columns: Columns) -> ir.NamedExpr:
    if key.name is None and not isinstance(key.expr, ir.ColumnRef):
        raise refused("a group without a name: write name=expression")
    named = ir.NamedExpr(resolve(key.expr, columns), key.name)
    if kind_of(named.expr, columns) in ("array", "timespan"):
        raise refused("groups of arrays or timespans")
    return named


def _group_name(key: ir.NamedExpr) -> str:
    if key.name is not None:
        return key.name
    if not isinstance(key.expr, ir.ColumnRef):
        raise refused("an expression where a field is expected")
    return key.expr.name


def _is_time_bin(expr: ir.Expr) -> bool:
    return isinstance(expr, ir.FunctionCall) and expr.name == "bin" and expr.args[0] == ir.ColumnRef("_time")


def _aggregate(each: ir.NamedExpr, columns: Columns) -> tuple[str, ir.FunctionCall]:
    call = each.expr
    if not isinstance(call, ir.FunctionCall):
        raise refused("a summarize of anything but a plain aggregate")
    name = "count_" if each.name is None and call.name == "count" else each.name
    if name is None:
        raise refused(f"{call.name} without a name: write name={call.name}(...)")
    return name, ir.FunctionCall(call.name, tuple(resolve(argument, columns) for argument in call.args))


def _fields(call: ir.FunctionCall) -> tuple[str, ...]:
    return tuple(argument.name for argument in call.args if isinstance(argument, ir.ColumnRef))


def _kind(call: ir.FunctionCall, columns: Columns) -> str:
    kinds = [kind_of(argument, columns) for argument in call.args]
    match (call.name, kinds):
        case ("count", []):
            return "integer"
        case ("sum", [kind]) if kind in NUMBERS:
            return kind
        case ("min" | "max", [kind]) if kind in ORDERED:
            return kind
        case _:
            raise refused(f"{call.name}({', '.join(kinds)})")
