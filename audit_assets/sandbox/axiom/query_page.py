"""The page that a ticket's link opens: a query with its time range, run again, and its rows.

It belongs to no service's API: no fault reaches it, nothing counts against a limit, and no token is asked for, so it
answers nobody but this machine. What it runs only reads, and goes the way of every query that the API answers.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from audit_assets.sandbox import page
from audit_assets.sandbox.axiom.behaviour import AxiomRefusal
from audit_assets.sandbox.axiom.query import QueryRequest, request_from
from audit_assets.sandbox.axiom.query_table import Rows, instant, rows_in, shown, table_html

Ask = Callable[[QueryRequest, datetime], dict[str, Any]]
"""Runs a query as of a moment: the body of a 200, or an AxiomRefusal."""

STYLE = (
    page.STYLE
    + """\
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0 0 1.25rem; }
dt { color: var(--soft); } dd { margin: 0; font-variant-numeric: tabular-nums; }
td { min-width: 4.5rem; max-width: 26rem; overflow-wrap: anywhere; unicode-bidi: isolate; }
td.long { min-width: 16rem; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.none, .zone { color: var(--soft); font-weight: 400; }
.last-hour td { background: var(--marked); font-weight: 600; }
.last-hour td:first-child { box-shadow: inset 4px 0 var(--mark); }
@media (max-width: 46rem) { .scroll table { width: 100%; font-size: .8125rem; }
  .scroll th, .scroll td { padding: .35rem .45rem; } .scroll td.right { min-width: 0; } }
"""
)

HEADERS = page.page_headers(STYLE)

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
    rows = rows_in(answer["tables"][0], hour)
    messages = "".join(f"<p>{_text(each['msg'])}.</p>" for each in answer["status"].get("messages", []))
    return _page(
        f"Query up to {_utc(asked.end)}",
        f"<h1>Query of {_text(', '.join(answer['datasetNames']))}</h1>{_facts(asked, hour, rows)}{_apl(asked)}"
        f'<h2>Rows <span class="count">{rows.total:,}</span></h2>{messages}{table_html(rows)}',
    )


def _facts(asked: QueryRequest, hour: datetime, rows: Rows) -> str:
    facts = (
        ("From", _utc(asked.start)),
        ("Until", _utc(asked.end)),
        ("Last hour", _utc(hour) + _marked(rows)),
    )
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts) + "</dl>"


def _marked(rows: Rows) -> str:
    """Where the rows of the last hour are: the one that a ticket speaks of."""
    if not rows.timed:
        return ""
    if not rows.in_last_hour:
        return ": no rows"
    counted = f"{rows.in_last_hour:,} {'row' if rows.in_last_hour == 1 else 'rows'}"
    if not rows.marked:
        return f": {counted}, not among those shown"
    return f': <a href="#last-hour">{counted}, marked below</a>'


def _refusal_page(title: str, sentence: str, asked: QueryRequest | None = None, *, status: int = 400) -> Response:
    body = f"<h1>{title}</h1><p>{_text(sentence)}</p>{_apl(asked) if asked else ''}"
    return HTMLResponse(_page(title, body), status, headers=HEADERS)


def _sentence(refusal: AxiomRefusal) -> str:
    """What a refusal says, on one line, with its place in the text where that is known."""
    message = " ".join(refusal.message.split()).rstrip(".")
    if len(message) > LONGEST_SENTENCE:
        message = message[:LONGEST_SENTENCE] + "…"
    detail = refusal.detail or {"line": 1, "column": 1}
    known = (detail["line"], detail["column"]) != (1, 1)
    place = f" (line {detail['line']}, column {detail['column']})" if known else ""
    return f"{message[:1].upper()}{message[1:]}{place}."


def _apl(asked: QueryRequest) -> str:
    return f'<h2>APL</h2><pre dir="ltr"><code>{escape(shown(asked.apl, kept=chr(10) + chr(9)))}</code></pre>'


def _text(value: str) -> str:
    return f"<bdi>{escape(shown(value))}</bdi>"


def _utc(at: datetime) -> str:
    """A naive time in UTC, for people."""
    return f"{instant(at.replace(tzinfo=UTC))} UTC"


def _page(title: str, body: str) -> str:
    return page.page_html(title, body, service="Axiom", style=STYLE)
