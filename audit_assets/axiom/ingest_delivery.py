"""Gets events into Axiom when a reply may be lost: sends, and if unsure looks before sending again.

Axiom takes no idempotency key and never drops a duplicate (docs/facts/axiom.md, 0.3), so only an existence check
distinguishes a batch that arrived from one that did not. An event that still gets in twice, because its first copy
surfaced late, has the same entry_id, and every query drops the second.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any

import polars as pl
from pydantic import BaseModel, ValidationError

from audit_assets.axiom import error_messages
from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply, NoReply
from audit_assets.axiom.events import TIME
from audit_assets.axiom.ingest_batches import Batch, batches, batches_ahead
from audit_assets.axiom.limits import LONGEST_POLL_SECONDS, AxiomLimits
from audit_assets.config.errors import Incomplete, Refused
from audit_assets.transport.clock import Clock
from audit_assets.transport.retry_policy import TryAgain, retry_policy

SCHEMA_DROP = "schema_rules_drop:"
"""The code of the only sign that a locked dataset gives when it drops a field begins so (docs/facts/axiom.md, 2.1)."""


class IngestStatus(Enum):
    """What may have become of a batch."""

    ACCEPTED = "accepted"
    UNSURE = "unsure"
    TOO_LARGE = "too large"


@dataclass(frozen=True)
class IngestOutcome:
    """What became of a batch, why, and the seconds that Axiom asks to wait before the next attempt."""

    status: IngestStatus
    reason: str = ""
    wait: float | None = None


class _Acknowledgement(BaseModel):
    """The body of a reply to an ingest, as far as it is read."""

    ingested: Any = None
    failed: Any = None
    failures: Any = None
    messages: Any = None


def classify_reply(connection: AxiomConnection, reply: AxiomReply, offered: int, now: datetime) -> IngestOutcome:
    """What a reply to an ingest of `offered` events means. Raises `TryAgain` when Axiom certainly took none of them,
    and `Refused` when no other attempt can help.

    A 200 whose body can't be read is no failure: the events are in, or may be. One that counts failures is
    (docs/facts/axiom.md, 1.4 and 2.1).
    """
    if 200 <= reply.status < 300:
        return _parse_acknowledgement(connection, reply.json(), offered)
    if reply.status == error_messages.TOO_LARGE and offered > 1:
        return IngestOutcome(IngestStatus.TOO_LARGE, "HTTP 413")
    if not error_messages.is_temporary(reply):
        raise error_messages.refusal(connection, reply, "events")
    failure = error_messages.temporary_failure(connection, reply, now)
    if reply.status in (error_messages.RATE_LIMITED, error_messages.PLAN_LIMITED):
        raise failure
    return IngestOutcome(IngestStatus.UNSURE, str(failure), failure.after)


def _parse_acknowledgement(connection: AxiomConnection, body: Any, offered: int) -> IngestOutcome:
    """Total: any JSON value gives an outcome, or `Refused` for a locked schema."""
    try:
        counts = _Acknowledgement.model_validate(body)
    except ValidationError:
        return IngestOutcome(IngestStatus.UNSURE, "an acknowledgement that can't be read")
    _check_schema_drops(connection, counts.messages)
    if counts.failed:
        reason = f"Axiom rejected {counts.failed} of {offered} events: {_first_error(counts.failures)}"
    elif counts.ingested != offered:
        reason = f"Axiom acknowledged {counts.ingested} of {offered} events"
    else:
        return IngestOutcome(IngestStatus.ACCEPTED)
    return IngestOutcome(IngestStatus.UNSURE, connection.sanitize(reason))


def _check_schema_drops(connection: AxiomConnection, messages: Any) -> None:
    listed = messages if isinstance(messages, list) else []
    codes = [str(message.get("code")) for message in listed if isinstance(message, dict)]
    dropped = sorted({code.removeprefix(SCHEMA_DROP) for code in codes if code.startswith(SCHEMA_DROP)})
    if dropped:
        fields = connection.sanitize(", ".join(dropped))
        raise Refused(
            f"Axiom dataset '{connection.dataset}' has a locked schema and dropped {fields}: unlock its schema"
        )


def _first_error(failures: Any) -> str:
    try:
        return str(failures[0]["error"])
    except (KeyError, IndexError, TypeError):
        return "no reason given"


class BatchSender:
    """Sends batches to one dataset. `held` returns the ids that are visible in [start, end); `identity`: the field that
    holds them."""

    def __init__(
        self,
        connection: AxiomConnection,
        held: Callable[[datetime, datetime], pl.Series],
        clock: Clock,
        limits: AxiomLimits,
        identity: str = "entry_id",
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._held = held
        self._clock = clock
        self._limits = limits
        self.batches = 0
        self.sent_again = 0

    def send(self, events: pl.DataFrame) -> None:
        """Send all these events, oldest first.

        Raises `Refused`, `Unavailable`, or `Incomplete` when Axiom keeps rejecting some; what was accepted before
        stays, and the next run finds it there.
        """
        for batch in batches_ahead(events, self._identity):
            self.batches += 1
            self._send_whole(batch)

    def _send_whole(self, batch: Batch) -> None:
        """Send until every event of the batch is there."""
        left, reason = batch, ""
        for send in range(1, self._limits.sends + 1):
            if send > 1:
                self.sent_again += len(left.events)
            outcome = self._send_until_taken(left)
            if outcome.status is IngestStatus.ACCEPTED:
                return
            if outcome.status is IngestStatus.TOO_LARGE:
                self._send_halves(left)
                return
            missing = self._missing_after_waiting(left.events, outcome)
            if missing.is_empty():
                return
            left, reason = self._one_batch(missing), outcome.reason
        raise Incomplete(
            f"{len(left.events):,} of {len(batch.events):,} events are not in Axiom dataset "
            f"'{self._connection.dataset}' after {self._limits.sends} attempts: {reason}. Run the hour again later."
        )

    def _send_halves(self, batch: Batch) -> None:
        middle = len(batch.events) // 2
        for half in (batch.events.head(middle), batch.events.tail(-middle)):
            self._send_whole(self._one_batch(half))

    def _send_until_taken(self, batch: Batch) -> IngestOutcome:
        """Send until Axiom took it or may have taken it: what it certainly did not take can be sent again blindly."""
        policy = retry_policy(self._limits, self._clock, partial(error_messages.give_up, "events"))
        return policy(self._send_once, batch)

    def _send_once(self, batch: Batch) -> IngestOutcome:
        try:
            reply = self._connection.ingest(batch.body)
        except NoReply as failure:
            if not failure.sent:
                raise
            return IngestOutcome(IngestStatus.UNSURE, str(failure))
        return classify_reply(self._connection, reply, len(batch.events), self._clock.now())

    def _missing_after_waiting(self, events: pl.DataFrame, outcome: IngestOutcome) -> pl.DataFrame:
        """The events that have not become visible within `visibility_seconds`."""
        if outcome.wait and outcome.wait > self._limits.total_seconds:
            raise error_messages.give_up("events", 1, TryAgain(outcome.reason, outcome.wait))
        if outcome.wait:
            self._clock.sleep(outcome.wait)
        start, end = span(events, TIME, "1s")
        missing = events
        for pause in poll_pauses(self._limits.visibility_seconds):
            self._clock.sleep(pause)
            held = self._held(start, end).to_frame(self._identity)
            missing = missing.join(held, on=self._identity, how="anti")
            if missing.is_empty():
                break
        return missing

    def _one_batch(self, events: pl.DataFrame) -> Batch:
        """A batch of some of another batch's events, which therefore fit into one."""
        [batch] = batches(events, self._identity)
        return batch


def span(frame: pl.DataFrame, column: str, unit: str) -> tuple[datetime, datetime]:
    """The whole units ("1h", "1s") around the times in a column of a frame that is not empty: [start, end)."""
    times = pl.col(column)
    return frame.select(
        times.min().dt.truncate(unit).alias("start"), times.max().dt.truncate(unit).dt.offset_by(unit).alias("end")
    ).row(0)


def poll_pauses(total: float) -> Iterator[float]:
    """Pauses that begin short and grow, adding up to `total`: most rows show early, some late."""
    pause, left = 2.0, total
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
