"""The client of one Axiom dataset: puts events in, proves that they are there, queries what was changed.

How a query survives a bad answer is in query_runner.py, how events survive a lost acknowledgement in
ingest_delivery.py, and axiom-py itself is only used in axiom_py_adapter.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.axiom import query_texts
from audit_assets.axiom.addresses import CLASSIC_URL
from audit_assets.axiom.aggregate_store import AggregateStore
from audit_assets.axiom.axiom_py_adapter import AxiomConnection, NoReply
from audit_assets.axiom.dashboard_upload import upload_dashboard
from audit_assets.axiom.dataset_health import kept_since, retention_days_of
from audit_assets.axiom.events import TIME
from audit_assets.axiom.hour_facts import join_facts, latest_names
from audit_assets.axiom.ingest_delivery import BatchSender, poll_pauses, span
from audit_assets.axiom.ingest_receipts import (
    INGESTED_HOURS_SCHEMA,
    PROVED_HOURS_SCHEMA,
    DatasetFacts,
    DatasetLimits,
    IngestReceipt,
    Proof,
    ingested_hours,
)
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.proofs import prove_entries
from audit_assets.axiom.query_runner import (
    ACCOUNTS,
    ACTIVITY,
    ACTORS,
    DATASET_FACTS,
    ENTRIES_HELD,
    ENTRIES_HELD_SCHEMA,
    EVENTS_BY_HOUR,
    HOUR_FACTS,
    INCOMPLETE_EVENTS,
    ORGANISATION_ACTIVITY,
    ORGANISATION_HOURS,
    ORGANISATION_TYPES,
    ORIGIN_USES,
    ORIGINS,
    AplQuery,
    QueryRunner,
    UnknownField,
)
from audit_assets.axiom.query_window import QueryWindow
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import Incomplete
from audit_assets.transport.clock import Clock, SystemClock

ACTORS_AT_ONCE = 500
"""Keys in one query: some 20 kB. Axiom allows a million values, but documents no limit of a text's length."""

FACTS_WINDOW = timedelta(days=365)


