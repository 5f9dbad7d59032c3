"""The sandbox as one server on loopback: the three services behind one port, and the clock for tests.

`serve_sandbox()` serves from a thread of the calling process, `python -m audit_assets.sandbox` from one of its own.
The route /sandbox/clock belongs to no service: another process reads and advances the sandbox's time with it. Pages and
clock are behind the guard; the services have credentials of their own, as the real ones do.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from audit_assets.guard.browser_guard import BrowserGuard
from audit_assets.guard.start_token import address_with_token, new_token
from audit_assets.sandbox.axiom.axiom_service import DATASET, AxiomService
from audit_assets.sandbox.cloudflare.access_control import new_credential
from audit_assets.sandbox.cloudflare.cloudflare_accounts import CloudflareAccounts, account_id_of
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets.sandbox.fault_plan import FaultPlan
from audit_assets.sandbox.linear.issue_rules import TICKETS_PATH
from audit_assets.sandbox.linear.linear_service import LinearService
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.service_context import ServiceContext

HOST = "127.0.0.1"
"""Loopback only."""

PREFERRED_PORT = 8641
"""Ticket links contain the port: with the same one they still work after a restart."""

SERVICE_PATHS = ("/client/v4/", "/v1/", "/v2/", "/graphql", "/storage/")
"""What the clients of the three services use. Everything else is for people, and for tests that have the token."""


class Sandbox:
    """The three services, and what tests control them with."""

    def __init__(self, data_dir: Path, *, clock: SandboxClock | None = None) -> None:
        data_dir.mkdir(0o700, parents=True, exist_ok=True)
        self.shared = ServiceContext(data_dir, clock or SandboxClock())
        self.faults = FaultPlan()
        self.cloudflare = CloudflareService(self.shared, self.faults)
        self.accounts = CloudflareAccounts(self.cloudflare)
        self.datasets = [DATASET]
        self.axiom = AxiomService(self.shared, self.faults)
        self.linear = LinearService(self.shared, self.faults)
        self.url = ""
        self.token = new_token()

    def tickets_address(self) -> str:
        """The address of the tickets for a person's browser, with the token."""
        return address_with_token(self.url + TICKETS_PATH, self.token)

    def environment(self) -> dict[str, str]:
        """The settings with which audit_assets uses this sandbox."""
        return {
            **self.cloudflare.environment(self.url),
            **self.axiom.environment(self.url),
            **self.linear.environment(self.url),
        }

    def add_account(self, dataset: str) -> CloudflareService:
        """Another account of the same Cloudflare, with a token and a log of its own, and a dataset for it in Axiom."""
        self.axiom.add_dataset(dataset)
        self.datasets.append(dataset)
        number = len(self.accounts.services) + 1
        added = CloudflareService(self.shared, self.faults, account_id_of(number), new_credential())
        self.accounts.services.append(added)
        return added

    def app(self) -> Starlette:
        """The ASGI application, without the guard."""
        routes = [
            *self.accounts.routes(),
            *self.axiom.routes(),
            *self.linear.routes(),
            Route("/sandbox/clock", self._clock, methods=["GET", "POST"]),
        ]
        return Starlette(routes=routes)

    def close(self) -> None:
        """Close what the services hold open."""
        self.axiom.close()
        self.linear.close()

    async def _clock(self, request: Request) -> JSONResponse:
        if request.method == "POST":
            self.shared.clock.advance(timedelta(seconds=(await request.json())["advance_seconds"]))
        return JSONResponse({"now": self.shared.clock.now().isoformat()})


class _Protocol(H11Protocol):
    """HTTP whose application can close the socket: some faults are a dropped connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        inner: Any = self.app

        async def app_with_transport(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "sandbox.transport": self.transport}, receive, send)

        self.app = app_with_transport


class _WithDate:
    """Puts the sandbox's time into the Date header of every reply: clients decide by it which hours are complete."""

    def __init__(self, app: ASGIApp, clock: SandboxClock) -> None:
        self.app = app
        self.clock = clock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_date(message: Any) -> None:
            if message["type"] == "http.response.start" and all(name != b"date" for name, _ in message["headers"]):
                date = format_datetime(self.clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self.app(scope, receive, with_date)


class _Server(uvicorn.Server):
    """Stops at once: uvicorn polls ten times a second, and then waits a tenth of a second more."""

    _loop: asyncio.AbstractEventLoop
    _stop_requested: asyncio.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._stop_requested = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stop_requested.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in [*self.servers, *(sockets or [])]:
            server.close()
        for connection in [*self.server_state.connections]:
            connection.shutdown()
        await asyncio.sleep(0)  # lets them close

    def stop(self) -> None:
        """From another thread."""
        self._loop.call_soon_threadsafe(self._stop_requested.set)


def _server_for(app: ASGIApp, clock: SandboxClock | None) -> _Server:
    """A uvicorn server that logs nothing, dates its replies by `clock` and lets the application drop connections."""
    return _Server(
        uvicorn.Config(
            _WithDate(app, clock or SandboxClock()),
            host=HOST,
            http=_Protocol,
            log_level="error",
            access_log=False,
            date_header=False,
            lifespan="off",
            timeout_keep_alive=30,
        )
    )


def bound_socket(port: int = 0) -> socket.socket:
    """A listening socket on loopback; port 0 takes any free one. Raises OSError if the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    return listening


def free_port() -> int:
    """The preferred port, or 0 for any other one if it is taken."""
    try:
        bound_socket(PREFERRED_PORT).close()
    except OSError:
        return 0
    return PREFERRED_PORT


@contextlib.contextmanager
def serve_app(app: ASGIApp, clock: SandboxClock | None = None, port: int = 0) -> Iterator[str]:
    """Serve an application from a thread until the block ends; yields its address. Raises OSError if the port is
    taken."""
    with bound_socket(port) as listening:
        server = _server_for(app, clock)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield f"http://{HOST}:{listening.getsockname()[1]}"
        finally:
            if server.started:
                server.stop()
            thread.join(timeout=10)


@contextlib.contextmanager
def serve_sandbox(sandbox: Sandbox, port: int = 0) -> Iterator[Sandbox]:
    """Serve from a thread until the block ends, at `sandbox.url` and behind the guard."""
    app = BrowserGuard(sandbox.app(), sandbox.token, open_to_programs=lambda path: path.startswith(SERVICE_PATHS))
    with contextlib.closing(sandbox), serve_app(app, sandbox.shared.clock, port) as sandbox.url:
        yield sandbox
