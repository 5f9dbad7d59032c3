"""`summarize`: which aggregates the sandbox runs, and the rewriting of those that duckdb-kql gets wrong.

arg_max and arg_min of several fields must take them from one row, so the row is packed into one value first;
make_set must stop at 128 values, or at the number given, and must not take text that looks like a list for one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from duckdb_kql import ir

from audit_assets.sandbox.axiom.apl_kinds import NUMBERS, ORDERED, Columns, kind_of, refused, resolved
from audit_assets.sandbox.axiom.store import quoted

SET_SIZE = 128
"""Values of a make_set that gives no number (facts/apl.md, 1)."""


@dataclass(frozen=True)
class Aggregate:
    """What a result says of an aggregated column."""

    name: str
    fields: tuple[str, ...] = ()
    args: tuple[int, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A checked summarize: how it is run, and what comes out, groups first."""

    operators: tuple[ir.Operator, ...]
    columns: dict[str, str]
    groups: tuple[str, ...]
    aggregates: Mapping[str, Aggregate]
    time_bins: tuple[int, ...]
    """Which of the groups are bins of `_time`."""


def summary_of(op: ir.Summarize, columns: Columns, now: datetime) -> Summary:
    """Check a summarize over `columns`. Raises AxiomRefusal."""
    by = tuple(_group(key, columns, now) for key in op.by)
    aggregates = tuple(_aggregate(each, columns, now) for each in op.aggregates)
    if not by and not aggregates:
        raise refused("a summarize of nothing")
    groups = {_name(key): kind_of(key.expr, columns) for key in by}
    out: list[tuple[str, str, Aggregate]] = []
    for each in aggregates:
        out.extend(_results(each, columns, groups))
    names = [*groups, *(name for name, _, _ in out)]
    if len({name.casefold() for name in names}) < len(by) + len(out):
        raise refused("a summarize with two columns of one name")
    return Summary(
        operators=_rewritten(by, aggregates, columns, groups),
        columns=groups | {name: kind for name, kind, _ in out},
        groups=tuple(groups),
        aggregates={name: aggregate for name, _, aggregate in out},
        time_bins=tuple(index for index, key in enumerate(by) if _is_time_bin(key.expr)),
    )


def _group(key: ir.NamedExpr, columns: Columns, now: datetime) -> ir.NamedExpr:
    if key.name is None and not isinstance(key.expr, ir.ColumnRef):
        raise refused("a group without a name: write name=expression")
    named = ir.NamedExpr(resolved(key.expr, columns, now), key.name)
    if kind_of(named.expr, columns) in ("array", "timespan"):
        raise refused("groups of arrays or timespans")
    return named


def _name(named: ir.NamedExpr) -> str:
    return _field(named.expr) if named.name is None else named.name


def _field(expr: ir.Expr) -> str:
    """The name of a field; anything else is refused."""
    if not isinstance(expr, ir.ColumnRef):
        raise refused("an expression where a field is expected")
    return expr.name


def _is_time_bin(expr: ir.Expr) -> bool:
    return isinstance(expr, ir.FunctionCall) and expr.name == "bin" and expr.args[0] == ir.ColumnRef("_time")


def _aggregate(each: ir.NamedExpr, columns: Columns, now: datetime) -> ir.NamedExpr:
    call = _call(each)
    if call.name in ("arg_max", "arg_min"):
        if each.name is not None:
            raise refused(f"a name for {call.name}")
        return each
    name = "count_" if each.name is None and call.name == "count" else each.name
    if name is None:
        raise refused(f"{call.name} without a name: write name={call.name}(...)")
    arguments = tuple(resolved(argument, columns, now) for argument in call.args)
    return ir.NamedExpr(ir.FunctionCall(call.name, arguments), name)


def _call(named: ir.NamedExpr) -> ir.FunctionCall:
    if not isinstance(named.expr, ir.FunctionCall):
        raise refused("a summarize of anything but a plain aggregate")
    return named.expr


def _results(named: ir.NamedExpr, columns: Columns, groups: Columns) -> Iterator[tuple[str, str, Aggregate]]:
    """Name, kind and description of each column that an aggregate gives."""
    call = _call(named)
    if call.name in ("arg_max", "arg_min"):
        key, picked = _arg_parts(call, columns, groups)
        for name in (key, *picked):
            yield name, columns[name], Aggregate(call.name, (key,))
        return
    kinds = [kind_of(argument, columns) for argument in call.args]
    fields = tuple(argument.name for argument in call.args if isinstance(argument, ir.ColumnRef))
    size = (_set_size(call),) if call.name == "make_set" else ()
    yield _name(named), _kind(call, kinds), Aggregate(call.name, fields, size)


