"""A query request and its tabular answer: time range, limits, messages, totals (docs/facts/axiom.md, 2.3).

Options that the sandbox does not support (cursors, variables, other formats) are refused, not ignored.
"""

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from duckdb_kql import ir

from audit_assets.sandbox.axiom.apl_expressions import refused
from audit_assets.sandbox.axiom.apl_syntax import read_query
from audit_assets.sandbox.axiom.axiom_behaviour import AxiomBehaviour, AxiomRefusal
from audit_assets.sandbox.axiom.event_store import AxiomStore, View, expiry, quoted
from audit_assets.sandbox.axiom.query_plan import QueryPlan, plan_query, sql_for

LONGEST_RANGE = timedelta(days=3_650)
"""The time range of a request without a start."""

SUPPORTED_KEYS = frozenset({"apl", "startTime", "endTime"})

RELATIVE = re.compile(r"now(?:-(\d{1,6})([smhdw]))?")
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

NO_TIME = "0001-01-01T00:00:00Z"

Run = Callable[[list[ir.Operator]], list[tuple]]


@dataclass(frozen=True)
class QueryRequest:
    """A query with its range [start, end), naive and in UTC."""

    apl: str
    start: datetime
    end: datetime


def parse_query_request(body: Any, result_format: str, now: datetime) -> QueryRequest:
    """The query in a request. Raises AxiomRefusal 400."""
    if result_format != "tabular":
        raise AxiomRefusal(400, "the sandbox answers format=tabular only")
    if not isinstance(body, dict) or not isinstance(body.get("apl"), str):
        raise AxiomRefusal(400, "apl is required")
    if others := sorted(key for key, value in body.items() if value and key not in SUPPORTED_KEYS):
        raise AxiomRefusal(400, f"the sandbox does not support {', '.join(others)}")
    start = _instant(body.get("startTime"), now - LONGEST_RANGE, now)
    if any("\ud800" <= letter <= "\udfff" for letter in body["apl"]):
        raise AxiomRefusal(400, "apl is not valid Unicode: it contains half of a surrogate pair")
    return QueryRequest(body["apl"], start, _instant(body.get("endTime"), now, now))


def _instant(value: Any, default: datetime, now: datetime) -> datetime:
    """RFC 3339, or `now-30d`."""
    if value is None or value == "":
        return default.replace(tzinfo=None)
    try:
        if found := RELATIVE.fullmatch(value):
            back = timedelta(seconds=int(found[1]) * UNIT_SECONDS[found[2]]) if found[1] else timedelta(0)
            return (now - back).replace(tzinfo=None)
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError):
        raise AxiomRefusal(400, f"{str(value)[:40]!r} is not a time") from None


def run_query(request: QueryRequest, store: AxiomStore, behaviour: AxiomBehaviour, now: datetime) -> dict[str, Any]:
    """The body of a 200. Raises AxiomRefusal: 400 for the text, 404 for the dataset, 432 when it runs out of memory."""
    began = time.perf_counter()
    query = read_query(request.apl)
    try:
        with store.reading(query.dataset, now) as view:
            start = max(request.start, expiry(view.dataset, view.now)) if behaviour.expire else request.start
            source = view.source(start, request.end)
            plan = plan_query(query, view.fields)

            def run(operators: list[ir.Operator]) -> list[tuple]:
                return view.cursor.execute(sql_for(operators, view.fields, source)).fetchall()

            _check_group_limit(plan, run)
            most = behaviour.most_rows if plan.limited else min(behaviour.default_rows, behaviour.most_rows)
            rows = run([*plan.operators, ir.Take(most + 1)])
            status = _status(plan, run, _scan(view, source), len(rows))
            if len(rows) > most and not plan.limited:
                status["messages"] = [_limit_message(most)]
            tables = [_table("0", plan, rows[:most], query.dataset, request)]
            if plan.totals:
                totals = run([*plan.totals.operators, ir.Take(behaviour.most_rows)])
                tables.append(_table("_totals", plan.totals, totals, query.dataset, request))
            meta = {query.dataset: [_field_meta(name, kind) for name, kind in view.fields.items()]}
    except duckdb.OutOfMemoryException:
        raise AxiomRefusal(432, "the query ran out of memory") from None
    except duckdb.Error as problem:
        raise refused(f"this query ({str(problem)[:200]})") from None
    status["elapsedTime"] = int((time.perf_counter() - began) * 1_000_000)
    return {
        "format": "tabular",
        "status": status,
        "tables": tables,
        "datasetNames": [query.dataset],
        "fieldsMetaMap": meta,
    }


