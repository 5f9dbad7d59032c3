"""Runs queries until the result is whole: again when Axiom did not answer, in smaller parts when it did not fit.

The only place that decides what a failed query means. The texts are in queries/, their values are filled in by
query_texts.py, and a result is parsed by tabular_results.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import polars as pl

from audit_assets.axiom import error_messages, query_texts
from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.query_window import (
    QueryWindow,
    Split,
    split_by_actors_then_months,
    split_by_actors_then_time,
    split_by_time_then_prefix,
)
from audit_assets.axiom.tabular_results import Schema, TooLarge, UnreliableResult, parse_result
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import Incomplete
from audit_assets.transport.clock import Clock
from audit_assets.transport.retry_policy import retry_policy

UTC_TIME = pl.Datetime("us", "UTC")

ACTIVITY_SCHEMA = {
    **{"actor_key": pl.String, "hour": UTC_TIME, "resource_type": pl.String},
    **{"changes": pl.Int64, "deletes": pl.Int64},
}
CHANGES_BY_KIND_SCHEMA = {
    **{"actor_key": pl.String, "hour": UTC_TIME, "resource_type": pl.String},
    **{"change_kind": pl.String, "changes": pl.Int64},
}
ORGANISATION_HOURS_SCHEMA = {"hour": UTC_TIME, "active_actors": pl.Int64, "changes": pl.Int64}
ORGANISATION_TYPES_SCHEMA = {"hour": UTC_TIME, "resource_type": pl.String, "changes": pl.Int64}
ENTRIES_HELD_SCHEMA = {"entry_id": pl.String, "hour": UTC_TIME, "copies": pl.Int64}
ACTORS_SCHEMA = {
    **dict.fromkeys(("actor_key", "actor", "actor_type", "account", "person", "email", "token"), pl.String),
    "newest": UTC_TIME,
}
ACCOUNTS_SCHEMA = {"account": pl.String, "newest": UTC_TIME}
INCOMPLETE_EVENTS_SCHEMA = {"events": pl.Int64}
EVENTS_BY_HOUR_SCHEMA = {"hour": UTC_TIME, "events": pl.Int64}
ORIGINS_SCHEMA = {
    **dict.fromkeys(("actor_key", "address", "agent", "via", "token"), pl.String),
    "day": UTC_TIME,
    "oldest": UTC_TIME,
}
ORIGIN_USES_SCHEMA = {
    **dict.fromkeys(("actor_key", "address", "agent", "via", "token"), pl.String),
    "hour": UTC_TIME,
    **dict.fromkeys(("changed", "failed"), pl.Boolean),
}
HOUR_FACTS_SCHEMA = {
    "hour": UTC_TIME,
    **dict.fromkeys(("actor_key", "actor", "actor_type", "account", "person", "email", "token"), pl.String),
    **dict.fromkeys(("address", "agent", "via", "resource_type", "resource_product"), pl.String),
    **dict.fromkeys(("change_kind", "action", "action_result", "stream"), pl.String),
    "events": pl.Int64,
    **{"oldest": UTC_TIME, "newest": UTC_TIME},
}
AGGREGATE_ROWS_SCHEMA = {
    **{"aggregate_of": pl.String, "aggregate_actor": pl.String, "aggregate_part": pl.Int64},
    **{"aggregate_digest": pl.String, "aggregate_id": pl.String, "aggregate_text": pl.String},
}
AGGREGATES_HELD_SCHEMA = {"aggregate_id": pl.String}
DATASET_FACTS_SCHEMA = {"rows": pl.Int64, "oldest": UTC_TIME}

HOUR_KIND, PAST_KIND = "hour-1", "past-1"
"""Kinds of aggregates: of an hour, and of what an actor changed before a day. The number is that of their format: rows
of another are not read."""

OUT_OF_MEMORY = 432
"""Axiom's own status for a query that needs more memory than it may have (docs/facts/axiom.md, 2.2)."""

INVALID_FIELD = b"invalid field"
"""In a 400, anywhere in its JSON: the formatted message and the raw one are two keys (docs/facts/axiom.md, 2.2)."""


@dataclass(frozen=True)
class AplQuery:
    """A query file, the schema of its result, whether it takes the change filter, the kinds of aggregates that it is
    about (none: of entries), and how to split its window.
    `may_omit`: instead of failing, the result lacks a part that can't be made smaller, and has a row with nothing but
    the part's first actor for it."""

    name: str
    schema: Schema
    filters_changes: bool = False
    kinds: tuple[str, ...] = ()
    split: Split = split_by_actors_then_time
    may_omit: bool = False


