"""Puts aggregates into the dataset and gets them out again, by the digests of what was put in.

What is not visible yet, or not whole, is not returned: whoever asks then reads the entries instead.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from audit_assets.axiom.aggregates import first_second, second_second, unpack_hours, unpack_past
from audit_assets.axiom.axiom_py_adapter import AxiomConnection
from audit_assets.axiom.events import TIME
from audit_assets.axiom.ingest_delivery import BatchSender, poll_pauses, span
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.query_runner import (
    AGGREGATE_ROWS_SCHEMA,
    AGGREGATES_HELD,
    CHANGES_BY_KIND_SCHEMA,
    HOUR_AGGREGATES,
    PAST_AGGREGATES,
    AplQuery,
    QueryRunner,
    UnknownField,
)
from audit_assets.axiom.query_window import QueryWindow
from audit_assets.transport.clock import Clock

IDENTITY = "aggregate_id"

ACTORS_AT_ONCE = 500
"""As of other queries about actors (client.py)."""


class AggregateStore:
    """The aggregates of one dataset. Raises as `AxiomClient` does."""

    def __init__(self, connection: AxiomConnection, queries: QueryRunner, clock: Clock, limits: AxiomLimits) -> None:
        self._connection = connection
        self._queries = queries
        self._clock = clock
        self._limits = limits

    def ingest(self, rows: pl.DataFrame) -> int:
        """Send those rows (AGGREGATE_SCHEMA) that Axiom does not hold yet; returns how many they are."""
        sent = 0
        for _, at_once in rows.group_by(TIME, maintain_order=True):
            missing = at_once.filter(~pl.col(IDENTITY).is_in(self._held(*span(at_once, TIME, "1s")).to_list()))
            sender = BatchSender(self._connection, self._held, self._clock, self._limits, IDENTITY)
            sender.send(missing)
            sent += missing.height
        return sent

    def hours(self, day: datetime, digests: Mapping[datetime, str]) -> dict[datetime, pl.DataFrame]:
        """FACTS of those of a UTC day's hours that are there."""
        return unpack_hours(self._rows(HOUR_AGGREGATES, *first_second(day)), digests)

    def past(self, day: datetime, digests: Mapping[str, str]) -> pl.DataFrame:
        """What actors changed before a UTC day (CHANGES_BY_KIND_SCHEMA), of those actors whose rows are there. Waits
        until all are, or `visibility_seconds` are over: they may have been sent just now."""
        keys, found = sorted(digests), [pl.DataFrame(schema=CHANGES_BY_KIND_SCHEMA)]
        for at in range(0, len(keys), ACTORS_AT_ONCE):
            chunk = {key: digests[key] for key in keys[at : at + ACTORS_AT_ONCE]}
            pauses = poll_pauses(self._limits.visibility_seconds)
            while True:
                rows = self._rows(PAST_AGGREGATES, *second_second(day), actors=tuple(chunk))
                past = unpack_past(rows, day, chunk)
                pause = next(pauses, None) if past["actor_key"].n_unique() < len(chunk) else None
                if pause is None:
                    break
                self._clock.sleep(pause)
            found.append(past)
        return pl.concat(found)

    def _held(self, start: datetime, end: datetime) -> pl.Series:
        try:
            return self._queries.run(AGGREGATES_HELD, QueryWindow(start, end))[IDENTITY]
        except UnknownField:
            return pl.Series(IDENTITY, [], pl.String)

    def _rows(self, query: AplQuery, start: datetime, end: datetime, actors: Sequence[str] = ()) -> pl.DataFrame:
        """None while no aggregate is visible in the whole dataset."""
        try:
            return self._queries.run(query, QueryWindow(start, end, actors=tuple(actors)))
        except UnknownField:
            return pl.DataFrame(schema=AGGREGATE_ROWS_SCHEMA)
