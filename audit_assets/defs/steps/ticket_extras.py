"""What a ticket of an hour may get besides its text, a note or a chart: made one by one, in a bounded time.

Whatever goes wrong, the ticket goes out without, and the reason is kept once for the run to report. What can't get
better within the hour (a wrong key, a reached limit, no activity to draw) ends it at once.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from audit_assets.config.errors import AuditAssetsError
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import AGAIN_LATER

T = TypeVar("T")

TICKET_SECONDS = 20.0
HOUR_SECONDS = 60.0
"""For all of an hour together. Both are judgements: a note or a chart is worth a short delay of a ticket."""

LEAST_SECONDS = 1.0
"""With less time left for the hour, no more are made."""


class TicketExtras:
    """Makes one kind of extra for the tickets of an hour. `made` counts them, `errors` are sentences on why others are
    missing."""

    def __init__(self, clock: Clock, *, out_of_time: str, introduction: str = "") -> None:
        """`out_of_time`: the error once the time is used up; `introduction` goes before the errors."""
        self.clock = clock
        self._out_of_time = out_of_time
        self._introduction = introduction
        self._seconds_left = HOUR_SECONDS
        self._has_ended = False
        self.made = 0
        self.errors: list[str] = []

    @property
    def problem(self) -> str | None:
        """Why tickets have none, or None if nothing went wrong."""
        return self._introduction + " ".join(self.errors) if self.errors else None

    def metadata(self, count: str, problem: str) -> dict[str, Any]:
        """What a run records under these two names: how many were made, and why others are missing."""
        return {name: value for name, value in ((count, self.made), (problem, self.problem)) if value}

    def attempt(self, make: Callable[[float], T | None]) -> T | None:
        """What `make` makes within the seconds that it is given, or None. Raises nothing of ours."""
        if self._has_ended:
            return None
        if self._seconds_left < LEAST_SECONDS:
            return self.end(self._out_of_time)
        began = self.clock.monotonic()
        try:
            made = make(min(TICKET_SECONDS, self._seconds_left))
        except AuditAssetsError as error:
            return self.end(str(error)) if error.permanent else self._add_error(str(error))
        finally:
            self._seconds_left -= self.clock.monotonic() - began
        self.made += made is not None
        return made

    def end(self, error: str = "") -> None:
        """Make no more of them in this hour."""
        self._has_ended = True
        self._add_error(error)

    def _add_error(self, text: str) -> None:
        error = text.removesuffix(AGAIN_LATER)
        if error and error not in self.errors:
            self.errors.append(error)
