"""From APL text to SQL: duckdb-kql translates, this module decides what is translated.

Every stage and expression is checked against what is known to be the same in APL and in duckdb-kql 1.1.2
(docs/facts/apl.md, 1 and 4); everything else is a 400 with the reason, never a guess. Field names are checked here, so
that one which is not visible yet is Axiom's `invalid field`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from duckdb_kql import ir
from duckdb_kql.errors import KqlError, KqlSyntaxError
from duckdb_kql.lower import lower
from duckdb_kql.translate import to_sql

from audit_assets.sandbox.axiom.apl_expressions import Columns, aggregate, refused, typed
from audit_assets.sandbox.axiom.apl_syntax import STAGES, QueryText, StageText
from audit_assets.sandbox.axiom.axiom_behaviour import bad_query
from audit_assets.sandbox.axiom.event_store import SOURCE, quoted

NEWEST_FIRST = ir.Sort((ir.SortKey(ir.ColumnRef("_time")),))
"""The order of a plain result, as Axiom's documentation shows it."""


@dataclass
class QueryPlan:
    """A checked query; its operators begin at the visible events."""

    columns: dict[str, str]
    operators: list[ir.Operator] = field(default_factory=list)
    groups: tuple[str, ...] = ()
    aggregates: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By column: how a result describes it."""
    order: tuple[tuple[str, bool], ...] = ()
    """Field, and whether descending."""
    limited: bool = False
    """Whether the text itself limits the result."""
    totals: list[ir.Operator] | None = None
    """What makes the second table, `_totals`, of a summarize that is binned by time."""


def plan_query(query: QueryText, fields: Columns, auto_bin: str = "1h") -> QueryPlan:
    """Check a text against the fields of its dataset. `auto_bin`: what `bin_auto` means. Raises AxiomRefusal 400."""
    _check_distinct_names(fields)
    lowered = _lowered(query)
    if len(lowered.operators) != len(query.stages):
        raise refused("this query as it is written")
    plan = QueryPlan(columns=dict(fields))
    for written, operator in zip(query.stages, lowered.operators, strict=True):
        _check_width(written, operator)
        _add(plan, _with_bins(operator, auto_bin) if isinstance(operator, ir.Summarize) else operator)
        _check_distinct_names(plan.columns)
    if not any(isinstance(op, ir.Sort | ir.Summarize | ir.Distinct) for op in plan.operators):
        limits = [index for index, op in enumerate(plan.operators) if isinstance(op, ir.Take)]
        plan.operators.insert(limits[0] if limits else len(plan.operators), NEWEST_FIRST)
        plan.order = (("_time", True),)
    return plan


def sql_for(operators: Sequence[ir.Operator], fields: Columns, source: str) -> str:
    """One statement that runs these operators over `source`."""
    try:
        translated = str(to_sql(ir.Query(ir.TableRef(SOURCE), list(operators)), {SOURCE: list(fields)}))
    except (KqlError, ValueError, RecursionError) as problem:
        raise refused(f"this query ({problem})") from None
    if not translated.startswith("WITH "):
        raise refused("this query")
    for name, kind in fields.items():
        if kind == "string":
            translated = translated.replace(_text_of_any_type(name), quoted(name))
    return f"WITH {SOURCE} AS ({source}), {translated.removeprefix('WITH ')}"


def _text_of_any_type(name: str) -> str:
    """How duckdb-kql writes the text of a field, whose type it does not know. A string is its own text: with a thousand
    letters instead, DuckDB takes longer to read and check a statement than to run it."""
    return _text_of_a_field().replace('"a_field"', quoted(name))


@cache
def _text_of_a_field() -> str:
    condition = ir.FunctionCall("isnotempty", (ir.ColumnRef("a_field"),))
    written = str(to_sql(ir.Query(ir.TableRef(SOURCE), [ir.Where(condition)])))
    return written.split("(coalesce(", 1)[1].split(", '') IS NOT NULL AND ", 1)[0]


def _lowered(query: QueryText) -> ir.Query:
    try:
        lowered = _parse(query.text)
    except KqlSyntaxError as problem:
        span = problem.diagnostics[0].span if problem.diagnostics else None
        raise bad_query(str(problem), span.line if span else 1, span.column + 1 if span else 1) from None
    except (KqlError, ValueError, RecursionError) as problem:
        raise refused(f"this query ({problem})") from None
    source = lowered.source
    if lowered.lets or lowered.parameters or source != ir.TableRef(query.dataset):
        raise refused("a query over anything but one dataset")
    return lowered


@lru_cache(maxsize=500)
def _parse(text: str) -> ir.Query:
    """What duckdb-kql makes of a text, whatever the fields and the time. Its parser takes longer than the rest of a
    query, and clients repeat the same texts; nothing here changes the result."""
    return lower(text)


def _check_width(written: StageText, operator: ir.Operator) -> None:
    """The translation must have as many expressions as the text."""
    match operator:
        case ir.Extend() | ir.Distinct():
            width = len(operator.expressions)
        case ir.Summarize():
            width = len(operator.aggregates) + len(operator.by)
        case ir.Sort():
            width = len(operator.keys)
        case _:
            width = 1
    if type(operator).__name__ != STAGES[written.operator] or width != written.width:
        raise refused(f"this {written.operator} as it is written")


def _check_distinct_names(columns: Columns) -> None:
    """To DuckDB `Foo` and `foo` are one name; to APL they are two."""
    if len({name.casefold() for name in columns}) < len(columns):
        raise refused("a query over fields that differ by case alone")


def _add(plan: QueryPlan, operator: ir.Operator) -> None:
    match operator:
        case ir.Where():
            predicate = typed(operator.predicate, plan.columns)
            if predicate.kind != "boolean":
                raise bad_query("where takes a condition")
            plan.operators.append(ir.Where(predicate.expr))
        case ir.Extend():
            _add_extend(plan, operator)
        case ir.Distinct():
            names = [_field(each, plan.columns) for each in operator.expressions]
            _start_rows(plan, operator, names, {})
        case ir.Summarize():
            _add_summarize(plan, operator)
        case ir.Sort():
            if any(key.nulls_first is not None for key in operator.keys):
                raise refused("an order with a place for nulls")
            plan.operators.append(operator)
            names = [_field(ir.NamedExpr(key.expr, None), plan.columns) for key in operator.keys]
            plan.order = tuple((name, not key.ascending) for name, key in zip(names, operator.keys, strict=True))
        case ir.Take(count=count) if count >= 0:
            plan.operators.append(operator)
            plan.limited = True
        case _:
            raise refused(f"this {type(operator).__name__}")


def _add_extend(plan: QueryPlan, operator: ir.Extend) -> None:
    """New fields; an expression sees the fields before its stage."""
    made = []
    kinds: dict[str, str] = {}
    for each in operator.expressions:
        if each.name is None or each.name in {**plan.columns, **kinds}:
            raise refused("an extend of anything but new fields: write name=expression")
        expression = typed(each.expr, plan.columns)
        kinds[each.name] = expression.kind
        made.append(ir.NamedExpr(expression.expr, each.name))
    plan.operators.append(ir.Extend(tuple(made)))
    plan.columns |= kinds


def _with_bins(operator: ir.Summarize, auto_bin: str) -> ir.Summarize:
    """`bin_auto(_time)` as the bin that the range of the query gives; how long Axiom's is, is not published."""

    def settled(each: ir.NamedExpr) -> ir.NamedExpr:
        match each.expr:
            case ir.FunctionCall(name="bin_auto", args=(ir.ColumnRef(name="_time") as time,)):
                return ir.NamedExpr(ir.FunctionCall("bin", (time, ir.Literal(auto_bin, "timespan"))), each.name)
        return each

    return ir.Summarize(operator.aggregates, tuple(settled(each) for each in operator.by))


