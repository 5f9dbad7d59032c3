"""Cloudflare's account audit log API on this machine: both lists, each with its own way of paging.

Where the real behaviour is unknown, it is a field of `Behaviour`. The entries are those of an invented organisation, of
a file, or of a test; none is visible before its time.
"""

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from audit_assets.exports.entries_file import FileEntries
from audit_assets.exports.timed_entries import TimedEntry, nanoseconds
from audit_assets.sandbox.cloudflare.access_control import ACCOUNT_ID, CREDENTIAL, AccessControl, Quota, error_reply
from audit_assets.sandbox.cloudflare.audit_log import AuditLog, Entry
from audit_assets.sandbox.cloudflare.list_parameters import BadRequest, Query, WindowBehaviour, v1_query, v2_query
from audit_assets.sandbox.cloudflare.list_responses import (
    PAGE_FAULTS,
    Page,
    ResponseBehaviour,
    as_text,
    v1_page,
    v2_page,
)
from audit_assets.sandbox.cloudflare.own_counts import CountBehaviour, answer_count, unauthorized
from audit_assets.sandbox.fault_plan import Fault, FaultPlan, answer_call
from audit_assets.sandbox.organisation.organisation_activity import (
    Activity,
    Organisation,
    generate_activity,
    visibility_delay,
)
from audit_assets.sandbox.organisation.organisation_incidents import Truth
from audit_assets.sandbox.service_context import ServiceContext

WORTH_COMPRESSING = 1024
HORIZON = timedelta(days=2)
"""How far beyond now the organisation's entries are generated ahead, half of it at least."""

TRUTHS_FILE = "truths.json"

MakePage = Callable[[Request], Page]


@dataclass
class Behaviour(ResponseBehaviour, WindowBehaviour, Quota, CountBehaviour):
    """What a test can vary: paging and shapes, the ends of a window, limits, Cloudflare's own count."""

    organization_log: bool = True
    """A public beta (docs/facts/cloudflare.md, 10): whether this organization has it."""


