"""From APL text to SQL: duckdb-kql translates, this module decides what is translated.

Every stage and expression is checked against what is known to be the same in APL and in duckdb-kql 1.1.2
(docs/facts/apl.md, 1 and 4); everything else is a 400 with the reason, never a guess. Field names are checked here, so
that one which is not visible yet is Axiom's `invalid field`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from duckdb_kql import ir
from duckdb_kql.errors import KqlError, KqlSyntaxError
from duckdb_kql.lower import lower
from duckdb_kql.translate import to_sql

from audit_assets.sandbox.axiom.apl_expressions import Columns, fields_in, kind_of, refused, resolve
from audit_assets.sandbox.axiom.apl_summarize import Aggregate, check_summarize, without_group
from audit_assets.sandbox.axiom.apl_syntax import STAGES, QueryText, StageText
from audit_assets.sandbox.axiom.axiom_behaviour import bad_query
from audit_assets.sandbox.axiom.event_store import SOURCE

NEWEST_FIRST = ir.Sort((ir.SortKey(ir.ColumnRef("_time")),))
"""The order of a plain result, as Axiom's documentation shows it."""


@dataclass
class QueryPlan:
    """A checked query. Each list of operators begins at the visible events."""

    columns: dict[str, str]
    operators: list[ir.Operator] = field(default_factory=list)
    groups: tuple[str, ...] = ()
    aggregates: Mapping[str, Aggregate] = field(default_factory=dict)
    order: tuple[tuple[str, bool], ...] = ()
    """Field, and whether descending."""
    limited: bool = False
    """Whether the text itself limits the result."""
    filters: list[ir.Operator] = field(default_factory=list)
    """The first stages, as long as they only filter events."""
    totals: "QueryPlan | None" = None
    """After a summarize by time: the same without the time."""
    time_groups: list[ir.Operator] | None = None
    """After a summarize that begins with time: these count its groups without the time."""
    group_limit: int | None = None
    """How many of those groups a limit keeps: Axiom's limit counts groups there, not rows."""


def plan_query(query: QueryText, fields: Columns) -> QueryPlan:
    """Check a text against the fields of its dataset. Raises AxiomRefusal 400."""
    _check_distinct_names(fields)
    lowered = _lowered(query)
    if len(lowered.operators) != len(query.stages):
        raise refused("this query as it is written")
    so_far = QueryPlan(columns=dict(fields))
    for written, operator in zip(query.stages, lowered.operators, strict=True):
        _check_width(written, operator)
        _add(so_far, operator)
        _check_distinct_names(so_far.columns)
    if _is_plain(so_far.operators):
        so_far.operators.insert(_first_cut(so_far.operators), NEWEST_FIRST)
        so_far.order = (("_time", True),)
    return so_far


def sql_for(operators: list[ir.Operator], fields: Columns, source: str) -> str:
    """One statement that runs these operators over `source`."""
    if not operators:
        return source
    try:
        translated = str(to_sql(ir.Query(ir.TableRef(SOURCE), operators), {SOURCE: list(fields)}))
    except (KqlError, ValueError, RecursionError) as problem:
        raise refused(f"this query ({problem})") from None
    if not translated.startswith("WITH "):
        raise refused("this query")
    return f"WITH {SOURCE} AS ({source}), {translated.removeprefix('WITH ')}"


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
        case ir.Extend() | ir.Project() | ir.Distinct():
            width = len(operator.expressions)
        case ir.Summarize():
            width = len(operator.aggregates) + len(operator.by)
        case ir.Sort():
            width = len(operator.keys)
        case ir.Count():
            width = 0
        case _:
            width = 1
    if type(operator).__name__ != STAGES[written.operator] or width != written.width:
        raise refused(f"this {written.operator} as it is written")


def _check_distinct_names(columns: Columns) -> None:
    """To DuckDB `Foo` and `foo` are one name; to APL they are two."""
    if len({name.casefold() for name in columns}) < len(columns):
        raise refused("a query over fields that differ by case alone")


def _add(query: QueryPlan, operator: ir.Operator) -> None:
    match operator:
        case ir.Where():
            _add_where(query, operator)
        case ir.Extend() | ir.Project():
            _add_named(query, operator)
        case ir.Distinct():
            _add_distinct(query, operator)
        case ir.Summarize():
            _add_summarize(query, operator)
        case ir.Sort():
            _add_sort(query, operator)
        case ir.Take():
            _add_take(query, operator)
        case ir.Count():
            query.operators.append(ir.Count("count"))
            _reset_rows(query, {"count": "integer"})
            query.aggregates = {"count": Aggregate("count")}
        case _:
            raise refused(f"{type(operator).__name__}")


