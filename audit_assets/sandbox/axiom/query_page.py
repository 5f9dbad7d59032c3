"""The page that a ticket's link opens: a query with its time range, run again, and its rows.

It belongs to no service's API: no fault reaches it, nothing counts against a limit, and no token is asked for, so it
answers nobody but this machine. What it runs only reads, and goes the way of every query that the API answers.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from audit_assets.sandbox.axiom.behaviour import AxiomRefusal
from audit_assets.sandbox.axiom.query_execution import QueryRequest, request_from
from audit_assets.sandbox.axiom.query_table import instant, rows_in, shown
from audit_assets.sandbox.sandbox_pages import page_headers, render_page, style_sheet

Ask = Callable[[QueryRequest, datetime], dict[str, Any]]
"""Runs a query as of a moment: the body of a 200, or an AxiomRefusal."""

STYLE = style_sheet("axiom/query_page.css")
HEADERS = page_headers(STYLE)

QUICK_RANGES = ("1h", "24h", "7d", "30d", "90d")
"""The ranges up to now that a link may name (facts/axiom.md, 4)."""

LOOPBACK = ("127.0.0.1", "localhost")

AN_HOUR = timedelta(hours=1)

LONGEST_SENTENCE = 400


def query_route(path: str, ask: Ask, now: Callable[[], datetime]) -> Route:
    """The route of the page at `path`."""

    def opened(request: Request) -> Response:
        # The owner of any other name could point it here, and have a page of theirs read what this one says.
        if request.headers.get("host", "").rsplit(":", 1)[0] not in LOOPBACK:
            return _refusal_page("This address opens nothing", "The sandbox answers this machine alone.", status=403)
        moment = now()
        try:
            asked = asked_by(request.query_params.getlist("initForm"), moment)
        except AxiomRefusal as refusal:
            return _refusal_page("This link opens no query", _sentence(refusal))
        try:
            answer = ask(asked, moment)
        except AxiomRefusal as refusal:
            return _refusal_page("This query was refused", _sentence(refusal), asked)
        return HTMLResponse(result_page(asked, answer), headers=HEADERS)

    return Route(path, opened)


def asked_by(forms: list[str], now: datetime) -> QueryRequest:
    """The query in a link's `initForm`. Raises AxiomRefusal 400 with one sentence."""
    if len(forms) != 1:
        raise AxiomRefusal(400, "a link holds its query in one initForm")
    form = _form(forms[0])
    if not isinstance(form.get("apl"), str):
        raise AxiomRefusal(400, "the link's initForm has no apl")
    options = form.get("queryOptions")
    if not isinstance(options, dict):
        raise AxiomRefusal(400, "the link's initForm has no queryOptions with a time range")
    if others := (form.keys() - {"apl", "queryOptions"}) | (options.keys() - {"startTime", "endTime", "quickRange"}):
        raise AxiomRefusal(400, f"the sandbox does not play {', '.join(sorted(others))} in an initForm")
    asked = request_from({"apl": form["apl"], **_range(options)}, "tabular", now)
    if asked.start >= asked.end:
        raise AxiomRefusal(400, "the time range does not end after its beginning")
    return asked


def _form(text: str) -> dict[str, Any]:
    try:
        form = json.loads(text)
        json.dumps(form, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise AxiomRefusal(400, "the link's initForm holds half a character") from None
    except (ValueError, RecursionError):
        raise AxiomRefusal(400, "the link's initForm is not JSON") from None
    if not isinstance(form, dict):
        raise AxiomRefusal(400, "the link's initForm is not a JSON object")
    return form


def _range(options: dict[str, Any]) -> dict[str, Any]:
    quick, start, end = (options.get(name) for name in ("quickRange", "startTime", "endTime"))
    if quick is None and start and end:
        return {"startTime": start, "endTime": end}
    if start is None and end is None and quick in QUICK_RANGES:
        return {"startTime": f"now-{quick}", "endTime": "now"}
    named = ", ".join(QUICK_RANGES)
    raise AxiomRefusal(400, f"the link needs a startTime and an endTime, or a quickRange out of {named}")


def result_page(asked: QueryRequest, answer: dict[str, Any]) -> str:
    """The HTML of a query and the rows of its answer, as `answer_to` gives it."""
    hour = asked.end - min(AN_HOUR, asked.end - asked.start)
    return _page(
        "query_result",
        datasets=shown(", ".join(answer["datasetNames"])),
        start=_utc(asked.start),
        end=_utc(asked.end),
        last_hour=_utc(hour),
        apl=_apl(asked),
        messages=[shown(message["msg"]) for message in answer["status"].get("messages", [])],
        rows=rows_in(answer["tables"][0], hour),
    )


def _refusal_page(title: str, reason: str, asked: QueryRequest | None = None, *, status: int = 400) -> Response:
    html = _page("query_refusal", title=title, reason=shown(reason), apl=_apl(asked) if asked else None)
    return HTMLResponse(html, status, headers=HEADERS)


def _sentence(refusal: AxiomRefusal) -> str:
    """The refusal's message on one line, with its place in the text where that is known."""
    message = " ".join(refusal.message.split()).rstrip(".")
    if len(message) > LONGEST_SENTENCE:
        message = message[:LONGEST_SENTENCE] + "…"
    detail = refusal.detail or {"line": 1, "column": 1}
    known = (detail["line"], detail["column"]) != (1, 1)
    place = f" (line {detail['line']}, column {detail['column']})" if known else ""
    return f"{message[:1].upper()}{message[1:]}{place}."


def _apl(asked: QueryRequest) -> str:
    return shown(asked.apl, kept="\n\t")


def _utc(at: datetime) -> str:
    """A naive time in UTC, for people."""
    return f"{instant(at.replace(tzinfo=UTC))} UTC"


def _page(name: str, **values: Any) -> str:
    return render_page(f"axiom/{name}.html.jinja", service="Axiom", style=STYLE, **values)
