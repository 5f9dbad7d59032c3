"""A query request and its tabular answer: time range, limits, messages (docs/facts/axiom.md, 2.3).

Options that the sandbox does not support (cursors, variables, other formats) are refused, not ignored.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import duckdb
from duckdb_kql import ir

from audit_assets.sandbox.axiom.apl_expressions import refused
from audit_assets.sandbox.axiom.apl_syntax import read_query
from audit_assets.sandbox.axiom.axiom_behaviour import AxiomBehaviour, AxiomRefusal
from audit_assets.sandbox.axiom.event_store import AxiomStore, View
from audit_assets.sandbox.axiom.query_plan import QueryPlan, plan_query, sql_for

LONGEST_RANGE = timedelta(days=3_650)
"""The time range of a request without a start."""

SUPPORTED_KEYS = frozenset({"apl", "startTime", "endTime"})

HOURLY_BINS = timedelta(days=3)
"""Up to this range `bin_auto` makes bins of an hour, beyond it of a day. Axiom's own sizes are not published."""

NO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class QueryRequest:
    """A query with its range [start, end), naive and in UTC."""

    apl: str
    start: datetime
    end: datetime


def parse_query_request(body: dict[str, Any], result_format: str, now: datetime) -> QueryRequest:
    """The query in a request. Raises AxiomRefusal 400."""
    if result_format != "tabular":
        raise AxiomRefusal(400, "the sandbox answers format=tabular only")
    if not isinstance(body.get("apl"), str):
        raise AxiomRefusal(400, "apl is required")
    if others := sorted(key for key, value in body.items() if value and key not in SUPPORTED_KEYS):
        raise AxiomRefusal(400, f"the sandbox does not support {', '.join(others)}")
    start = _instant(body.get("startTime"), now - LONGEST_RANGE)
    if any("\ud800" <= letter <= "\udfff" for letter in body["apl"]):
        raise AxiomRefusal(400, "apl is not valid Unicode: it contains half of a surrogate pair")
    return QueryRequest(body["apl"], start, _instant(body.get("endTime"), now))


def _instant(value: Any, default: datetime) -> datetime:
    """RFC 3339; `now-30d` is refused."""
    if value is None or value == "":
        return default.replace(tzinfo=None)
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError):
        raise AxiomRefusal(400, f"{str(value)[:40]!r} is not a time") from None


def run_query(request: QueryRequest, store: AxiomStore, behaviour: AxiomBehaviour, now: datetime) -> dict[str, Any]:
    """The body of a 200. Raises AxiomRefusal: 400 for the text, 404 for the dataset, 432 when it runs out of memory."""
    began = time.perf_counter()
    query = read_query(request.apl)
    if behaviour.longest_range and request.end - request.start > behaviour.longest_range:
        raise AxiomRefusal(400, "the time range of the query is too long")
    try:
        with store.reading(query.dataset, now) as view:
            first = timedelta(0) if behaviour.range_start_included else timedelta(microseconds=1)
            source = view.source(request.start + first, request.end)
            plan = plan_query(query, view.fields, "1h" if request.end - request.start <= HOURLY_BINS else "1d")
            _bound_rows(plan, behaviour)

            def run(*operators: ir.Operator) -> list[tuple]:
                return view.cursor.execute(sql_for(operators, view.fields, source)).fetchall()

            is_whole = plan.limited or (plan.groups and not behaviour.default_cuts_summaries)
            most = behaviour.most_rows if is_whole else min(behaviour.default_rows, behaviour.most_rows)
            rows = run(*plan.operators, ir.Take(most + 1))
            matching = takewhile(lambda stage: isinstance(stage, ir.Where), plan.operators)
            [(matched,)] = run(*matching, ir.Count("count"))
            totals = run(*plan.totals) if plan.totals else None
            status = _status(view, source, matched, len(rows) if plan.groups else 0)
    except duckdb.OutOfMemoryException:
        raise AxiomRefusal(432, "the query ran out of memory") from None
    except duckdb.Error as problem:
        raise refused(f"this query ({str(problem)[:200]})") from None
    if len(rows) > most and not plan.limited and behaviour.default_is_announced:
        text = f"A default limit of {most} was applied"
        status["messages"] = [{"priority": "warn", "count": 1, "code": "default_limit_warning", "msg": text}]
    status["elapsedTime"] = int((time.perf_counter() - began) * 1_000_000)
    tables = [_table(plan, rows[:most], query.dataset, request)]
    if totals is not None:
        tables.append(_totals(plan, totals, tables[0]))
    return {
        "format": "tabular",
        "status": status,
        "tables": tables,
        "datasetNames": [query.dataset],
        "fieldsMetaMap": {query.dataset: [_field_meta(name, kind) for name, kind in view.fields.items()]},
    }


