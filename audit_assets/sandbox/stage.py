"""What the three services stand on together: the time, a directory, and a note of every call."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from audit_assets.sandbox.clock import SandboxClock

KEPT_CALLS = 100_000
"""A sandbox that runs for days must not fill the memory with its notes."""


@dataclass(frozen=True)
class Call:
    """One request as it came in: what it asked and with which query parameters."""

    service: str
    call: str
    method: str
    path: str
    query: str
    at: str


@dataclass
class Stage:
    """Shared by the three services of one sandbox."""

    data_dir: Path
    clock: SandboxClock = field(default_factory=SandboxClock)
    calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, service: str, call: str, request: Request) -> None:
        """Write down that a call came in."""
        at = self.clock.now().isoformat()
        with self._lock:
            self.calls.append(Call(service, call, request.method, request.url.path, request.url.query, at))
            if len(self.calls) > KEPT_CALLS:
                del self.calls[: KEPT_CALLS // 2]

    def count(self) -> Counter[tuple[str, str]]:
        """How often each call of each service came in."""
        with self._lock:
            return Counter((noted.service, noted.call) for noted in self.calls)