def _is_bin(each: ir.NamedExpr, columns: Columns) -> bool:
    """Whether a group is `bin(_time, …)`, whose column is `_time`."""
    match each:
        case ir.NamedExpr(ir.FunctionCall(name="bin", args=(ir.ColumnRef(name="_time"), _)), None):
            return typed(each.expr, columns).kind == "datetime"
    return False


def _add_summarize(plan: QueryPlan, operator: ir.Summarize) -> None:
    bins = [each for each in operator.by if _is_bin(each, plan.columns)]
    groups = ["_time" if each in bins else _field(each, plan.columns) for each in operator.by]
    results: dict[str, str] = {}
    described: dict[str, dict[str, Any]] = {}
    for each in operator.aggregates:
        if each.name is None or each.name in (*groups, *results):
            raise refused("a summarize without a name of its own for each aggregate: write name=count()")
        results[each.name], described[each.name] = aggregate(each.expr, plan.columns)
    if not results:
        raise refused("a summarize of nothing")
    before = list(plan.operators)
    _start_rows(plan, operator, groups, results)
    plan.groups, plan.aggregates = tuple(groups), described
    if bins:
        others = tuple(each for each in operator.by if each not in bins)
        plan.totals = [*before, ir.Summarize(operator.aggregates, others)]


def _start_rows(plan: QueryPlan, operator: ir.Operator, fields: list[str], others: dict[str, str]) -> None:
    """Rows of these fields and other columns come out: what was known of the rows before is forgotten."""
    if len(set(fields)) < len(fields):
        raise refused("a field named twice")
    plan.columns = {name: plan.columns[name] for name in fields} | others
    plan.operators.append(operator)
    plan.groups, plan.aggregates, plan.order, plan.limited, plan.totals = (), {}, (), False, None


def _field(each: ir.NamedExpr, columns: Columns) -> str:
    """The name of a field, where nothing else may be."""
    if each.name is not None or not isinstance(each.expr, ir.ColumnRef):
        raise refused("an expression where a field is expected: extend first")
    if typed(each.expr, columns).kind == "array":
        raise refused("groups or an order of arrays")
    return each.expr.name
