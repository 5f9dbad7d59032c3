"""The sandbox's own time, which a test may set and let run ahead."""

import time
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Goes at the speed of the real clock, from `start` (default: now); `advance` lets time pass at once."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime.now(UTC)
        self._from = time.monotonic()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The sandbox's time, aware and in UTC."""
        return self._start + timedelta(seconds=time.monotonic() - self._from) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Let that much time pass."""
        self._ahead += by