class CloudflareService:
    """One account of the sandbox's Cloudflare, with a token of its own. Calls of a fault plan: "v2", "v1" and
    "organization", "verify", and "count" for its own count.

    Its own kinds of fault: those of `PAGE_FAULTS`; `insert` (options `entries`, optionally `stream`: entries that
    arrive just before this page is made); `block` (option `seconds`: 429 from this call on).
    """

    def __init__(
        self, context: ServiceContext, plan: FaultPlan, account_id: str = ACCOUNT_ID, credential: str = CREDENTIAL
    ) -> None:
        self.account_id, self.credential = account_id, credential
        self.behaviour = Behaviour()
        self.logs = {stream: AuditLog(stream) for stream in ("v2", "v1", "organization")}
        self._context = context
        self._plan = plan
        self._access = AccessControl(context.clock, self.behaviour, account_id, credential)
        self._organisation: Organisation | None = None
        self._activity_until = context.clock.now()

    def add(self, stream: str, entries: Iterable[Entry], visible_at: datetime | None = None) -> None:
        """Add entries to "v2", "v1" or "organization": each is visible when its own time, and `visible_at` if given,
        has passed.

        An entry is a dict, JSON text, or `TimedEntry`: a time with any text. Raises ValueError for one without a time
        and is given none.
        """
        self.logs[stream].add(entries, visible_at)

    def add_text(self, stream: str, text: str, time: datetime) -> None:
        """Add an entry at that time, with any text."""
        self.logs[stream].add([TimedEntry(time, text)])

    def load_organisation(
        self, seed: int, until: datetime, days: int, *, seed_of_visitor: int | None = None
    ) -> list[Truth]:
        """Serve the invented organisation: `days` of history before `until`, incidents in the last six closed hours,
        and new activity as time passes. `seed_of_visitor`: of another one, somebody of which has a part in an incident.

        The ground truth is returned, and written to truths.json in the sandbox's directory; only tests read it.
        """
        activity = generate_activity(seed, until, days, self.account_id)
        self._add_activity(activity)
        self._organisation, self._activity_until = Organisation(seed, until.date(), self.account_id), until
        truths = [*activity.truths]
        if seed_of_visitor is not None:
            visit = self._organisation.visit(seed_of_visitor, until)
            self._add_activity(visit)
            truths += visit.truths
        file = TRUTHS_FILE if self.account_id == ACCOUNT_ID else f"{self.account_id}-{TRUTHS_FILE}"
        (self._context.data_dir / file).write_text(json.dumps([*map(asdict, truths)], indent=1), encoding="utf-8")
        return truths

    def load_entries(self, entries: FileEntries) -> None:
        """Serve the entries of a file. They may be older than 18 months, so v1's limit is lifted."""
        self.add("v2", entries.v2)
        self.add("v1", entries.v1)
        self.behaviour.v1_kept = None

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings with which audit_assets uses this service."""
        return {
            "CLOUDFLARE_API_URL": f"{base_url}/client/v4",
            "CLOUDFLARE_ACCOUNT_ID": self.account_id,
            "CLOUDFLARE_API_TOKEN": self.credential,
        }

    def routes(self) -> list[Route]:
        """The three lists, the count, and the two addresses that verify a token."""
        return [
            Route("/client/v4/graphql", self._count, methods=["POST"]),
            Route("/client/v4/accounts/{account_id}/logs/audit", self._list("v2", self._v2)),
            Route("/client/v4/accounts/{account_id}/audit_logs", self._list("v1", self._v1)),
            Route(
                "/client/v4/organizations/{organization_id}/logs/audit", self._list("organization", self._organization)
            ),
            Route("/client/v4/accounts/{account_id}/tokens/verify", self._verify("account")),
            Route("/client/v4/user/tokens/verify", self._verify("user")),
        ]

    def _verify(self, kind: str) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            async def handle(_: Fault | None) -> Response:
                return self._access.verified(request, kind)

            return await answer_call(self._context, self._plan, "cloudflare", "verify", request, handle)

        return endpoint

    def _list(self, stream: str, make_page: MakePage) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            async def handle(fault: Fault | None) -> Response:
                return self._respond(request, stream, make_page, fault)

            return await answer_call(self._context, self._plan, "cloudflare", stream, request, handle)

        return endpoint

    async def _count(self, request: Request) -> Response:
        async def handle(_: Fault | None) -> Response:
            status, body = unauthorized()
            if request.headers.get("authorization") == f"Bearer {self.credential}":
                self._extend_activity()
                status, body = answer_count(
                    await request.body(),
                    account_id=self.account_id,
                    logs=self.logs,
                    now=self._context.clock.now(),
                    behaviour=self.behaviour,
                )
            return JSONResponse(body, status)

        return await answer_call(self._context, self._plan, "cloudflare", "count", request, handle)

    def _respond(self, request: Request, stream: str, make_page: MakePage, fault: Fault | None) -> Response:
        if fault:
            self._apply_service_fault(stream, fault)
        if refusal := self._access.refusal(request):
            return refusal
        self._extend_activity()
        try:
            page = make_page(request)
        except BadRequest as error:
            return error_reply(400, (error.code, error.message), headers=self._access.headers())
        if fault and fault.kind in PAGE_FAULTS:
            PAGE_FAULTS[fault.kind](page, fault.options)
        return self._response(request, page)

    def _add_activity(self, activity: Activity) -> None:
        self.logs["v2"].add(activity.v2, delay=visibility_delay)
        self.logs["v1"].add(activity.v1, delay=visibility_delay)

    def _extend_activity(self) -> None:
        """Generate the hours ahead in time, so that their entries become visible as the clock passes them."""
        now = self._context.clock.now()
        if self._organisation and self._activity_until < now + HORIZON / 2:
            self._add_activity(self._organisation.ordinary_activity(self._activity_until, now + HORIZON))
            self._activity_until = now + HORIZON

    def _v2(self, request: Request) -> Page:
        query = self._checked(v2_query(request.query_params, self.behaviour, self._context.clock.now()))
        return v2_page(query, self.logs["v2"].visible(query.low, query.high, self._now()), self.behaviour)

    def _organization(self, request: Request) -> Page:
        if not self.behaviour.organization_log:
            raise HTTPException(404, "Not Found")
        query = self._checked(v2_query(request.query_params, self.behaviour, self._context.clock.now()))
        rows = self.logs["organization"].visible(query.low, query.high, self._now())
        return v2_page(query, rows, self.behaviour)

    def _v1(self, request: Request) -> Page:
        query = self._checked(v1_query(request.query_params, self.behaviour, self._context.clock.now()))
        return v1_page(query, self.logs["v1"].visible(query.low, query.high, self._now()), self.behaviour)

    def _checked(self, query: Query) -> Query:
        """The query, unless its page is too large for this service."""
        if self.behaviour.most_entries and query.limit > self.behaviour.most_entries:
            raise HTTPException(self.behaviour.too_large_status, "<html>error</html>")
        return query

    def _apply_service_fault(self, stream: str, fault: Fault) -> None:
        """Produce the faults that do not concern the page."""
        if fault.kind == "insert":
            self.add(fault.options.get("stream", stream), fault.options["entries"])
        elif fault.kind == "block":
            self._access.block(fault.options["seconds"])
        elif fault.kind not in PAGE_FAULTS:
            raise ValueError(f"the sandbox's Cloudflare has no fault of the kind {fault.kind!r}")

    def _response(self, request: Request, page: Page) -> Response:
        body = as_text(page, self.behaviour)
        headers = {**self._access.headers(), **page.headers, "Vary": "Accept-Encoding"}
        accepted = "gzip" in request.headers.get("accept-encoding", "")
        if accepted and len(body) >= WORTH_COMPRESSING:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, 200, headers, media_type=page.media_type)

    def _now(self) -> int:
        return nanoseconds(self._context.clock.now())


__all__ = ["ACCOUNT_ID", "CREDENTIAL", "Behaviour", "CloudflareService", "TimedEntry"]
