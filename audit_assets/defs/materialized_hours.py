"""What Dagster's instance knows of hours that an asset has materialised, for the assets that depend on more than one.

A trailing window is no partition mapping here (docs/facts/dagster.md, B4), so it is looked up.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import dagster as dg
from dagster import DagsterEventType
from dagster._core.storage.runs import SqlRunStorage

from audit_assets.defs.account_keys import INGEST, PULLED, SUMMARIES, TICKETS, asset_key
from audit_assets.defs.hourly_asset import CONTENT, CONTENT_SINCE, PULL_BEGAN, pull_in
from audit_assets.defs.steps.axiom_record import Acknowledged
from audit_assets.defs.steps.history_coverage import estimate_seconds_left
from audit_assets.defs.steps.verdicts import UnreadHours
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import hour_of, key_of
from audit_assets.storage.pull_history import KnownPull
from audit_assets.storage.tables import VERDICTS

T = TypeVar("T")

ROW_COUNT = "dagster/partition_row_count"
"""Dagster's own name for it, which its pages plot."""


AGGREGATE = "aggregate"
"""Under it is the digest by which an hour's aggregate in Axiom is known."""


def ingested_hours(instance: dg.DagsterInstance) -> set[datetime]:
    """The hours that Axiom holds."""
    return {hour_of(key) for key in instance.get_materialized_partitions(asset_key(INGEST))}


def hours_made(instance: dg.DagsterInstance, asset: dg.AssetKey, hours: Iterable[datetime]) -> set[datetime]:
    """Those of these hours that an asset has materialised: of a long history only they are looked up."""
    keys = {key_of(hour) for hour in hours}
    kind = DagsterEventType.ASSET_MATERIALIZATION
    return {*map(hour_of, instance.get_latest_storage_id_by_partition(asset, kind, keys))} if keys else set()


def newest_summarized(instance: dg.DagsterInstance, hour: datetime) -> datetime:
    """The newest hour that has a summary, this one among them: Dagster knows, and the store would have to be listed."""
    return max([hour, *map(hour_of, instance.get_materialized_partitions(asset_key(SUMMARIES)))])


def acknowledged_events(instance: dg.DagsterInstance) -> Acknowledged:
    """The hours that Axiom holds, how many events of each, and their aggregates."""
    return Acknowledged(
        ingested_hours(instance), partial(ingested_rows, instance), partial(_aggregate_digests, instance)
    )


def load_progress(instance: dg.DagsterInstance, hours: Sequence[datetime], now: datetime) -> Mapping[str, Any]:
    """How many of these hours Axiom holds, and how long the others take at the pace of the last minutes."""
    made = newest_materializations(instance, asset_key(INGEST), hours)
    times = [datetime.fromtimestamp(record.timestamp, UTC) for record in made]
    missing = len(hours) - len(times)
    progress = {"history_loaded": len(times), "history_missing": missing}
    seconds = estimate_seconds_left(times, missing, now)
    return progress if seconds is None else {**progress, "history_seconds_left": round(seconds)}


def ingested_rows(instance: dg.DagsterInstance, hours: Sequence[datetime]) -> Mapping[str, Any]:
    """How many rows Axiom holds of each of these hours, by partition key. An hour only grows: as many rows are the same
    ones."""
    return {key_of(hour): rows for hour, rows in rows_of(instance, INGEST, hours).items()}


def rows_of(instance: dg.DagsterInstance, asset: str, hours: Iterable[datetime]) -> dict[datetime, Any]:
    """How many rows an asset made of each of these hours, as far as Dagster knows."""
    made = [record.asset_materialization for record in newest_materializations(instance, asset_key(asset), hours)]
    return {
        hour_of(each.partition or ""): each.metadata[ROW_COUNT].value
        for each in made
        if each and ROW_COUNT in each.metadata
    }


def _aggregate_digests(instance: dg.DagsterInstance, hours: Sequence[datetime]) -> Mapping[datetime, str]:
    """The digests of those hours whose aggregates Axiom has taken."""
    made = [record.asset_materialization for record in newest_materializations(instance, asset_key(INGEST), hours)]
    return {
        hour_of(each.partition): str(each.metadata[AGGREGATE].value)
        for each in made
        if each and each.partition and AGGREGATE in each.metadata
    }


def newest_materializations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, hours: Iterable[datetime]
) -> Sequence[dg.EventLogRecord]:
    """The newest materialisation of each hour that has one: 31 days are two queries, a tenth of a second on SQLite."""
    wanted = _newest(instance, asset, DagsterEventType.ASSET_MATERIALIZATION, hours)
    return instance.fetch_materializations(wanted, limit=len(wanted.storage_ids or ())).records if wanted else []


_READ: dict[tuple[str, dg.AssetKey, Callable[..., Any]], dict[int, tuple[datetime, Any]]] = {}
"""Of each database and asset the events that were newest at the last look, by their ids: an event never changes. Every
minute the sensor of each account looks at two events of each of 744 hours, and to read them all took a second of
processor time: with fifty accounts most of a minute."""


READ_ALWAYS = 48
"""So many of the newest events are read at every look: when somebody deletes the newest runs, of a day at most each,
SQLite gives their ids to the next events."""


