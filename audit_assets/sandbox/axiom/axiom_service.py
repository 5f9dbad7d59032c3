"""The sandbox's Axiom: ingest, query and the list of datasets over HTTP, as docs/facts/axiom.md describes them.

Both pairs of addresses for ingest and query (edge and classic) share their handlers. Events are kept in a DuckDB file
(event_store.py); APL is checked and translated in query_plan.py; what tests can vary is in `AxiomBehaviour`.
"""

import asyncio
import json
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from audit_assets.sandbox.axiom import axiom_faults
from audit_assets.sandbox.axiom.axiom_behaviour import AxiomBehaviour, AxiomRefusal
from audit_assets.sandbox.axiom.dashboards import Dashboards
from audit_assets.sandbox.axiom.event_batches import Batch, build_batch, decompress, parse_events
from audit_assets.sandbox.axiom.event_store import AxiomStore, Dataset
from audit_assets.sandbox.axiom.query_execution import QueryRequest, parse_query_request, rfc3339, run_query
from audit_assets.sandbox.axiom.query_page import query_route
from audit_assets.sandbox.fault_plan import Fault, FaultPlan, answer_call
from audit_assets.sandbox.service_context import ServiceContext

DATASET = "cloudflare-audit"
"""The dataset that exists from the start."""

TOKEN = f"xaat-{uuid.uuid4()}"
"""The API token of this process."""

"""The API token that the sandbox accepts."""

ORG_ID = "sandbox-org"
"""The organisation that links point into."""

WHO = "sandbox"

Handle = Callable[[Request, Fault | None], Awaitable[Response]]


@dataclass(frozen=True)
class Scan:
    """A query and the rows that it read: all of the dataset within its range, whatever it filters."""

    apl: str
    rows_examined: int
    rows_matched: int


