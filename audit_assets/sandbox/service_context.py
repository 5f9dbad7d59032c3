"""What the three services of a sandbox share: the time, a directory, and a record of every call."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from audit_assets.sandbox.sandbox_clock import SandboxClock

KEPT_CALLS = 100_000
"""A sandbox that runs for days must not fill the memory with its calls."""


@dataclass(frozen=True)
class Call:
    """One request as it came in. `call` names the service's operation."""

    service: str
    call: str
    path: str
    query: str


@dataclass
class ServiceContext:
    """Shared by the three services of one sandbox."""

    data_dir: Path
    clock: SandboxClock = field(default_factory=SandboxClock)
    calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record_call(self, service: str, call: str, request: Request) -> None:
        """Keep a call that came in."""
        with self._lock:
            self.calls.append(Call(service, call, request.url.path, request.url.query))
            if len(self.calls) > KEPT_CALLS:
                del self.calls[: KEPT_CALLS // 2]

    def call_counts(self) -> Counter[tuple[str, str]]:
        """How often each call of each service came in."""
        with self._lock:
            return Counter((call.service, call.call) for call in self.calls)