ACTIVITY = AplQuery("activity", CHANGES_BY_KIND_SCHEMA, filters_changes=True)
ORGANISATION_ACTIVITY = AplQuery("organisation_activity", CHANGES_BY_KIND_SCHEMA, filters_changes=True)
ORGANISATION_HOURS = AplQuery("organisation_hours", ORGANISATION_HOURS_SCHEMA, filters_changes=True)
ORGANISATION_TYPES = AplQuery("organisation_types", ORGANISATION_TYPES_SCHEMA, filters_changes=True)
ORIGINS = AplQuery("origins", ORIGINS_SCHEMA, split=split_by_actors_then_months, may_omit=True)
ORIGIN_USES = AplQuery(
    "origin_uses", ORIGIN_USES_SCHEMA, filters_changes=True, split=split_by_actors_then_months, may_omit=True
)
ACTORS = AplQuery("actors", ACTORS_SCHEMA)
ENTRIES_HELD = AplQuery("entries_held", ENTRIES_HELD_SCHEMA, split=split_by_time_then_prefix)
ACCOUNTS = AplQuery("accounts", ACCOUNTS_SCHEMA)
INCOMPLETE_EVENTS = AplQuery("incomplete_events", INCOMPLETE_EVENTS_SCHEMA)
EVENTS_BY_HOUR = AplQuery("events_by_hour", EVENTS_BY_HOUR_SCHEMA)
HOUR_FACTS = AplQuery("hour_facts", HOUR_FACTS_SCHEMA, split=split_by_time_then_prefix)
HOUR_AGGREGATES = AplQuery("hour_aggregates", AGGREGATE_ROWS_SCHEMA, kinds=(HOUR_KIND,))
PAST_AGGREGATES = AplQuery("past_aggregates", AGGREGATE_ROWS_SCHEMA, kinds=(PAST_KIND,))
AGGREGATES_HELD = AplQuery("aggregates_held", AGGREGATES_HELD_SCHEMA)
DATASET_FACTS = AplQuery("dataset_facts", DATASET_FACTS_SCHEMA, split=lambda _: [])


class UnknownField(Exception):
    """Axiom knows no such field: no event that has it is visible, or not yet (docs/facts/axiom.md, 0.4)."""


class QueryRunner:
    """Runs queries on one dataset."""

    def __init__(
        self, connection: AxiomConnection, clock: Clock, limits: AxiomLimits, change_filter: ChangeFilter
    ) -> None:
        self._connection = connection
        self._change_filter = change_filter
        self._clock = clock
        self._limits = limits

    def run(self, query: AplQuery, window: QueryWindow) -> pl.DataFrame:
        """The whole result.

        Raises `UnknownField`, `Refused`, `Unavailable`, and `Incomplete` when no splitting makes the result reliable.
        """
        return pl.concat([pl.DataFrame(schema=query.schema), *self._results(query, window)])

    def _results(self, query: AplQuery, window: QueryWindow) -> Iterator[pl.DataFrame]:
        try:
            yield self._result(query, window)
        except UnreliableResult as failure:
            parts = query.split(window)
            if not parts and query.may_omit and isinstance(failure, TooLarge):
                omitted = pl.DataFrame({"actor_key": window.actors[:1]})
                yield pl.concat([pl.DataFrame(schema=query.schema), omitted], how="diagonal")
                return
            if not parts:
                reason = self._connection.sanitize(str(failure))
                raise Incomplete(
                    f"Axiom's answer to {query.name} ({window}) {reason}, and the query can't be made smaller: "
                    "run the hour again later"
                ) from None
            for part in parts:
                yield from self._results(query, part)

    def _result(self, query: AplQuery, window: QueryWindow) -> pl.DataFrame:
        name, apl = self._text(query, window)
        policy = retry_policy(self._limits, self._clock, partial(error_messages.give_up, "a query"))
        reply = policy(self._send, apl, window)
        if reply.status == OUT_OF_MEMORY:
            raise TooLarge("needed more memory than Axiom gives a query")
        if reply.status == 400 and INVALID_FIELD in reply.body.lower():
            raise UnknownField
        if reply.status != 200:
            raise error_messages.refusal(self._connection, reply, "a query")
        return parse_result(reply.json(), query.schema, query_texts.limit_of(name))

    def _text(self, query: AplQuery, window: QueryWindow) -> tuple[str, str]:
        """The query file for this window, and its text."""
        name = query.name
        values: dict[str, query_texts.Value] = {"window_start": window.start, "window_end": window.end}
        if window.actors:
            values["actors"] = window.actors
        if window.prefix:
            name, values["id_prefix"] = f"{name}_by_prefix", window.prefix
        if query.kinds:
            values["kinds"] = query_texts.Names(query.kinds)
        if query.filters_changes:
            values |= query_texts.change_filter_values(self._change_filter)
        return name, query_texts.fill(name, self._connection.dataset, **values)

    def _send(self, apl: str, window: QueryWindow) -> AxiomReply:
        """Send once; raises `TryAgain` for any failure that may pass, since a query changes nothing."""
        reply = self._connection.query(apl, window.start, window.end)
        if error_messages.is_temporary(reply) or (reply.status == 200 and reply.json() is None):
            raise error_messages.temporary_failure(self._connection, reply, self._clock.now())
        return reply
