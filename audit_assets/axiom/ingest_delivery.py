"""Getting events into Axiom when an answer may be lost: send, and when in doubt look before sending again.

Axiom takes no idempotency key and never drops a duplicate (docs/facts/axiom.md, 0.3), so only an existence check tells
a batch that landed from one that did not. What still gets in twice, because it surfaced late, has the same
entry_id, and every query drops it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import polars as pl

from audit_assets.axiom import error_messages
from audit_assets.axiom.axiom_py_adapter import Answer, NoAnswer, Wire
from audit_assets.axiom.events import TIME
from audit_assets.axiom.ingest_batches import Batch, batches
from audit_assets.axiom.limits import Bounds
from audit_assets.config.errors import Incomplete, Refused, Unavailable
from audit_assets.transport.clock import Clock

SCHEMA_DROP = "schema_rules_drop:"
"""Begins the code of the only sign that a locked dataset leaves when it drops a field (docs/facts/axiom.md, 2.1)."""


class Fate(Enum):
    """What became of a batch."""

    ACCEPTED = "accepted"
    UNSURE = "unsure"
    NOT_TAKEN = "not taken"
    TOO_LARGE = "too large"


@dataclass(frozen=True)
class Verdict:
    """A fate, its reason in words, and the seconds that Axiom asks to wait before the next attempt."""

    fate: Fate
    reason: str = ""
    wait: float | None = None


def verdict_on(wire: Wire, answer: Answer, offered: int, now: datetime) -> Verdict:
    """What an answer to an ingest of `offered` events says. Raises `Refused` when no other attempt can help.

    A 200 whose body can't be read is no failure: the events are in, or at least may be. One that counts failures is
    (docs/facts/axiom.md, 1.4 and 2.1).
    """
    if 200 <= answer.status < 300:
        return _verdict_on_counts(wire, answer.json(), offered)
    if answer.status == error_messages.TOO_LARGE and offered > 1:
        return Verdict(Fate.TOO_LARGE, "HTTP 413")
    if not error_messages.is_passing(answer):
        raise error_messages.of_ingest(wire, answer)
    reason, wait = error_messages.passing_reason(wire, answer), error_messages.asked_wait(answer, now)
    limited = answer.status in (error_messages.RATE_LIMITED, error_messages.PLAN_LIMITED)
    return Verdict(Fate.NOT_TAKEN if limited else Fate.UNSURE, reason, wait)


def _verdict_on_counts(wire: Wire, told: Any, offered: int) -> Verdict:
    if not isinstance(told, dict):
        return Verdict(Fate.UNSURE, "an acknowledgement that can't be read")
    _check_schema_drops(wire, told.get("messages"))
    failed = told.get("failed") or 0
    if failed:
        return Verdict(Fate.UNSURE, f"Axiom rejected {failed} of {offered} events: {_first_error(wire, told)}")
    if told.get("ingested") != offered:
        return Verdict(Fate.UNSURE, f"Axiom acknowledged {told.get('ingested')} of {offered} events")
    return Verdict(Fate.ACCEPTED)


def _check_schema_drops(wire: Wire, messages: Any) -> None:
    codes = [str(message.get("code")) for message in messages or [] if isinstance(message, dict)]
    dropped = sorted({code.removeprefix(SCHEMA_DROP) for code in codes if code.startswith(SCHEMA_DROP)})
    if dropped:
        fields = wire.clean(", ".join(dropped))
        raise Refused(f"Axiom dataset '{wire.dataset}' has a locked schema and dropped {fields}: unlock its schema")


def _first_error(wire: Wire, told: dict[str, Any]) -> str:
    try:
        return wire.clean(str(told["failures"][0]["error"]))
    except (KeyError, IndexError, TypeError):
        return "no reason given"


class Deliverer:
    """Sends batches to one dataset. `held` answers which entry_ids are visible in [start, end)."""

    def __init__(
        self, wire: Wire, held: Callable[[datetime, datetime], pl.Series], clock: Clock, bounds: Bounds
    ) -> None:
        self._wire = wire
        self._held = held
        self._clock = clock
        self._bounds = bounds
        self.batches = 0
        self.sent_again = 0

    def deliver(self, events: pl.DataFrame) -> None:
        """Send all these events, oldest first.

        Raises `Refused`, `Unavailable`, or `Incomplete` when Axiom keeps rejecting some; what was accepted before
        stays, and the next run finds it there.
        """
        for batch in batches(events):
            self.batches += 1
            self._deliver(batch)

    def _deliver(self, batch: Batch) -> None:
        left, reason = batch, ""
        for send in range(1, self._bounds.sends + 1):
            if send > 1:
                self.sent_again += len(left.events)
            verdict = self._send(left)
            if verdict.fate is Fate.ACCEPTED:
                return
            if verdict.fate is Fate.TOO_LARGE:
                self._deliver_halves(left)
                return
            lacking = self._lacking_after_waiting(left.events, verdict)
            if lacking.is_empty():
                return
            left, reason = _one_batch(lacking), verdict.reason
        raise Incomplete(
            f"{len(left.events):,} of {len(batch.events):,} events are not in Axiom dataset '{self._wire.dataset}' "
            f"after {self._bounds.sends} attempts: {reason}. Run the hour again later."
        )

    def _deliver_halves(self, batch: Batch) -> None:
        middle = len(batch.events) // 2
        for half in (batch.events.head(middle), batch.events.tail(-middle)):
            self._deliver(_one_batch(half))

    def _send(self, batch: Batch) -> Verdict:
        """Send until Axiom took it or may have taken it: what it surely did not take can be sent again blindly."""
        waited = 0.0
        for attempt in range(1, self._bounds.tries + 1):
            verdict = self._attempt(batch)
            if verdict.fate is not Fate.NOT_TAKEN:
                return verdict
            own = random.uniform(0.0, 2.0**attempt)  # noqa: S311 - no secret depends on it
            pause = verdict.wait if verdict.wait is not None else own
            waited += pause
            if attempt == self._bounds.tries or waited > self._bounds.asked_wait_seconds:
                raise Unavailable(error_messages.gave_up("events", attempt, verdict.reason, verdict.wait))
            self._clock.sleep(pause)
        raise AssertionError("at least one try")

    def _attempt(self, batch: Batch) -> Verdict:
        try:
            answer = self._wire.ingest(batch.body)
        except NoAnswer as failure:
            return Verdict(Fate.UNSURE if failure.sent else Fate.NOT_TAKEN, str(failure))
        return verdict_on(self._wire, answer, len(batch.events), self._clock.now())

    def _lacking_after_waiting(self, events: pl.DataFrame, verdict: Verdict) -> pl.DataFrame:
        """The events that have not become visible within the bound."""
        wait = verdict.wait or 0.0
        if wait > self._bounds.asked_wait_seconds:
            raise Unavailable(error_messages.gave_up("events", 1, verdict.reason, wait))
        start, end = span(events, TIME, "1s")
        lacking = events
        if wait:
            self._clock.sleep(wait)
        for pause in poll_pauses(self._bounds.visibility_seconds, self._bounds.longest_poll_seconds):
            self._clock.sleep(pause)
            lacking = lacking.join(self._held(start, end).to_frame("entry_id"), on="entry_id", how="anti")
            if lacking.is_empty():
                break
        return lacking


def span(frame: pl.DataFrame, column: str, unit: str) -> tuple[datetime, datetime]:
    """The whole units ("1h", "1s") around the times in a column of a frame that is not empty: [start, end)."""
    times = pl.col(column)
    return frame.select(
        times.min().dt.truncate(unit).alias("start"), times.max().dt.truncate(unit).dt.offset_by(unit).alias("end")
    ).row(0)


def poll_pauses(total: float, longest: float) -> Iterator[float]:
    """Pauses that begin short and grow, adding up to `total`: most rows show early, some late."""
    pause, left = 2.0, total
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(pause * 1.5, longest)


def _one_batch(events: pl.DataFrame) -> Batch:
    """Some of a batch's events, which therefore fit into one."""
    [batch] = batches(events)
    return batch
