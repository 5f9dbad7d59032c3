"""The notes of one hour's tickets, which a language model writes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from audit_assets.defs.steps.finding_case import build_case
from audit_assets.defs.steps.ticket_extras import TicketExtras
from audit_assets.tickets.finding import Finding, TriageNote
from audit_assets.transport.clock import Clock
from audit_assets.triage.model_answer import ModelNote


class NoteModel(Protocol):
    """What writes notes: triage/model_client.py, or a substitute in tests."""

    def note_on(self, case: str, *, seconds: float) -> ModelNote:
        """A note on a case. Raises `AuditAssetsError`."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class HourNotes(TicketExtras):
    """Writes the notes of one hour."""

    def __init__(self, connect: Callable[[], NoteModel | None], clock: Clock) -> None:
        """`connect` builds the model when the first note is needed, or returns None if no model is set."""
        super().__init__(
            clock, out_of_time="The triage model used up its time for this hour: the other tickets have no note."
        )
        self._connect = connect
        self._model: NoteModel | None = None

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._model:
            self._model.close()

    def add_note(self, finding: Finding) -> Finding:
        """The finding with its note, or unchanged. Costs a request: for a finding that is about to go on a ticket."""
        return replace(finding, note=self.attempt(lambda seconds: self._write(finding, seconds)))

    def _write(self, finding: Finding, seconds: float) -> TriageNote | None:
        self._model = self._model or self._connect()
        if self._model is None:
            return self.end()
        note = self._model.note_on(build_case(finding), seconds=seconds)
        return TriageNote(note.model, note.assessment, note.harmless, note.check)
