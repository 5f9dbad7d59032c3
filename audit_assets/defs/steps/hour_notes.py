"""The notes of one hour's tickets, which a language model writes, and what it gets of a finding.

That is one JSON object of a fixed structure, in which every value is quoted data. The keys are ours and the values
bounded; text is truncated, its invisible characters are written out and its addresses defanged (tickets/markdown.py).
Identifiers of the account and links are left out: a model has no use for them.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from audit_assets.defs.steps.ticket_extras import TicketExtras
from audit_assets.tickets.finding import ENTRIES_SHOWN, Finding, TriageNote
from audit_assets.tickets.markdown import one_line
from audit_assets.tickets.phrases import rarest_types_first
from audit_assets.transport.clock import Clock
from audit_assets.triage.model_answer import ModelNote

VALUE_LENGTH = 120
MOST_DEVIATIONS = 8
LIST_LENGTH = 20
"""These bounds are judgements: enough for a note, and a case stays under 60,000 characters."""


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


def build_case(finding: Finding) -> str:
    """A finding as the JSON text of a user message."""
    deviations = rarest_types_first(finding.deviations)
    unknown_days = {"days": None} if finding.active_days is None else {}
    case = {
        "actor": finding.actor,
        "actor_type": finding.actor_type,
        "hour_utc": finding.hour,
        "severity": finding.severity,
        "severity_because": finding.severity_because,
        "limited_history": finding.learning,
        "deviations": [asdict(each) for each in deviations[:MOST_DEVIATIONS]],
        "deviations_total": len(deviations),
        "actions": [asdict(each) for each in finding.action_summaries],
        "origins": [asdict(each) | unknown_days for each in finding.origins],
        "entries": [asdict(each) for each in finding.entries[:ENTRIES_SHOWN]],
        "last_entries": [asdict(each) for each in finding.last_entries[:ENTRIES_SHOWN]],
        "entries_total": finding.entries_total,
    }
    return json.dumps(_quote(case), ensure_ascii=False, allow_nan=False)


def _quote(value: Any) -> Any:
    """A value in the form that JSON takes; an unknown value, or one that is no number, is None and left out."""
    if isinstance(value, str):
        return one_line(value, VALUE_LENGTH)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: quoted for key, each in value.items() if (quoted := _quote(each)) is not None}
    if isinstance(value, Sequence):
        return [_quote(each) for each in value[:LIST_LENGTH]]
    return value
