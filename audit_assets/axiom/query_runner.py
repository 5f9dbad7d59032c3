"""Asking Axiom until the answer is whole: again when it did not answer, in smaller pieces when it did not fit.

The only place that decides what a failed query means; which texts exist is in queries/, how an answer is read in
results.py.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import polars as pl

from audit_assets.axiom import error_messages, query_texts
from audit_assets.axiom.axiom_py_adapter import Answer, NoAnswer, Wire
from audit_assets.axiom.limits import Bounds
from audit_assets.axiom.query_window import Cut, Piece, by_actors_then_time, by_time, by_time_then_prefix
from audit_assets.axiom.tabular_results import Schema, Unreliable, frame_of
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import Incomplete, Unavailable
from audit_assets.transport.clock import Clock

UTC_TIME = pl.Datetime("us", "UTC")

ACTIVITY_SCHEMA = {"actor_key": pl.String, "hour": UTC_TIME, "resource_type": pl.String, "changes": pl.Int64}
ORGANISATION_HOURS_SCHEMA = {"hour": UTC_TIME, "active_actors": pl.Int64, "changes": pl.Int64}
ORGANISATION_TYPES_SCHEMA = {"hour": UTC_TIME, "resource_type": pl.String, "changes": pl.Int64}
HELD_SCHEMA = {"entry_id": pl.String, "hour": UTC_TIME, "copies": pl.Int64}
ACTORS_SCHEMA = {"actor_key": pl.String, "actor": pl.String, "actor_type": pl.String, "newest": UTC_TIME}
INCOMPLETE_SCHEMA = {"events": pl.Int64}
ORIGINS_SCHEMA = {
    **dict.fromkeys(("actor_key", "address", "agent", "via", "token"), pl.String),
    "day": UTC_TIME,
    "oldest": UTC_TIME,
}
FACTS_SCHEMA = {"rows": pl.Int64, "oldest": UTC_TIME, "newest": UTC_TIME}

OUT_OF_MEMORY = 432
"""Axiom's own status for a query that needs more memory than it may have (docs/facts/axiom.md, 2.2)."""

INVALID_FIELD = b"invalid field"
"""In a 400, wherever in its JSON: the formatted message and the raw one are two keys (2.2)."""


@dataclass(frozen=True)
class Question:
    """A query file, the frame it answers with, how to cut what it is asked about, and whether it counts changes."""

    name: str
    schema: Schema
    cut: Cut
    of_changes: bool = False


ACTIVITY = Question("activity", ACTIVITY_SCHEMA, by_actors_then_time, of_changes=True)
ORGANISATION_ACTIVITY = Question("organisation_activity", ACTIVITY_SCHEMA, by_time, of_changes=True)
ORGANISATION_HOURS = Question("organisation_hours", ORGANISATION_HOURS_SCHEMA, by_time, of_changes=True)
ORGANISATION_TYPES = Question("organisation_types", ORGANISATION_TYPES_SCHEMA, by_time, of_changes=True)
ORIGINS = Question("origins", ORIGINS_SCHEMA, by_actors_then_time)
ACTORS = Question("actors", ACTORS_SCHEMA, by_time)
HELD = Question("entries_held", HELD_SCHEMA, by_time_then_prefix)
INCOMPLETE = Question("incomplete_events", INCOMPLETE_SCHEMA, by_time)
FACTS = Question("dataset_facts", FACTS_SCHEMA, lambda _: [])


class UnknownField(Exception):
    """Axiom knows no such field: no event that has it is visible, or not yet (docs/facts/axiom.md, 0.4)."""


class Asker:
    """Puts questions to one dataset."""

    def __init__(self, wire: Wire, clock: Clock, bounds: Bounds, counted: ChangeFilter) -> None:
        self._wire = wire
        self._counted = counted
        self._clock = clock
        self._bounds = bounds

    def ask(self, question: Question, piece: Piece) -> pl.DataFrame:
        """The whole answer.

        Raises `UnknownField`, `Refused`, `Unavailable`, and `Incomplete` when no cut makes the answer reliable.
        """
        return pl.concat([pl.DataFrame(schema=question.schema), *self._answers(question, piece)])

    def _answers(self, question: Question, piece: Piece) -> Iterator[pl.DataFrame]:
        try:
            yield self._answer(question, piece)
        except Unreliable as failure:
            pieces = question.cut(piece)
            if not pieces:
                reason = self._wire.clean(str(failure))
                raise Incomplete(
                    f"Axiom's answer to {question.name} ({piece}) {reason}, and the question can't be made smaller: "
                    "run the hour again later"
                ) from None
            for smaller in pieces:
                yield from self._answers(question, smaller)

    def _answer(self, question: Question, piece: Piece) -> pl.DataFrame:
        name, apl = self._text(question, piece)
        answer = self._insist(apl, piece)
        if answer.status == OUT_OF_MEMORY:
            raise Unreliable("needed more memory than Axiom gives a query")
        if answer.status == 400 and INVALID_FIELD in answer.body.lower():
            raise UnknownField
        if answer.status != 200:
            raise error_messages.of_query(self._wire, answer)
        return frame_of(answer.json(), question.schema, query_texts.limit_of(name))

    def _text(self, question: Question, piece: Piece) -> tuple[str, str]:
        """The query file for this piece, and its text."""
        name = question.name
        values: dict[str, query_texts.Value] = {"window_start": piece.start, "window_end": piece.end}
        if piece.actors:
            values["actors"] = piece.actors
        if piece.prefix:
            name, values["id_prefix"] = f"{name}_by_prefix", piece.prefix
        if question.of_changes:
            values |= query_texts.changes_counted(self._counted)
        return name, query_texts.fill(name, self._wire.dataset, **values)

    def _insist(self, apl: str, piece: Piece) -> Answer:
        """Send until it is answered: a query changes nothing, so sending it twice is harmless."""
        waited = 0.0
        for attempt in count(1):
            asked = None
            try:
                answer = self._wire.query(apl, piece.start, piece.end)
            except NoAnswer as failure:
                reason = str(failure)
            else:
                if not error_messages.is_passing(answer) and (answer.status != 200 or answer.json() is not None):
                    return answer
                reason = error_messages.passing_reason(self._wire, answer)
                asked = error_messages.asked_wait(answer, self._clock.now())
            pause = asked if asked is not None else random.uniform(0.0, 2.0**attempt)  # noqa: S311 - no secret
            waited += pause
            if attempt >= self._bounds.tries or waited > self._bounds.asked_wait_seconds:
                raise Unavailable(error_messages.gave_up("a query", attempt, reason, asked))
            self._clock.sleep(pause)
        raise AssertionError("count() does not end")
