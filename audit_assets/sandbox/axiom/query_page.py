"""The page that a ticket's query link opens: the query with its time range, run again, and its rows.

It is not part of Axiom's API: it has no faults, no rate limit and no API token, and is behind the sandbox's guard. Its
queries only read, and run as every query of the API does.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomRefusal
from audit_assets.sandbox.axiom.query_execution import QueryRequest, parse_query_request
from audit_assets.sandbox.axiom.query_table import format_time, read_rows, shown
from audit_assets.sandbox.sandbox_pages import page_headers, render_page, style_sheet

RunQuery = Callable[[QueryRequest, datetime], dict[str, Any]]
"""Runs a query at a given time: the body of a 200, or an AxiomRefusal."""

STYLE = style_sheet("axiom/query_page.css")
HEADERS = page_headers(STYLE)

RANGE = frozenset({"startTime", "endTime"})


AN_HOUR = timedelta(hours=1)

LONGEST_SENTENCE = 400


def query_route(path: str, run: RunQuery, now: Callable[[], datetime]) -> Route:
    """The route of the page at `path`."""

    def open_query(request: Request) -> Response:
        moment = now()
        try:
            query = request_from_link(request.query_params.getlist("initForm"), moment)
        except AxiomRefusal as refusal:
            return _refusal_page("This link opens no query", _sentence(refusal))
        try:
            answer = run(query, moment)
        except AxiomRefusal as refusal:
            return _refusal_page("This query was refused", _sentence(refusal), query)
        return HTMLResponse(result_page(query, answer), headers=HEADERS)

    return Route(path, open_query)


def request_from_link(forms: list[str], now: datetime) -> QueryRequest:
    """The query in a link's `initForm`. Raises AxiomRefusal 400 with one sentence."""
    if len(forms) != 1:
        raise AxiomRefusal(400, "a link holds its query in one initForm")
    form = _form(forms[0])
    if not isinstance(form.get("apl"), str):
        raise AxiomRefusal(400, "the link's initForm has no apl")
    options = form.get("queryOptions")
    if not isinstance(options, dict):
        raise AxiomRefusal(400, "the link's initForm has no queryOptions with a time range")
    if others := (form.keys() - {"apl", "queryOptions"}) | (options.keys() - RANGE):
        raise AxiomRefusal(400, f"the sandbox does not support {', '.join(sorted(others))} in an initForm")
    if not all(options.get(name) for name in RANGE):
        raise AxiomRefusal(400, "the link needs a startTime and an endTime")
    query = parse_query_request({"apl": form["apl"], **options}, "tabular", now)
    if query.start >= query.end:
        raise AxiomRefusal(400, "the time range does not end after its beginning")
    return query


def _form(text: str) -> dict[str, Any]:
    try:
        form = json.loads(text)
        json.dumps(form, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise AxiomRefusal(400, "the link's initForm contains half of a surrogate pair") from None
    except (ValueError, RecursionError):
        raise AxiomRefusal(400, "the link's initForm is not JSON") from None
    if not isinstance(form, dict):
        raise AxiomRefusal(400, "the link's initForm is not a JSON object")
    return form


def result_page(query: QueryRequest, answer: dict[str, Any]) -> str:
    """The HTML of a query and the rows of its answer, as `run_query` gives it."""
    hour = query.end - min(AN_HOUR, query.end - query.start)
    return _page(
        "query_result",
        datasets=shown(", ".join(answer["datasetNames"])),
        start=_utc(query.start),
        end=_utc(query.end),
        last_hour=_utc(hour),
        apl=_apl(query),
        messages=[shown(message["msg"]) for message in answer["status"].get("messages", [])],
        rows=read_rows(answer["tables"][0], hour),
    )


def _refusal_page(title: str, reason: str, query: QueryRequest | None = None) -> Response:
    html = _page("query_refusal", title=title, reason=shown(reason), apl=_apl(query) if query else None)
    return HTMLResponse(html, 400, headers=HEADERS)


def _sentence(refusal: AxiomRefusal) -> str:
    """The refusal's message on one line, with its place in the text where that is known."""
    message = " ".join(refusal.message.split()).rstrip(".")
    if len(message) > LONGEST_SENTENCE:
        message = message[:LONGEST_SENTENCE] + "…"
    detail = refusal.detail or {"line": 1, "column": 1}
    known = (detail["line"], detail["column"]) != (1, 1)
    place = f" (line {detail['line']}, column {detail['column']})" if known else ""
    return f"{message[:1].upper()}{message[1:]}{place}."


def _apl(query: QueryRequest) -> str:
    return shown(query.apl, kept="\n\t")


def _utc(at: datetime) -> str:
    """A naive time in UTC, for people."""
    return f"{format_time(at.replace(tzinfo=UTC))} UTC"


def _page(name: str, **values: Any) -> str:
    return render_page(f"axiom/{name}.html.jinja", service="Axiom", style=STYLE, **values)
