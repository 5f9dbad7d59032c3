"""What tests share: a clock whose waits take no time, and a larger stack."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from audit_assets.sandbox.sandbox_clock import SandboxClock


class JumpingClock:
    """Returns from every wait at once, having moved itself and the sandbox's clock by as much."""

    def __init__(self, sandbox: SandboxClock | None = None) -> None:
        self.sandbox = sandbox
        self.waits: list[float] = []

    def now(self) -> datetime:
        if self.sandbox:
            return self.sandbox.now()
        return datetime.now(UTC) + timedelta(seconds=sum(self.waits))

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.sandbox:
            self.sandbox.advance(timedelta(seconds=seconds))


@contextmanager
def more_stack(levels: int = 2_000) -> Iterator[None]:
    """So much more of Python's stack, as another process, another Python or a library (hypothesis is one) allows it."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + levels)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