class AxiomService:
    """The routes, on one database. `behaviour` may be changed while it runs."""

    def __init__(self, context: ServiceContext, plan: FaultPlan) -> None:
        self._context = context
        self._plan = plan
        self.behaviour = AxiomBehaviour()
        self._store: AxiomStore | None = None
        self._opening = threading.Lock()
        self._created = context.clock.now()
        self._minute = (0, 0)
        self.dashboards = Dashboards()
        self.scans: list[Scan] = []
        """What each query that was answered has read, in their order."""

    @property
    def store(self) -> AxiomStore:
        """The database, opened on first use: tests of the other services do not wait for it."""
        with self._opening:
            if self._store is None:
                self._store = AxiomStore(self._context.data_dir / "axiom.duckdb")
                if not self._store.datasets():
                    self._store.create(
                        DATASET, "Cloudflare audit entries", self.behaviour.retention_days, self._created
                    )
            return self._store

    def routes(self) -> list[Route]:
        """The routes that Axiom answers, and the page that its links open."""
        return [
            self._route("/v1/ingest/{name}", "ingest", POST=self._ingest),
            self._route("/v1/datasets/{name}/ingest", "ingest", POST=self._ingest),
            self._route("/v1/query/_apl", "query", POST=self._query),
            self._route("/v1/datasets/_apl", "query", POST=self._query),
            self._route("/v1/orgs", "organisations", GET=self._organisations),
            self._route("/v2/datasets", "datasets", GET=self._datasets),
            self._route("/v2/datasets/{name}/fields", "fields", GET=self._fields),
            self._route("/v2/dashboards", "dashboards", POST=self._write_dashboard),
            self._route("/v2/dashboards/uid/{uid}", "dashboards", GET=self._dashboard),
            query_route(f"/{ORG_ID}/query", self._run, self._context.clock.now),
        ]

    def newest_event(self, name: str = DATASET) -> datetime | None:
        """The newest time of an event that was ingested into a dataset since the start; None if none was."""
        newest = self._store.newest.get(self._store.dataset(name).id) if self._store else None
        return newest and newest.replace(tzinfo=UTC)

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings with which audit_assets uses this service."""
        return {"AXIOM_URL": base_url, "AXIOM_TOKEN": TOKEN, "AXIOM_ORG_ID": ORG_ID, "AXIOM_DATASET": DATASET}

    def add_dataset(self, name: str) -> None:
        """Make another dataset, unless it is there."""
        if name not in {each.name for each in self.store.datasets()}:
            self.store.create(name, "Cloudflare audit entries", self.behaviour.retention_days, self._created)

    def close(self) -> None:
        """Close the database."""
        if self._store:
            self._store.close()

    def _route(self, path: str, call: str, **handles: Handle) -> Route:
        async def endpoint(request: Request) -> Response:
            async def handle(fault: Fault | None) -> Response:
                return await self._guarded(
                    handles["GET" if request.method == "HEAD" else request.method], request, fault
                )

            return await answer_call(self._context, self._plan, "axiom", call, request, handle)

        return Route(path, endpoint, methods=list(handles))

    async def _guarded(self, handle: Handle, request: Request, fault: Fault | None) -> Response:
        """What every call has in common: the token, the rate limit, and the headers of docs/facts/axiom.md, 2.2."""
        calls, limits = self._rate_limit()
        try:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                raise AxiomRefusal(self.behaviour.unknown_token_status, "Unauthorized")
            named = request.headers.get("x-axiom-org-id") or ORG_ID
            if named != ORG_ID and self.behaviour.refuses_other_organisations:
                raise AxiomRefusal(403, "Forbidden")
            if calls > self.behaviour.requests_per_minute:
                raise AxiomRefusal(429, "rate limit exceeded")
            response = await handle(request, fault)
        except AxiomRefusal as refusal:
            response = JSONResponse(refusal.body(), refusal.status, refusal.headers)
        for name, value in limits.items():
            response.headers[name] = value
        return response

    def _rate_limit(self) -> tuple[int, dict[str, str]]:
        """The number of calls in this minute, and the headers of the limit."""
        minute = int(self._context.clock.now().timestamp()) // 60
        self._minute = (minute, self._minute[1] + 1 if self._minute[0] == minute else 1)
        limit = self.behaviour.requests_per_minute
        return self._minute[1], {
            "X-RateLimit-Scope": "organization",
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - self._minute[1])),
            "X-RateLimit-Reset": str((minute + 1) * 60),
            "X-Axiom-Trace-Id": uuid.uuid4().hex,
        }

    def _require(self, capability: str) -> None:
        if capability not in self.behaviour.capabilities:
            raise AxiomRefusal(403, "Forbidden")

    # Ingest

    async def _ingest(self, request: Request, fault: Fault | None) -> Response:
        self._require("ingest")
        body = await request.body()
        receipt = await asyncio.to_thread(self._store_body, request, body, fault)
        return await axiom_faults.ingest_answer(request, receipt, fault, _monthly("X-IngestLimit", 10**12))

    def _store_body(self, request: Request, body: bytes, fault: Fault | None) -> dict[str, Any]:
        """Read a body, store its events, and make the receipt (docs/facts/axiom.md, 2.1)."""
        name = request.path_params["name"]
        self.store.dataset(name)
        _check_parameters(request)
        headers, behaviour, now = request.headers, self.behaviour, self._context.clock.now()
        plain = decompress(body, headers.get("content-encoding", ""), behaviour.body_bytes)
        events = parse_events(plain, headers.get("content-type", ""))
        events, lost = axiom_faults.drop_events(events, fault)
        late = axiom_faults.extra_delay(fault)

        def arrange(fields: Mapping[str, str]) -> Batch:
            return build_batch(events, fields, now, behaviour)

        rows, fields = now + max(late, behaviour.row_delay), now + max(late, behaviour.field_delay)
        batch, length = self.store.append(name, arrange, now=now, rows_visible=rows, fields_visible=fields)
        failures = batch.failures + lost
        return {
            "ingested": len(batch.times),
            "failed": len(failures),
            "failures": failures,
            "processedBytes": len(plain),
            "blocksCreated": 0,
            "walLength": length,
        }

    # Query

    async def _query(self, request: Request, fault: Fault | None) -> Response:
        self._require("query")
        now = self._context.clock.now()
        query = parse_query_request(await _json(request), request.query_params.get("format", ""), now)
        result = await asyncio.to_thread(self._run, query, now)
        status = result["status"]
        self.scans.append(Scan(query.apl, status["rowsExamined"], status["rowsMatched"]))
        headers = {
            "X-Axiom-History-Query-Id": uuid.uuid4().hex,
            "X-Axiom-Query-Cost-Gbms": str(status["rowsExamined"]),
            **_monthly("X-QueryLimit", 10**9),
        }
        return JSONResponse(axiom_faults.query_answer(result, fault), headers=headers)

    def _run(self, query: QueryRequest, now: datetime) -> dict[str, Any]:
        return run_query(query, self.store, self.behaviour, now)

    # Organisations and datasets

    async def _organisations(self, _request: Request, _fault: Fault | None) -> Response:
        self._require("organisations")
        return JSONResponse([{"id": ORG_ID, "name": "The sandbox", "slug": ORG_ID}])

    async def _datasets(self, _request: Request, _fault: Fault | None) -> Response:
        return JSONResponse([_shown(dataset) for dataset in self.store.datasets()])

    async def _fields(self, request: Request, _fault: Fault | None) -> Response:
        """The fields of the dataset, for a token that may read datasets."""
        self._require("datasets")
        with self.store.reading(request.path_params["name"], self._context.clock.now()) as view:
            return JSONResponse([{"name": name, "type": kind} for name, kind in view.fields.items()])

    # Dashboards

    async def _write_dashboard(self, request: Request, _fault: Fault | None) -> Response:
        self._require("dashboards")
        body, owner = await _json(request), self.behaviour.dashboard_owner
        status, answer = self.dashboards.write(body, owner, self._context.clock.now())
        return JSONResponse(answer, status)

    async def _dashboard(self, request: Request, _fault: Fault | None) -> Response:
        self._require("dashboards")
        return JSONResponse(self.dashboards.get(request.path_params["uid"]))


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise AxiomRefusal(400, "the body must be a JSON object")
    return body


def _check_parameters(request: Request) -> None:
    """Refuse what would change how events are read."""
    query, headers = request.query_params, request.headers
    others = query.get("timestamp-field", "_time") != "_time" or query.get("timestamp-format")
    if others or "x-axiom-event-labels" in headers or "x-axiom-csv-fields" in headers:
        raise AxiomRefusal(400, "the sandbox does not support timestamp-field, timestamp-format, labels or CSV fields")


def _monthly(prefix: str, limit: int) -> dict[str, str]:
    reset = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
    return {f"{prefix}-Limit": str(limit), f"{prefix}-Remaining": str(limit), f"{prefix}-Reset": str(reset)}


def _shown(dataset: Dataset) -> dict[str, Any]:
    """A dataset as v2 shows it; its id is its name."""
    return {
        "id": dataset.name,
        "name": dataset.name,
        "description": dataset.description,
        "who": WHO,
        "created": rfc3339(dataset.created),
        "updatedAt": rfc3339(dataset.updated),
        "kind": "axiom:events:v1",
        "canWrite": True,
        "retentionDays": dataset.retention_days or 0,
        "useRetentionPeriod": dataset.retention_days is not None,
        "mapFields": [],
    }
