"""Cloudflare's account audit log API on this machine: both lists, with their different ways of paging.

Written from facts/cloudflare.md; what is not known of the real service is a field of `Behaviour`. What is served are
the entries of an invented organisation, of a file, or of a test; none shows before its time has come.
"""

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_assets.sandbox.cloudflare.entries_file import FileEntries
from audit_assets.sandbox.cloudflare.gate import ACCOUNT_ID, CREDENTIAL, Gate, Quota, refused
from audit_assets.sandbox.cloudflare.log import AuditLog, Entry, Timed, nanoseconds
from audit_assets.sandbox.cloudflare.pages import SPOILT, Manners, Page, as_text, v1_page, v2_page
from audit_assets.sandbox.cloudflare.queries import BadRequest, Bounds, v1_query, v2_query
from audit_assets.sandbox.faults import Fault, FaultPlan, answer
from audit_assets.sandbox.organisation.incidents import Truth
from audit_assets.sandbox.organisation.life import Life, Organisation, delay, generate
from audit_assets.sandbox.stage import Stage

WORTH_COMPRESSING = 1024
AHEAD = timedelta(days=2)
"""How far beyond now the organisation's life is known to the service, at least half of it."""

TRUTHS_FILE = "truths.json"


@dataclass
class Behaviour(Manners, Bounds, Quota):
    """All that a test may set: paging and shapes, ends of windows, limits."""

    compressed: bool = True


class CloudflareService:
    """The sandbox's Cloudflare. Calls of a fault plan: "v2" and "v1".

    Kinds of fault of its own: those of `pages.SPOILT`; `insert` (options `entries`, optionally `stream`:
    entries that arrive just before this page is cut); `block` (option `seconds`: 429 from this call on).
    """

    def __init__(self, stage: Stage, plan: FaultPlan) -> None:
        self.behaviour = Behaviour()
        self.logs = {"v2": AuditLog("v2"), "v1": AuditLog("v1")}
        self._stage = stage
        self._plan = plan
        self._gate = Gate(stage.clock, self.behaviour)
        self._organisation: Organisation | None = None
        self._lived_until = stage.clock.now()

    def add(self, stream: str, entries: Iterable[Entry], visible_at: datetime | None = None) -> None:
        """Let entries happen in "v2" or "v1": each shows when its own time, and `visible_at` if given, has passed.

        An entry is a dict, JSON text, or `Timed`: a time with any text whatsoever. Raises ValueError where the time of
        an entry is missing and not given.
        """
        self.logs[stream].add(entries, visible_at)

    def add_text(self, stream: str, text: str, time: datetime) -> None:
        """Let an entry happen at that time, whatever its text says or leaves out."""
        self.logs[stream].add([Timed(time, text)])

    def load_organisation(self, seed: int, until: datetime, days: int) -> list[Truth]:
        """The invented organisation: `days` before `until`, incidents in their last six closed hours, and life goes on.

        The truths are returned, and written to truths.json in the sandbox's directory; only tests read them.
        """
        life = generate(seed, until, days)
        self._live(life)
        self._organisation, self._lived_until = Organisation(seed, until.date()), until
        truths = json.dumps([truth.as_dict() for truth in life.truths], indent=1)
        (self._stage.data_dir / TRUTHS_FILE).write_text(truths, encoding="utf-8")
        return life.truths

    def load_entries(self, entries: FileEntries) -> None:
        """The entries of a file. It may be older than 18 months, so that v1's limit is lifted."""
        self.add("v2", entries.v2)
        self.add("v1", entries.v1)
        self.behaviour.v1_kept = None

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings with which audit_assets speaks to this service."""
        return {
            "CLOUDFLARE_API_URL": f"{base_url}/client/v4",
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT_ID,
            "CLOUDFLARE_API_TOKEN": CREDENTIAL,
        }

    def routes(self) -> list[Route]:
        """The two lists."""
        return [
            Route("/client/v4/accounts/{account_id}/logs/audit", self._list("v2", self._v2)),
            Route("/client/v4/accounts/{account_id}/audit_logs", self._list("v1", self._v1)),
        ]

    def _list(self, stream: str, cut: Callable[[Request], Page]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            async def handle(fault: Fault | None) -> Response:
                return self._reply(request, stream, cut, fault)

            return await answer(self._stage, self._plan, "cloudflare", stream, request, handle)

        return endpoint

    def _reply(self, request: Request, stream: str, cut: Callable[[Request], Page], fault: Fault | None) -> Response:
        if fault:
            self._suffer(stream, fault)
        if refusal := self._gate.refusal(request):
            return refusal
        self._live_on()
        try:
            page = cut(request)
        except BadRequest as error:
            return refused(400, (error.code, error.message), headers=self._gate.headers())
        if fault and fault.kind in SPOILT:
            SPOILT[fault.kind](page, fault.options)
        return self._written(request, page)

    def _live(self, life: Life) -> None:
        self.logs["v2"].add(life.v2, delay=delay)
        self.logs["v1"].add(life.v1, delay=delay)

    def _live_on(self) -> None:
        """Hours ahead of now are made in good time, so that they show as the clock passes them."""
        now = self._stage.clock.now()
        if self._organisation and self._lived_until < now + AHEAD / 2:
            self._live(self._organisation.days(self._lived_until, now + AHEAD))
            self._lived_until = now + AHEAD

    def _v2(self, request: Request) -> Page:
        query = v2_query(request.query_params, self.behaviour)
        return v2_page(query, self.logs["v2"].visible(query.low, query.high, self._now()), self.behaviour)

    def _v1(self, request: Request) -> Page:
        query = v1_query(request.query_params, self.behaviour, self._stage.clock.now())
        return v1_page(query, self.logs["v1"].visible(query.low, query.high, self._now()), self.behaviour)

    def _suffer(self, stream: str, fault: Fault) -> None:
        """Carry out the faults that are no matter of the page."""
        if fault.kind == "insert":
            self.add(fault.options.get("stream", stream), fault.options["entries"])
        elif fault.kind == "block":
            self._gate.block(fault.options["seconds"])
        elif fault.kind not in SPOILT:
            raise ValueError(f"the sandbox's Cloudflare knows no fault of the kind {fault.kind!r}")

    def _written(self, request: Request, page: Page) -> Response:
        body = as_text(page, self.behaviour)
        headers = {**self._gate.headers(), **page.headers, "Vary": "Accept-Encoding"}
        accepted = "gzip" in request.headers.get("accept-encoding", "")
        if self.behaviour.compressed and accepted and len(body) >= WORTH_COMPRESSING:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, 200, headers, media_type=page.media_type)

    def _now(self) -> int:
        return nanoseconds(self._stage.clock.now())


__all__ = ["ACCOUNT_ID", "CREDENTIAL", "Behaviour", "CloudflareService", "Timed"]