class AxiomClient:
    """One Axiom dataset. Closes with `close()` or as a context manager.

    Every method may raise `Refused` (token, permission, dataset), `Unavailable` (no answer in time) and `Incomplete`
    (an answer that can't be the whole truth), each with one sentence that names what to do.
    """

    def __init__(
        self,
        *,
        token: str,
        dataset: str,
        org_id: str | None = None,
        url: str = CLASSIC_URL,
        edge: bool | None = None,
        clock: Clock | None = None,
        limits: AxiomLimits | None = None,
        change_filter: ChangeFilter | None = None,
        dataset_setting: str = "AXIOM_DATASET",
    ) -> None:
        """`url`: the classic API or an edge; `edge`: which of the two it is, None: judged by the host's name.
        `change_filter`: which entries count as changes. `dataset_setting`: where `dataset` is set, for errors.

        Raises `SettingError` for a token, dataset or address that can't be right.
        """
        self.dataset = query_texts.check_dataset(dataset, dataset_setting)
        self._clock = clock or SystemClock()
        self._limits = limits or AxiomLimits()
        self._connection = AxiomConnection(
            token=token,
            dataset=dataset,
            org_id=org_id,
            url=url,
            edge=edge,
            clock=self._clock,
            limits=self._limits,
            dataset_setting=dataset_setting,
        )
        self.change_filter = change_filter or ChangeFilter()
        self._queries = QueryRunner(self._connection, self._clock, self._limits, self.change_filter)
        self.aggregates = AggregateStore(self._connection, self._queries, self._clock, self._limits)

    def __enter__(self) -> "AxiomClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def ingest(self, events: pl.DataFrame) -> IngestReceipt:
        """Send the events that Axiom does not hold yet: with `_time`, `entry_id` and no null in the last column.

        May be repeated at will: a visible event is not sent again, and one that is sent twice after a lost reply is
        counted once by every query.
        """
        offered = events
        if events["entry_id"].n_unique() < len(events):  # which is rare, and found in a fraction of the time
            offered = events.unique("entry_id", keep="first", maintain_order=True)
        if offered.is_empty():
            return IngestReceipt(0, 0, 0, 0, 0, pl.DataFrame(schema=INGESTED_HOURS_SCHEMA))
        held = self.entry_ids(*span(offered, TIME, "1s")).to_frame("entry_id").with_columns(there=pl.lit(value=True))
        marked = offered.join(held, on="entry_id", how="left")
        missing = marked.filter(pl.col("there").is_null()).drop("there")
        sender = BatchSender(self._connection, self.entry_ids, self._clock, self._limits)
        sender.send(missing)
        return IngestReceipt(
            offered=len(offered),
            already_there=len(offered) - len(missing),
            sent=len(missing),
            batches=sender.batches,
            sent_again=sender.sent_again,
            hours=ingested_hours(marked),
        )

    def entry_ids(self, start: datetime, end: datetime) -> pl.Series:
        """The distinct entry_ids that are visible in [start, end), as strings."""
        return self._entries_held(start, end)["entry_id"].unique()

    def prove(self, expected: pl.DataFrame) -> Proof:
        """Whether Axiom holds exactly these entries (columns entry_id, time) in the hours of their times.

        Looks again until nothing is missing or `visibility_seconds` are over; never raises for missing entries.
        """
        if expected.is_empty():
            return Proof(0, 0, 0, 0, 0, 0, pl.DataFrame(schema=PROVED_HOURS_SCHEMA))
        return prove_entries(expected, self._entries_held, self._pauses(), self._clock.sleep)

    def activity(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """What these actors changed in [start, end), and how much of that were deletes: ACTIVITY_SCHEMA, a row per
        actor, hour and resource type.

        Each entry counts once, however often it was ingested. `start` and `end` are full hours.
        """
        return count_deletes(self._of_actors(ACTIVITY, actor_keys, start, end))

    def origins(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """From where these actors acted in [start, end), changes or not: ORIGINS_SCHEMA, a row per actor, UTC day and
        combination of address, user agent (`agent`), interface (`via`) and token id, with its `oldest` use that day.
        What an entry does not contain is null or empty. One who acted from more than Axiom lists has a single row,
        without `day`."""
        found = self._of_actors(ORIGINS, actor_keys, start, end)
        unlisted = found.filter(pl.col("day").is_null()).unique("actor_key")
        return pl.concat([found.join(unlisted, on="actor_key", how="anti"), unlisted])

    def origin_uses(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """Like `origins`, by hour: ORIGIN_USES_SCHEMA. Of too many of an actor some are missing, and a row's `hour`."""
        return self._of_actors(ORIGIN_USES, actor_keys, start, end)

    def organisation_activity(self, start: datetime, end: datetime) -> pl.DataFrame:
        """Like `activity`, of everybody."""
        return count_deletes(self.organisation_changes(start, end))

    def organisation_changes(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The same by kind of change: CHANGES_BY_KIND_SCHEMA. Much data in a large organisation."""
        return self._run_when_visible(ORGANISATION_ACTIVITY, QueryWindow(start, end))

    def actors(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The latest name of each actor of [start, end), and what identifies who is behind it: actor_key, actor,
        actor_type, account, person (an id), email, token; one row each. What an entry lacks is null or empty."""
        return self.latest_names(start, end).drop("newest")

    def latest_names(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The same, with the time of the newest use of the name: ACTORS_SCHEMA."""
        return latest_names(self._run_when_visible(ACTORS, QueryWindow(start, end)))

    def hour_facts(self, start: datetime, end: datetime) -> pl.DataFrame:
        """All that baselines need of the entries of [start, end), whatever counts as a change: FACTS."""
        counted = self._run_when_visible(HOUR_FACTS, QueryWindow(start, end))
        return join_facts([counted.with_columns(cut=pl.lit(value=False))])

    def accounts(self, start: datetime, end: datetime) -> dict[str, datetime]:
        """The accounts of which events of [start, end) can be seen, by id, with the time of the newest."""
        try:
            found = self._queries.run(ACCOUNTS, QueryWindow(start, end))
        except UnknownField:
            return {}
        named = found.filter(pl.col("account") != "")  # others than ours may have none
        return dict(named.group_by("account").agg(pl.col("newest").max()).sort("newest").iter_rows())

    def organisation_hours(self, start: datetime, end: datetime) -> pl.DataFrame:
        """All actors together in [start, end): a row per hour with changes: hour, active_actors, changes."""
        return self._run_when_visible(ORGANISATION_HOURS, QueryWindow(start, end)).sort("hour")

    def organisation_types(self, start: datetime, end: datetime) -> pl.DataFrame:
        """All actors together in [start, end): a row per hour and resource type: hour, resource_type, changes."""
        return self._run_when_visible(ORGANISATION_TYPES, QueryWindow(start, end)).sort("hour", "resource_type")

    def events_by_hour(self, start: datetime, end: datetime) -> pl.DataFrame:
        """How many events each hour of [start, end) holds, of whatever kind: EVENTS_BY_HOUR_SCHEMA, without hours that
        hold none. Equal copies are one; a copy that differs in anything that baselines are made from counts as well."""
        return self._run_when_visible(EVENTS_BY_HOUR, QueryWindow(start, end))

    def hours_lacking(self, expected: pl.DataFrame) -> pl.DataFrame:
        """Those hours that hold fewer than the expected `events` (EVENTS_BY_HOUR_SCHEMA), with what they hold (`held`).

        Looks again until none does or `visibility_seconds` are over. An hour that may be gone because of its age is
        left out.
        """
        lacking = self.still_kept(expected).with_columns(held=pl.lit(0, pl.Int64))
        for pause in self._pauses():
            if lacking.is_empty():
                break
            self._clock.sleep(pause)
            held = self.events_by_hour(*span(lacking, "hour", "1h")).rename({"events": "held"})
            found = lacking.drop("held").join(held, on="hour", how="left").with_columns(pl.col("held").fill_null(0))
            lacking = found.filter(pl.col("held") < pl.col("events"))
        return lacking

    def still_kept(self, hours: pl.DataFrame) -> pl.DataFrame:
        """Those hours (column `hour`) that the dataset surely keeps; the others may be gone because of their age."""
        if hours.is_empty():
            return hours
        return hours.filter(pl.col("hour") >= kept_since(self.dataset_limits().retention_days, self._clock.now()))

    def dataset_facts(self) -> DatasetFacts:
        """What `doctor` reports on the dataset. Reading it needs the capability to query."""
        end = self._clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        rows, oldest = self._extent(end - FACTS_WINDOW, end)
        incomplete = self.incomplete_events(end - FACTS_WINDOW, end)
        return DatasetFacts(self.dataset_limits(), rows, incomplete, oldest)

    def dataset_limits(self) -> DatasetLimits:
        """How long the dataset keeps events and how many fields it has, as far as this token may read that."""
        listed = (item for item in self._list("/v2/datasets") if item.get("name") == self.dataset)
        fields = [item for item in self._list(f"/v2/datasets/{self.dataset}/fields") if item.get("name")]
        return DatasetLimits(retention_days=retention_days_of(next(listed, {})), fields=len(fields) or None)

    def upload_dashboard(self, uid: str, document: Mapping[str, Any], *, overwrite: bool) -> str:
        """Create a dashboard, or replace the one of that `uid` if it may be overwritten: its uid, as Axiom has it."""
        return upload_dashboard(self._connection, self._clock.now(), uid, document, overwrite=overwrite)

    def incomplete_events(self, start: datetime, end: datetime) -> int:
        """How many events of [start, end) lack a field that every event has when it is sent."""
        result = self._result_or_none(INCOMPLETE_EVENTS, QueryWindow(start, end))
        return self._extent(start, end)[0] if result is None else int(result["events"].sum())

    def _entries_held(self, start: datetime, end: datetime) -> pl.DataFrame:
        """ENTRIES_HELD_SCHEMA; empty while no event of ours is visible in the whole dataset."""
        try:
            return self._queries.run(ENTRIES_HELD, QueryWindow(start, end))
        except UnknownField:
            return pl.DataFrame(schema=ENTRIES_HELD_SCHEMA)

    def _of_actors(self, query: AplQuery, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """The result for these actors, ACTORS_AT_ONCE in each query."""
        keys = sorted(set(actor_keys))
        chunks = (tuple(keys[at : at + ACTORS_AT_ONCE]) for at in range(0, len(keys), ACTORS_AT_ONCE))
        frames = [self._run_when_visible(query, QueryWindow(start, end, actors=chunk)) for chunk in chunks]
        return pl.concat([pl.DataFrame(schema=query.schema), *frames])

    def _run_when_visible(self, query: AplQuery, window: QueryWindow) -> pl.DataFrame:
        """The result, waiting while entries are visible and their fields are not yet."""
        result = self._result_or_none(query, window)
        if result is None:
            raise Incomplete(
                f"Axiom dataset '{self.dataset}' holds entries, but one of their fields is not visible after "
                f"{self._limits.visibility_seconds:.0f} s: run the hour again later"
            )
        return result

    def _result_or_none(self, query: AplQuery, window: QueryWindow) -> pl.DataFrame | None:
        """The result; None if entries are visible but one of their fields is not after `visibility_seconds`."""
        pauses = self._pauses()
        while True:
            try:
                return self._queries.run(query, window)
            except UnknownField:
                if not self._extent(window.start, window.end)[0]:
                    return pl.DataFrame(schema=query.schema)
            pause = next(pauses, None)
            if pause is None:
                return None
            self._clock.sleep(pause)

    def _pauses(self) -> Iterator[float]:
        return poll_pauses(self._limits.visibility_seconds)

    def _extent(self, start: datetime, end: datetime) -> tuple[int, datetime | None]:
        """Physical rows, and the oldest time."""
        try:
            facts = self._queries.run(DATASET_FACTS, QueryWindow(start, end))
        except UnknownField:
            return 0, None
        return facts.row(0) if len(facts) else (0, None)  # whether a summary of nothing has a row is not documented

    def _list(self, path: str) -> list[dict[str, Any]]:
        """The items of one of Axiom's lists; none if this token may not read it, which is no error."""
        try:
            reply = self._connection.get(path)
        except NoReply:
            return []
        listed = reply.json() if reply.status == 200 else []
        return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def count_deletes(by_kind: pl.DataFrame) -> pl.DataFrame:
    """ACTIVITY_SCHEMA from CHANGES_BY_KIND_SCHEMA."""
    key, changes = ["actor_key", "hour", "resource_type"], pl.col("changes")
    is_delete = pl.col("change_kind") == "delete"
    return by_kind.group_by(key).agg(changes.sum(), deletes=changes.filter(is_delete).sum()).sort(key)
