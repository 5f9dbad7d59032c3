"""How the sandbox fails on demand: a plan of faults by service and call.

Connection faults, which any call can have, are produced here; a fault of another kind is passed to the service, which
knows what it means. The kinds are those that docs/facts lists for the real services.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from audit_assets.sandbox.service_context import ServiceContext

CONNECTION_FAULTS = frozenset(
    {"status", "drop_before", "drop_after", "reset_before", "reset_after", "slow_before", "slow_after", "torn", "drip"}
)
"""status: answer with `status`, `body`, `headers` instead · drop_before, drop_after: close the socket without an
answer, before or after the call was executed · reset_before, reset_after: the same with a TCP reset · slow_before,
slow_after: `seconds` late, before or after it was executed · torn: half of the body, then close ·
drip: a byte each `seconds`"""


@dataclass(frozen=True)
class Fault:
    """Fail at the `at`-th matching call from now on (1 is the next), for `times` calls."""

    service: str
    call: str
    kind: str
    at: int = 1
    times: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


class FaultPlan:
    """The faults that are still to happen. `call` may be `*`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Plan one more fault."""
        with self._lock:
            self._pending.append((fault, 0))

    def clear(self) -> None:
        """Drop all faults: every call succeeds from now on."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> list[dict[str, Any]]:
        """The faults that have not been used up."""
        with self._lock:
            return [asdict(fault) | {"seen": seen} for fault, seen in self._pending]

    def take(self, service: str, call: str) -> Fault | None:
        """Count this call against the plan; the first fault that is due, if any."""
        due: Fault | None = None
        with self._lock:
            left: list[tuple[Fault, int]] = []
            for fault, already in self._pending:
                seen = already
                if fault.service == service and fault.call in ("*", call):
                    seen += 1
                    if due is None and fault.at <= seen:
                        due = fault
                if seen < fault.at + fault.times - 1:
                    left.append((fault, seen))
            self._pending = left
        return due


Handler = Callable[[Fault | None], Awaitable[Response]]


async def answer_call(
    context: ServiceContext, plan: FaultPlan, service: str, call: str, request: Request, handle: Handler
) -> Response:
    """Record the call, then let `handle` answer it, or fail as planned."""
    context.record_call(service, call, request)
    fault = plan.take(service, call)
    if fault is None or fault.kind not in CONNECTION_FAULTS:
        return await handle(fault)
    options = fault.options
    match fault.kind:
        case "status":
            body = options.get("body", "")
            headers = {"content-type": "application/json", **options.get("headers", {})}
            return Response(body, status_code=options["status"], headers=headers)
        case "drop_before":
            return _DroppedResponse()
        case "drop_after":
            await handle(None)
            return _DroppedResponse()
        case "reset_before":
            return _ResetResponse()
        case "reset_after":
            await handle(None)
            return _ResetResponse()
        case "slow_before":
            await request.body()  # executed even if the caller has left meanwhile
            await asyncio.sleep(options["seconds"])
            return await handle(None)
        case "slow_after":
            response = await handle(None)
            await asyncio.sleep(options["seconds"])
            return response
        case "torn":
            return _TornResponse(await handle(None))
        case _:
            return _DrippingResponse(await handle(None), options["seconds"])


class _DroppedResponse(Response):
    """No answer at all: the socket is closed."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["sandbox.transport"].abort()


class _ResetResponse(_DroppedResponse):
    """No answer but a TCP reset: a socket that lingers for no time is closed with one."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        connection = scope["sandbox.transport"].get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await super().__call__(scope, receive, send)


class _TornResponse(Response):
    """The first half of a response whose headers announce the whole length."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code, dict(whole.headers))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["sandbox.transport"].close()


class _DrippingResponse(_TornResponse):
    """The whole response, one byte at a time."""

    def __init__(self, whole: Response, seconds: float) -> None:
        super().__init__(whole)
        self.seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for byte in bytes(self.body):
            if scope["sandbox.transport"].is_closing():
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(self.seconds)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
