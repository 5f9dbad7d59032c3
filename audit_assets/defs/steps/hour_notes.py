"""The notes of one hour's tickets: requested one by one, within a bounded time, and never delaying a ticket for long.

Whatever goes wrong, the ticket goes out without a note, and the reason is recorded once for the run to report. An
error that can't get better within the hour (a wrong key, a reached limit) ends its notes at once.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.steps.finding_case import build_case
from audit_assets.tickets.finding import Finding, TriageNote
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.triage.model_answer import ModelNote

TICKET_SECONDS = 20.0
HOUR_SECONDS = 60.0
"""For all notes of an hour together. Both are judgements: a note is worth a short delay of a ticket."""

LEAST_SECONDS = 1.0
"""With less time left for the hour, no more notes are requested."""


class NoteModel(Protocol):
    """What writes notes: triage/model_client.py, or a substitute in tests."""

    def note_on(self, case: str, *, seconds: float) -> ModelNote:
        """A note on a case. Raises `AuditAssetsError`."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class HourNotes:
    """Writes the notes of one hour. `written` counts them, `errors` are sentences on why others are missing."""

    def __init__(
        self,
        connect: Callable[[], NoteModel | None],
        *,
        clock: Clock | None = None,
        ticket_seconds: float = TICKET_SECONDS,
        hour_seconds: float = HOUR_SECONDS,
    ) -> None:
        """`connect` builds the model when the first note is needed, or returns None if no model is set."""
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

    def add_note(self, finding: Finding) -> Finding:
        """The finding with its note, or unchanged. Costs a request: for a finding that is about to go on a ticket."""
        return replace(finding, note=self.note_for(finding))

    def note_for(self, finding: Finding) -> TriageNote | None:
        """The model's note, or None. Raises nothing that is the model's or the settings' fault."""
        if self._over:
            return None
        if self._seconds_left < LEAST_SECONDS:
            return self._stop("The triage model used up its time for this hour: the other tickets have no note.")
        began = self._clock.monotonic()
        try:
            self._model = self._model or self._connect()
            if self._model is None:
                return self._stop()
            seconds = min(self._ticket_seconds, self._seconds_left)
            note = self._model.note_on(build_case(finding), seconds=seconds)
        except AuditAssetsError as error:
            return self._stop(str(error)) if error.permanent else self._record(str(error))
        finally:
            self._seconds_left -= self._clock.monotonic() - began
        self.written += 1
        return TriageNote(note.model, note.assessment, note.harmless, note.check)

    def _stop(self, error: str | None = None) -> None:
        self._over = True
        self._record(error)

    def _record(self, error: str | None) -> None:
        if error and error not in self.errors:
            self.errors.append(error)