def _bound_rows(plan: QueryPlan, behaviour: AxiomBehaviour) -> None:
    """Bounds what comes out of a stage, where a test has such a bound."""
    bounds = ((ir.Distinct, behaviour.most_distinct), (ir.Summarize, behaviour.most_summarized))
    for stage, most in bounds:
        places = [at for at, operator in enumerate(plan.operators) if isinstance(operator, stage)]
        for at in reversed(places if most is not None else []):
            plan.operators.insert(at + 1, ir.Take(most or 0))


def _status(view: View, source: str, matched: int, groups: int) -> dict[str, Any]:
    scan = f"SELECT count(*), min(_time), max(_time) FROM ({source})"  # noqa: S608 - names of our own
    [(scanned, oldest, newest)] = view.cursor.execute(scan).fetchall()
    return {
        "minCursor": _cursor(oldest),
        "maxCursor": _cursor(newest),
        "blocksExamined": 1 if scanned else 0,
        "blocksCached": 0,
        "blocksMatched": 1 if matched else 0,
        "blocksSkipped": 0,
        "rowsExamined": scanned,
        "rowsMatched": matched,
        "numGroups": groups,
        "isPartial": False,
        "cacheStatus": 1,
        "minBlockTime": rfc3339(oldest) if oldest else NO_TIME,
        "maxBlockTime": rfc3339(newest) if newest else NO_TIME,
    }


def _cursor(at: datetime | None) -> str:
    return f"{at:%Y%m%d%H%M%S%f}-sandbox" if at else ""


def _field_meta(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "unit": "", "hidden": False, "description": ""}


def _table(plan: QueryPlan, rows: list[tuple], dataset: str, request: QueryRequest) -> dict[str, Any]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(plan.columns)
    kinds = plan.columns.items()
    return {
        "name": "0",
        "sources": [{"name": dataset}],
        "fields": [{"name": name, "type": kind} | _aggregate(plan, name) for name, kind in kinds],
        "order": [{"field": field, "desc": descending} for field, descending in plan.order],
        "groups": [{"name": group} for group in plan.groups],
        "range": {"field": "_time", "start": rfc3339(request.start), "end": rfc3339(request.end)},
        "columns": [_shown(values, kind) for values, (_, kind) in zip(columns, kinds, strict=True)],
    }


def _totals(plan: QueryPlan, rows: list[tuple], table: dict[str, Any]) -> dict[str, Any]:
    """The second table of a summarize that is binned by time: the same without the bins."""
    kinds = [(name, kind) for name, kind in plan.columns.items() if name != "_time"]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
    return table | {
        "name": "_totals",
        "fields": [field for field in table["fields"] if field["name"] != "_time"],
        "order": [],
        "groups": [group for group in table["groups"] if group["name"] != "_time"],
        "columns": [_shown(values, kind) for values, (_, kind) in zip(columns, kinds, strict=True)],
    }


def _aggregate(plan: QueryPlan, name: str) -> dict[str, Any]:
    return {"agg": plan.aggregates[name]} if name in plan.aggregates else {}


def _shown(values: tuple, kind: str) -> list[Any]:
    """A column as JSON has it: integers stay integers, times become text."""
    match kind:
        case "datetime":
            return [None if value is None else rfc3339(value) for value in values]
        case "array":
            return [None if value is None else json.loads(value) for value in values]
        case _:
            return list(values)


def rfc3339(at: datetime) -> str:
    """A naive time in UTC as Axiom writes it: no trailing zeros, and Z."""
    text = at.isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
