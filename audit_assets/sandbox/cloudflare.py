"""Cloudflare's account audit log API: both lists, v2 and v1, with their different ways of paging."""

from collections.abc import Iterable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_assets.sandbox.cloudflare_log import AuditLog, Entry, nanoseconds, parsed_time
from audit_assets.sandbox.faults import Fault, FaultPlan, answer
from audit_assets.sandbox.stage import Stage

ACCOUNT_ID = "5a11db0c0ffee0ddba11ad0be5eab1e5"
CREDENTIAL = "sandbox-cloudflare-no-secret"


class CloudflareService:
    """The sandbox's Cloudflare."""

    def __init__(self, stage: Stage, plan: FaultPlan) -> None:
        self._stage = stage
        self._plan = plan
        self.logs = {"v2": AuditLog("v2"), "v1": AuditLog("v1")}

    def add(self, stream: str, entries: Iterable[Entry], visible_at: datetime | None = None) -> None:
        """Let entries happen: each shows when its time, and `visible_at` if given, has passed."""
        self.logs[stream].add(entries, visible_at)

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
            Route("/client/v4/accounts/{account_id}/logs/audit", self._list_v2),
            Route("/client/v4/accounts/{account_id}/audit_logs", self._list_v1),
        ]

    async def _list_v2(self, request: Request) -> Response:
        async def handle(_: Fault | None) -> Response:
            return self._page(request, "v2")

        return await answer(self._stage, self._plan, "cloudflare", "v2", request, handle)

    async def _list_v1(self, request: Request) -> Response:
        async def handle(_: Fault | None) -> Response:
            return self._page(request, "v1")

        return await answer(self._stage, self._plan, "cloudflare", "v1", request, handle)

    def _page(self, request: Request, stream: str) -> Response:
        asked = request.query_params
        low, high = parsed_time(asked["since"]), parsed_time(asked["before"])
        rows = self.logs[stream].visible(low, high, nanoseconds(self._stage.clock.now()))
        if asked.get("direction", "desc") == "desc":
            rows.reverse()
        size = int(asked.get("limit", asked.get("per_page", "100")))
        start = int(asked.get("cursor", str((int(asked.get("page", "1")) - 1) * size)))
        page, more = rows[start : start + size], len(rows) > start + size
        cursor = b',"cursor":"%d"' % (start + size) if more else b""
        info = b',"result_info":{"count":%d%b}' % (len(page), cursor) if stream == "v2" else b""
        body = b'{"success":true,"errors":[],"result":[%b]%b}' % (b",".join(row.body for row in page), info)
        return Response(body, media_type="application/json")