def _kind(call: ir.FunctionCall, kinds: list[str]) -> str:
    match (call.name, kinds):
        case ("count", []) | ("countif", ["boolean"]):
            return "integer"
        case ("sum", [kind]) | ("sumif", [kind, "boolean"]) if kind in NUMBERS:
            return kind
        case ("avg", [kind]) if kind in NUMBERS:
            return "float"
        case ("min" | "max", [kind]) if kind in ORDERED:
            return kind
        case ("make_set", [kind, *_]) | ("make_list", [kind]) if kind not in ("array", "timespan"):
            _field(call.args[0])
            return "array"
        case _:
            raise refused(f"{call.name}({', '.join(kinds)})")


def _set_size(call: ir.FunctionCall) -> int:
    match call.args:
        case (_,):
            return SET_SIZE
        case (_, ir.Literal(value=int(size), kind="long")) if size > 0:
            return size
        case _:
            raise refused("make_set with anything but a field and a number")


def _arg_parts(call: ir.FunctionCall, columns: Columns, groups: Columns) -> tuple[str, tuple[str, ...]]:
    """The field whose extreme is looked for, and those that are taken from its row."""
    match call.args:
        case (ir.ColumnRef(name=key), ir.Wildcard()):
            picked = tuple(name for name in columns if name != key and name not in groups)
        case (ir.ColumnRef(name=key), *fields) if fields:
            picked = tuple(map(_field, fields))
        case _:
            raise refused(f"{call.name} of anything but fields, or * alone")
    for name in (key, *picked):
        kind_of(ir.ColumnRef(name), columns)
    if columns[key] not in ORDERED:
        raise refused(f"{call.name} over a field of type {columns[key]}")
    return key, picked


def _rewritten(
    by: tuple[ir.NamedExpr, ...], aggregates: tuple[ir.NamedExpr, ...], columns: Columns, groups: Columns
) -> tuple[ir.Operator, ...]:
    """The operators that do it right: pack, summarize, unpack. Without anything to pack, the summarize alone."""
    hidden = _hidden_names(columns)
    packed: list[ir.NamedExpr] = []
    called: list[ir.NamedExpr] = []
    shown = [ir.NamedExpr(ir.ColumnRef(name), name) for name in groups]
    for named in aggregates:
        call = _call(named)
        if call.name in ("arg_max", "arg_min"):
            key, picked = _arg_parts(call, columns, groups)
            row = next(hidden)
            packed.append(ir.NamedExpr(_sql(_packed(picked)), row))
            called.append(ir.NamedExpr(ir.FunctionCall(call.name, (ir.ColumnRef(key), ir.ColumnRef(row)))))
            shown.append(ir.NamedExpr(ir.ColumnRef(key), key))
            shown += [ir.NamedExpr(_sql(f"{quoted(row)}.f{i}"), name) for i, name in enumerate(picked)]
        elif call.name == "make_set":
            value, name = next(hidden), _name(named)
            packed.append(ir.NamedExpr(_sql(_as_json(_field(call.args[0]))), value))
            called.append(ir.NamedExpr(ir.FunctionCall("make_set", (ir.ColumnRef(value),)), name))
            shown.append(ir.NamedExpr(_sql(_first(name, _set_size(call))), name))
        else:
            called.append(named)
            shown.append(ir.NamedExpr(ir.ColumnRef(_name(named)), _name(named)))
    summarize = ir.Summarize(tuple(called), by)
    if not packed:
        return (summarize,)
    return ir.Extend(tuple(packed)), summarize, ir.Project(tuple(shown))


def without_group(op: ir.Summarize, index: int) -> ir.Summarize:
    """The same summarize with one group fewer."""
    return replace(op, by=op.by[:index] + op.by[index + 1 :])


def _hidden_names(columns: Columns) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        if (name := f"packed {number}") not in columns:
            yield name


def _sql(text: str) -> ir.Expr:
    """A piece of SQL of our own in the place of an expression."""
    return ir.RenderedAggregate(text)


def _packed(names: tuple[str, ...]) -> str:
    return f"struct_pack({', '.join(f'f{i} := {quoted(name)}' for i, name in enumerate(names))})"


def _as_json(field: str) -> str:
    return f"CASE WHEN {quoted(field)} IS NOT NULL THEN to_json({quoted(field)}) END"


def _first(name: str, size: int) -> str:
    return f"to_json(list_slice(CAST({quoted(name)} AS JSON[]), 1, {size}))"