def _check_group_limit(plan: QueryPlan, run: Run) -> None:
    """Refuse a limit that would drop groups from every time bin: which ones Axiom keeps is not known well enough."""
    if plan.time_groups is None or plan.group_limit is None:
        return
    [(groups,)] = run(plan.time_groups)
    if groups > plan.group_limit:
        raise refused("a limit below the number of groups, after a summarize that begins with time: put the time last")


@dataclass(frozen=True)
class _Scan:
    rows: int
    oldest: datetime | None
    newest: datetime | None


def _scan(view: View, source: str) -> _Scan:
    at = quoted("_time")
    [row] = view.cursor.execute(f"SELECT count(*), min({at}), max({at}) FROM ({source})").fetchall()  # noqa: S608 - names of our own
    return _Scan(*row)


def _status(plan: QueryPlan, run: Run, scanned: _Scan, rows: int) -> dict[str, Any]:
    matched = run([*plan.filters, ir.Count("count")])[0][0]
    blocks = 1 if scanned.rows else 0
    return {
        "minCursor": _cursor(scanned.oldest),
        "maxCursor": _cursor(scanned.newest),
        "blocksExamined": blocks,
        "blocksCached": 0,
        "blocksMatched": 1 if matched else 0,
        "blocksSkipped": 0,
        "rowsExamined": scanned.rows,
        "rowsMatched": matched,
        "numGroups": rows if plan.groups else 0,
        "isPartial": False,
        "cacheStatus": 1,
        "minBlockTime": rfc3339(scanned.oldest) if scanned.oldest else NO_TIME,
        "maxBlockTime": rfc3339(scanned.newest) if scanned.newest else NO_TIME,
    }


def _cursor(at: datetime | None) -> str:
    return f"{at:%Y%m%d%H%M%S%f}-sandbox" if at else ""


def _limit_message(rows: int) -> dict[str, Any]:
    text = f"A default limit of {rows} was applied"
    return {"priority": "warn", "count": 1, "code": "default_limit_warning", "msg": text}


def _field_meta(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "unit": "", "hidden": False, "description": ""}


def _table(name: str, plan: QueryPlan, rows: list[tuple], dataset: str, request: QueryRequest) -> dict[str, Any]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(plan.columns)
    kinds = plan.columns.items()
    return {
        "name": name,
        "sources": [{"name": dataset}],
        "fields": [_field(column, kind, plan) for column, kind in kinds],
        "order": [{"field": field, "desc": descending} for field, descending in plan.order],
        "groups": [{"name": group} for group in plan.groups],
        "range": {"field": "_time", "start": rfc3339(request.start), "end": rfc3339(request.end)},
        "columns": [_shown(values, kind) for values, (_, kind) in zip(columns, kinds, strict=True)],
    }


def _field(name: str, kind: str, plan: QueryPlan) -> dict[str, Any]:
    aggregate = plan.aggregates.get(name)
    if aggregate is None:
        return {"name": name, "type": kind}
    described: dict[str, Any] = {"name": aggregate.name}
    if aggregate.fields:
        described["fields"] = list(aggregate.fields)
    return {"name": name, "type": kind, "agg": described}


def _shown(values: tuple, kind: str) -> list[Any]:
    """A column as JSON has it: integers stay integers, times become text."""
    match kind:
        case "datetime":
            return [None if value is None else _time(value) for value in values]
        case "float":
            return [None if value is None else _number(value) for value in values]
        case "array":
            return [None if value is None else json.loads(value) for value in values]
        case "timespan":
            raise refused("a result with timespans")
        case _:
            return list(values)


def _time(value: Any) -> str:
    """A time as JSON has it; DuckDB returns text for times outside of Python's range."""
    if not isinstance(value, datetime):
        raise refused("a result with times before the year 1 or after 9999")
    return rfc3339(value)


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise refused("a result that is not a finite number")
    return float(value)


def rfc3339(at: datetime) -> str:
    """A naive time in UTC as Axiom writes it: no trailing zeros, and Z."""
    text = at.isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
