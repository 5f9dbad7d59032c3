"""The sandbox's own time, which a test can set and advance."""

import time
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Runs at the speed of the real clock, from `start` (default: now); `advance` jumps ahead."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime.now(UTC)
        self._from = time.monotonic()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The sandbox's time, aware and in UTC."""
        return self._start + timedelta(seconds=time.monotonic() - self._from) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Jump ahead by that much."""
        self._ahead += by
