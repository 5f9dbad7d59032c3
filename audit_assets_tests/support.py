"""What tests share: a clock whose waits take no time."""

import time
from datetime import UTC, datetime, timedelta

from audit_assets.sandbox.clock import SandboxClock


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