def read_newest_materializations(
    instance: dg.DagsterInstance,
    asset: dg.AssetKey,
    hours: Iterable[datetime],
    read: Callable[[dg.EventLogRecord], T],
) -> dict[datetime, T]:
    """What `read`, a function of a module, makes of the newest materialisation of each hour that has one. What this
    process has read before is not read again."""
    wanted = _newest(instance, asset, DagsterEventType.ASSET_MATERIALIZATION, hours)
    return _read_new(instance, wanted, read, instance.fetch_materializations) if wanted else {}


def read_newest_pulls_again(instance: dg.DagsterInstance, hours: Iterable[datetime]) -> dict[datetime, KnownPull]:
    """The same of what was recorded of each of these hours when it was last pulled again in passing."""
    wanted = _newest(instance, asset_key(PULLED), DagsterEventType.ASSET_OBSERVATION, hours)
    found = _read_new(instance, wanted, _pull_in_passing, instance.fetch_observations) if wanted else {}
    return {hour: pull for hour, pull in found.items() if pull}


def read_newest_pulls(instance: dg.DagsterInstance, hours: Sequence[datetime]) -> dict[datetime, KnownPull]:
    """The newest pull of each of these hours: that on which its summary rests, or one in passing since."""
    found = read_newest_materializations(instance, asset_key(SUMMARIES), hours, _judged_pull)
    pulls = {hour: pull for hour, pull in found.items() if pull}
    for hour, again in read_newest_pulls_again(instance, hours).items():
        if hour not in pulls or again.began > pulls[hour].began:
            pulls[hour] = again
    return pulls


def _judged_pull(record: dg.EventLogRecord) -> KnownPull | None:
    return pull_in(record.asset_materialization)


def _pull_in_passing(record: dg.EventLogRecord) -> KnownPull | None:
    return pull_in(record.event_log_entry.asset_observation)


def _read_new(
    instance: dg.DagsterInstance,
    wanted: dg.AssetRecordsFilter,
    read: Callable[[dg.EventLogRecord], T],
    fetch: Callable[..., dg.EventRecordsResult],
) -> dict[datetime, T]:
    place = (_database_of(instance), wanted.asset_key, read)
    before, ids = _READ.get(place, {}), wanted.storage_ids or ()
    known = {each: before[each] for each in sorted(ids)[:-READ_ALWAYS] if each in before}
    if unread := [each for each in ids if each not in known]:
        new = dg.AssetRecordsFilter(wanted.asset_key, storage_ids=unread)
        for record in fetch(new, limit=len(unread)).records:
            known[record.storage_id] = (hour_of(record.partition_key or ""), read(record))
    if place[0]:
        _READ[place] = known
    return dict(known.values())


def _database_of(instance: dg.DagsterInstance) -> str:
    """What tells its database from any other; "" if nothing does, and then nothing that was read is kept."""
    storage = instance.run_storage
    return storage.get_run_storage_id() if isinstance(storage, SqlRunStorage) else ""


def _newest(
    instance: dg.DagsterInstance, asset: dg.AssetKey, kind: DagsterEventType, hours: Iterable[datetime]
) -> dg.AssetRecordsFilter | None:
    """The newest event of that kind of each hour that has one; None if none has."""
    keys = {key_of(hour) for hour in hours}
    newest = instance.get_latest_storage_id_by_partition(asset, kind, keys) if keys else {}
    return dg.AssetRecordsFilter(asset, storage_ids=[*newest.values()]) if newest else None


def dated_basis(
    instance: dg.DagsterInstance, basis: Mapping[datetime, Mapping[str, Any]]
) -> Mapping[datetime, Mapping[str, Any]]:
    """What each hour rests on, with the time from which on a run has carried on that content: hours that were judged
    before are judged again when they are due."""
    made = [record.asset_materialization for record in newest_materializations(instance, asset_key(SUMMARIES), basis)]
    before = {hour_of(each.partition or ""): each.metadata for each in made if each}
    dated: dict[datetime, Mapping[str, Any]] = {}
    for hour, of_hour in basis.items():
        known, since = before.get(hour, {}), of_hour.get(PULL_BEGAN)
        if CONTENT_SINCE in known and CONTENT in known and known[CONTENT].value == of_hour.get(CONTENT):
            since = known[CONTENT_SINCE]
        dated[hour] = {**of_hour, **({CONTENT_SINCE: since} if since else {})}
    return dated


def find_unread_hours(instance: dg.DagsterInstance, store: HourStore, read_until: int = 0) -> UnreadHours:
    """The hours that put something on tickets since the verdict table was written. `read_until`: those up to this event
    brought nothing new. Raises `StoreError`."""
    since = max(read_until, (store.metadata(VERDICTS, None) or {}).get("read_until", 0))
    events = instance.get_latest_storage_id_by_partition(asset_key(TICKETS), DagsterEventType.ASSET_MATERIALIZATION)
    newest = max(events.values(), default=0)
    if newest < since:  # another database than then: its events count from 1 again
        since = 0
    return UnreadHours(tuple(sorted(hour_of(key) for key, event in events.items() if event > since)), newest)
