"""Calls the lists of the sandbox's Cloudflare in plain HTTP, without the client under test.

A test file that imports `door`, `service` and `caller` from here has one server for all of its tests, and a fresh
service behind it for each.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from audit_assets.sandbox.cloudflare.cloudflare_service import ACCOUNT_ID, CREDENTIAL, CloudflareService
from audit_assets.sandbox.fault_plan import Fault, FaultPlan
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import serve_app
from audit_assets.sandbox.service_context import ServiceContext

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)
"""The hour that tests query; for the service it is noon."""

END = HOUR + timedelta(hours=1)


def text(moment: datetime) -> str:
    """A time as a client writes it."""
    return moment.isoformat().replace("+00:00", "Z")


def v2_entry(number: int, moment: datetime = HOUR) -> dict[str, Any]:
    return {"id": f"{number:032x}", "action": {"type": "create", "time": text(moment)}}


def v1_entry(number: int, moment: datetime = HOUR) -> dict[str, Any]:
    return {"id": f"{number:032x}", "action": {"type": "rec_add", "result": True}, "when": text(moment)}


def every(seconds: float, count: int, stream: str = "v2") -> list[dict[str, Any]]:
    """So many entries from the hour's beginning on."""
    make = v2_entry if stream == "v2" else v1_entry
    return [make(number, HOUR + timedelta(seconds=seconds * number)) for number in range(count)]


def ids(entries: list[dict[str, Any]]) -> list[int]:
    """The numbers of entries that `v2_entry` or `v1_entry` made."""
    return [int(entry["id"], 16) for entry in entries]


class Door:
    """An ASGI application that forwards to the service of the current test."""

    def __init__(self) -> None:
        self.url = ""
        self.clock = SandboxClock(datetime(2026, 11, 22, 12, tzinfo=UTC))
        self.behind = Starlette()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.behind(scope, receive, send)


class Caller:
    """Sends the right credentials and default parameters, unless a test gives others."""

    def __init__(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {CREDENTIAL}"}
        self.http = httpx.Client(base_url=f"{url}/client/v4", headers=headers, trust_env=False, timeout=10)

    def v2(self, account: str = ACCOUNT_ID, headers: dict[str, str] | None = None, **asked: Any) -> httpx.Response:
        """A page of the hour, oldest first."""
        window = {"since": text(HOUR), "before": text(END), "direction": "asc"}
        params = {name: value for name, value in {**window, **asked}.items() if value is not None}
        return self.http.get(f"/accounts/{account}/logs/audit", params=params, headers=headers)

    def v1(self, account: str = ACCOUNT_ID, **asked: Any) -> httpx.Response:
        """A page of the hour, oldest first."""
        window = {"since": text(HOUR), "before": text(END), "direction": "asc"}
        params = {name: value for name, value in {**window, **asked}.items() if value is not None}
        return self.http.get(f"/accounts/{account}/audit_logs", params=params)

    def sweep(self, **asked: Any) -> list[dict[str, Any]]:
        """All pages of v2, following `result_info.cursor`; gives up after fifty."""
        entries: list[dict[str, Any]] = []
        cursor = None
        for _ in range(50):
            body = self.v2(cursor=cursor, **asked).json()
            entries += body["result"]
            cursor = body["result_info"].get("cursor")
            if not cursor:
                return entries
        raise AssertionError("the cursor never ends")


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    """A server on loopback that forwards to no service yet."""
    opened = Door()
    with serve_app(Starlette(routes=[Mount("/", app=opened)]), opened.clock) as opened.url:
        yield opened


@pytest.fixture
def faults() -> FaultPlan:
    """The plan of the service under test."""
    return FaultPlan()


@pytest.fixture
def service(door: Door, faults: FaultPlan, tmp_path: Path) -> CloudflareService:
    """A fresh service without entries."""
    fresh = CloudflareService(ServiceContext(tmp_path, door.clock), faults)
    door.behind = Starlette(routes=fresh.routes())
    return fresh


@pytest.fixture
def caller(door: Door, service: CloudflareService) -> Iterator[Caller]:
    """A connection to the service."""
    calling = Caller(door.url)
    yield calling
    calling.http.close()


def fault(kind: str, call: str = "v2", at: int = 1, **options: Any) -> Fault:
    """One of Cloudflare's."""
    return Fault("cloudflare", call, kind, at=at, options=options)
