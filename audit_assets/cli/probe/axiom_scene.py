"""What the checks of Axiom share: a connection, one marked event, and a window of enough entries.

The event has no entry id, no actor and no kind of change, so that no query of the pipeline counts it and the
comparison of the dataset with what was pulled passes over it. Everything else reads.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply, NoReply
from audit_assets.axiom.error_messages import is_temporary
from audit_assets.axiom.query_runner import INVALID_FIELD, OUT_OF_MEMORY
from audit_assets.axiom.query_texts import fill
from audit_assets.config.errors import Incomplete, Unavailable
from audit_assets.storage.hours import AN_HOUR
from audit_assets.transport.clock import Clock

OLDEST_SENT = timedelta(days=31)
"""What the pipeline brings in when it starts: 30 days before the oldest hour that it judges, and that one's day."""

VISIBLE_WITHIN = 90.0
"""Seconds that the pipeline waits (`axiom/limits.py`)."""

POLL = 3.0

NOTE = "A test event of `audit-assets doctor --probe`. It is no audit entry, and no query counts it."

ENOUGH_EVENTS, MOST_EVENTS = 1_001, 45_000
"""More than a result has by default, and fewer than it may have."""


@dataclass(frozen=True)
class Rows:
    """A result: its rows, what Axiom remarked, and whether it is whole."""

    rows: list[dict[str, Any]]
    codes: frozenset[str]
    is_whole: bool


@dataclass(frozen=True)
class SentEvent:
    """The marked event: its mark, its time, and how Axiom answered."""

    mark: str
    time: datetime
    reply: AxiomReply
    sent_at: float


@dataclass
class AxiomScene:
    """One dataset. `stranger` is a connection with a token that does not exist."""

    connection: AxiomConnection
    stranger: AxiomConnection
    clock: Clock
    answers: int = 0
    parts: int = 0
    """How many of the answers were not whole."""

    seen_after: float | None = None
    """Seconds from sending until the marked event was seen."""

    _event: SentEvent | None = None
    _failure: Unavailable | None = None
    _window: tuple[datetime, datetime, int] | None = field(default=None)

    def event(self) -> SentEvent:
        """The marked event, sent once. Raises `Unavailable` or `Refused`."""
        if self._failure:
            raise self._failure
        if self._event is None:
            mark, time = token_hex(16), (self.clock.now() - OLDEST_SENT).replace(microsecond=0)
            event = {"_time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "native_id": mark, "raw": NOTE}
            sent_at = self.clock.monotonic()
            try:
                reply = _answered(lambda: self.connection.ingest(gzip.compress(json.dumps(event).encode())))
            except Unavailable as failure:  # it may have arrived: no second one is sent
                self._failure = failure
                raise
            self._event = SentEvent(mark, time, reply, sent_at)
        return self._event

    def events_seen(self, start: datetime, end: datetime) -> int:
        """How many marked events a window holds."""
        rows = self.rows("probe/marked_event", start, end, mark=self.event().mark).rows
        return sum(int(row["events"]) for row in rows)

    def wait_for_event(self) -> bool:
        """Whether the marked event is seen within the time that the pipeline waits."""
        event = self.event()
        while self.seen_after is None:
            if self.events_seen(event.time - AN_HOUR, event.time + AN_HOUR):
                self.seen_after = self.clock.monotonic() - event.sent_at
            elif self.clock.monotonic() - event.sent_at > VISIBLE_WITHIN:
                return False
            else:
                self.clock.sleep(POLL)
        return True

    def window(self) -> tuple[datetime, datetime, int] | None:
        """The newest window with more entries than a result has by default, and how many events of entries it holds;
        None if the last 31 days hold fewer."""
        if self._window is None:
            end = self.clock.now().replace(minute=0, second=0, microsecond=0) + AN_HOUR
            by_hour = self.rows("probe/counted_by_hour", end - OLDEST_SENT, end).rows
            events, start = 0, end
            for row in sorted(by_hour, key=lambda row: row["hour"], reverse=True):
                events += int(row["events"])
                start = datetime.fromisoformat(row["hour"])
                if events >= ENOUGH_EVENTS:
                    break
            if ENOUGH_EVENTS <= events <= MOST_EVENTS:
                self._window = start, end, events
        return self._window

    def ask(self, query: str, start: datetime, end: datetime, **values: str) -> AxiomReply:
        """Axiom's reply to a query file about a window, whatever it is."""
        text = fill(query, self.connection.dataset, window_start=start, window_end=end, **values)
        return _answered(lambda: self.connection.query(text, start, end))

    def ask_as_stranger(self) -> AxiomReply:
        """Axiom's reply to a token that does not exist."""
        end = self.clock.now()
        return _answered(lambda: self.stranger.query("['audit-assets-probe'] | limit 1", end - AN_HOUR, end))

    def rows(self, query: str, start: datetime, end: datetime, **values: str) -> Rows:
        """The rows of its result: none while no event has the fields that it names. Raises `Incomplete` if there is no
        result, or not the whole."""
        reply = self.ask(query, start, end, **values)
        if reply.status == 400 and INVALID_FIELD in reply.body.lower():
            return Rows([], frozenset(), is_whole=True)
        result = _parsed(reply)
        if result is None:
            raise Incomplete(f"Axiom answered HTTP {reply.status} in place of a result.")
        self.answers += 1
        self.parts += not result.is_whole
        if not result.is_whole:  # the pipeline asks again in parts: nothing else follows from it
            raise Incomplete("Axiom's answer was partial or an estimate.")
        return result


def _answered(send: Callable[[], AxiomReply]) -> AxiomReply:
    try:
        reply = send()
    except NoReply as failure:
        raise Unavailable(f"Axiom gave no answer: {failure}") from None
    if is_temporary(reply) or reply.status == OUT_OF_MEMORY:
        raise Unavailable(f"Axiom gave no answer: HTTP {reply.status}")
    return reply


def _parsed(reply: AxiomReply) -> Rows | None:
    body: Any = reply.json() if reply.status == 200 else None
    try:
        status, table = body["status"], body["tables"][0]
        names = [each["name"] for each in table["fields"]]
        rows = [dict(zip(names, values, strict=True)) for values in zip(*(table["columns"] or []), strict=True)]
        codes = frozenset(str(each.get("code")) for each in status.get("messages") or [])
        return Rows(rows, codes, status["isPartial"] is False and not status.get("isEstimate"))
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        return None
