"""The notes of one hour's tickets: asked for one by one, for a bounded time, and never in a ticket's way.

Whatever goes wrong, the ticket goes out without a note, and the reason is kept once for the run to tell. What can't get
better within the hour (a wrong key, a missing package, a reached limit) ends its notes at once.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from audit_assets.config.errors import AuditAssetsError
from audit_assets.tickets.finding import Finding, TriageNote
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.triage.finding_case import case_of

TICKET_SECONDS = 20.0
HOUR_SECONDS = 60.0
LEAST_SECONDS = 1.0
"""With less time left in the hour, no model is asked any more."""


class NoteModel(Protocol):
    """What is asked for notes."""

    def note_on(self, case: str, *, seconds: float) -> TriageNote:
        """A note on a case. Raises `AuditAssetsError`."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class HourNotes:
    """Writes the notes of one hour. `written` counts them, `errors` says in sentences why others are missing."""

    def __init__(
        self,
        connect: Callable[[], NoteModel | None],
        *,
        clock: Clock | None = None,
        ticket_seconds: float = TICKET_SECONDS,
        hour_seconds: float = HOUR_SECONDS,
    ) -> None:
        """`connect` makes the model when the first note is wanted, or returns None if none is named."""
        self._connect = connect
        self._clock = clock or SystemClock()
        self._ticket_seconds = ticket_seconds
        self._seconds_left = hour_seconds
        self._model: NoteModel | None = None
        self._over = False
        self.written = 0
        self.errors: list[str] = []

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._model:
            self._model.close()

    def noted(self, finding: Finding) -> Finding:
        """The finding with its note, or as it was. Costs a request: for a finding that is about to be told."""
        return replace(finding, note=self.note_for(finding))

    def note_for(self, finding: Finding) -> TriageNote | None:
        """The model's note, or None. Raises nothing that is the model's or the settings' fault."""
        if self._over:
            return None
        if self._seconds_left < LEAST_SECONDS:
            return self._end("The triage model used up its time for this hour: the other tickets went without a note.")
        began = self._clock.monotonic()
        try:
            self._model = self._model or self._connect()
            if self._model is None:
                return self._end()
            seconds = min(self._ticket_seconds, self._seconds_left)
            note = self._model.note_on(case_of(finding), seconds=seconds)
        except AuditAssetsError as error:
            return self._end(str(error)) if error.permanent else self._tell(str(error))
        finally:
            self._seconds_left -= self._clock.monotonic() - began
        self.written += 1
        return note

    def _end(self, problem: str | None = None) -> None:
        self._over = True
        self._tell(problem)

    def _tell(self, problem: str | None) -> None:
        if problem and problem not in self.errors:
            self.errors.append(problem)