def _reset_rows(query: QueryPlan, columns: dict[str, str]) -> None:
    """Forget what was known of the rows before: these are new rows."""
    query.columns = columns
    query.groups, query.aggregates, query.order = (), {}, ()
    query.limited, query.totals = False, None
    query.time_groups, query.group_limit = None, None


def _add_where(query: QueryPlan, operator: ir.Where) -> None:
    predicate = resolve(operator.predicate, query.columns)
    if kind_of(predicate, query.columns) != "boolean":
        raise bad_query("where takes a condition")
    if query.filters == query.operators:
        query.filters = [*query.filters, ir.Where(predicate)]
    query.operators.append(ir.Where(predicate))
    query.totals = None


def _add_named(query: QueryPlan, operator: ir.Extend | ir.Project) -> None:
    named = []
    kinds: dict[str, str] = {}
    for each in operator.expressions:
        expression = resolve(each.expr, query.columns)
        name = each.name or (expression.name if isinstance(expression, ir.ColumnRef) else None)
        if name is None or name in kinds:
            raise refused("expressions without a name of their own: write name=expression")
        kinds[name] = kind_of(expression, query.columns)
        named.append(ir.NamedExpr(expression, name))
    _check_order(named)
    if isinstance(operator, ir.Project):
        query.operators.append(ir.Project(tuple(named)))
        query.columns = kinds
    else:
        query.operators.append(ir.Extend(tuple(named)))
        query.columns = query.columns | kinds
    query.aggregates = {name: each for name, each in query.aggregates.items() if query.columns.get(name)}
    query.totals = None


def _check_order(named: list[ir.NamedExpr]) -> None:
    """Whether an expression sees the new value of a field that its stage assigns is not documented."""
    made = {each.name for each in named if each.expr != ir.ColumnRef(each.name or "")}
    for each in named:
        if fields_in(each.expr) & (made - {each.name}):
            raise refused("an expression that reads a field assigned in the same stage: write two stages")


def _add_distinct(query: QueryPlan, operator: ir.Distinct) -> None:
    columns: dict[str, str] = {}
    for each in operator.expressions:
        if each.name is not None or not isinstance(each.expr, ir.ColumnRef) or each.expr.name in columns:
            raise refused("a distinct of anything but fields")
        columns[each.expr.name] = kind_of(each.expr, query.columns)
    query.operators.append(operator)
    _reset_rows(query, columns)


def _add_summarize(query: QueryPlan, operator: ir.Summarize) -> None:
    before, columns = list(query.operators), query.columns
    summary = check_summarize(operator, columns)
    query.operators.append(summary.operator)
    _reset_rows(query, summary.columns)
    query.groups, query.aggregates = summary.groups, summary.aggregates
    if summary.time_bins and (operator.aggregates or operator.by[1:]):
        totals = check_summarize(without_group(operator, summary.time_bins[0]), columns)
        query.totals = QueryPlan(
            totals.columns, [*before, totals.operator], groups=totals.groups, aggregates=totals.aggregates
        )
    if summary.time_bins[:1] == (0,):
        rows = ir.NamedExpr(ir.FunctionCall("count"), "number of rows")
        groups = check_summarize(ir.Summarize((rows,), operator.by[1:]), columns)
        query.time_groups = [*before, groups.operator, ir.Count("count")]


def _add_sort(query: QueryPlan, operator: ir.Sort) -> None:
    order = []
    for key in operator.keys:
        if not isinstance(key.expr, ir.ColumnRef) or key.nulls_first is not None:
            raise refused("an order by anything but fields")
        if kind_of(key.expr, query.columns) == "array":
            raise refused("an order by arrays")
        order.append((key.expr.name, not key.ascending))
    query.operators.append(operator)
    query.order = tuple(order)


def _add_take(query: QueryPlan, operator: ir.Take) -> None:
    if operator.count < 0:
        raise refused("a negative limit")
    if query.time_groups is None:
        query.operators.append(operator)
    else:
        query.group_limit = operator.count if query.group_limit is None else min(query.group_limit, operator.count)
    query.limited = True


def _is_plain(operators: list[ir.Operator]) -> bool:
    return not any(isinstance(op, ir.Sort | ir.Summarize | ir.Distinct | ir.Count) for op in operators)


def _first_cut(operators: list[ir.Operator]) -> int:
    """The position before the first stage that drops rows or the time."""
    for index, op in enumerate(operators):
        cuts = isinstance(op, ir.Project | ir.Take)
        if cuts or (isinstance(op, ir.Extend) and any(each.name == "_time" for each in op.expressions)):
            return index
    return len(operators)
