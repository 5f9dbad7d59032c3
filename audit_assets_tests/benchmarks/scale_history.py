"""Puts a long past into Dagster's record and into an object store, for the benchmark of scale: as runs of so many days
would have left it, copied from one hour that was run.

The past of Dagster's record is materialisations alone, as retention leaves them; they are written by its own rows,
since running 300 days of hours takes hours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import fsspec
import sqlalchemy as sql
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from moto.core.models import DEFAULT_ACCOUNT_ID as moto_account
from moto.s3.models import s3_backends

from audit_assets.defs.hourly_asset import CONTENT_SINCE
from audit_assets.defs.materialized_hours import AGGREGATE, ROW_COUNT
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.pull_history import REPEATS, SETTLING
from audit_assets.storage.tables import TABLES_OF

HOUR_NAME = "1999-01-01-00:00"
FIRST_PULL, LAST_PULL = 915_148_800.25, 915_148_800.5
"""What stands in the text of an event for its hour, and for when its first and its last pull began."""

AFTER_THE_FIRST, AFTER_THE_LAST = SETTLING + timedelta(minutes=3), REPEATS[-1] + timedelta(minutes=18)

AT_ONCE = 1_000


def record_past(
    instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey], hours: Sequence[datetime], entries: int
) -> None:
    """Each of these assets was materialised for each of these hours, by its last pull, as it was for its newest, but
    with so many entries, which Axiom has to hold, and without an aggregate."""
    for asset in assets:
        newest = instance.get_latest_materialization_event(asset)
        made = newest.asset_materialization if newest else None
        if made and made.partition:
            _insert(instance, _rows_of(instance, made, hours, entries))


def copy_past(instance: dg.DagsterInstance, source: str, target: str) -> None:
    """An account has the very past of another."""
    columns = [column for column in Events.c if column.name != "id"]
    own = [column.name for column in columns]
    changed: Mapping[str, Any] = {
        name: sql.func.replace(Events.c[name], f'["{source}", ', f'["{target}", ') for name in ("event", "asset_key")
    }
    rows = sql.select(*(changed.get(name, Events.c[name]) for name in own)).where(
        Events.c.asset_key.in_([dg.AssetKey([source, name]).to_string() for name in TABLES_OF]),
        Events.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
    )
    with _storage(instance).index_connection() as connection:
        connection.execute(sql.insert(Events).from_select(own, rows))


def copy_stored_hour(root: str, hour: datetime, hours: Iterable[datetime]) -> None:
    """These hours are stored as that one is, for whoever lists them. What is in them is that hour's. Straight into the
    server, which is in this process: `root` is its bucket and a folder in it."""
    bucket, _, _ = root.partition("/")
    server, files = s3_backends[moto_account]["aws"], fsspec.filesystem("s3")
    stored = {path: files.cat(path) for path in files.find(root) if f"/{hour:%Y-%m-%d}/{hour:%H}." in path}
    for other in hours:
        for path, content in stored.items():
            named = path.replace(f"/{hour:%Y-%m-%d}/{hour:%H}.", f"/{other:%Y-%m-%d}/{other:%H}.")
            server.put_object(bucket, named.removeprefix(f"{bucket}/"), content)


def _rows_of(
    instance: dg.DagsterInstance, made: dg.AssetMaterialization, hours: Sequence[datetime], entries: int
) -> Iterator[Mapping[str, Any]]:
    metadata = {name: value for name, value in made.metadata.items() if name != AGGREGATE}
    if ROW_COUNT in metadata:
        metadata[ROW_COUNT] = dg.IntMetadataValue(entries)
    for name, pull in (("pull_began", LAST_PULL), (CONTENT_SINCE, FIRST_PULL)):  # nothing came late
        if name in metadata:
            metadata[name] = dg.TimestampMetadataValue(pull)
    template = dg.AssetMaterialization(made.asset_key, metadata=metadata, partition=HOUR_NAME, tags=made.tags)
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="past",
        event_specific_data=StepMaterializationData(template),
    )
    entry = EventLogEntry(
        error_info=None, level=10, user_message="", run_id="", timestamp=LAST_PULL, job_name="past", dagster_event=event
    )
    row = _storage(instance)._event_to_row(entry)
    for hour in hours:
        first, last = hour + AN_HOUR + AFTER_THE_FIRST, hour + AN_HOUR + AFTER_THE_LAST
        text = row["event"].replace(HOUR_NAME, key_of(hour))
        text = text.replace(str(FIRST_PULL), str(first.timestamp())).replace(str(LAST_PULL), str(last.timestamp()))
        yield {**row, "event": text, "partition": key_of(hour), "timestamp": last.astimezone(UTC).replace(tzinfo=None)}


def _insert(instance: dg.DagsterInstance, rows: Iterator[Mapping[str, Any]]) -> None:
    everything = [*rows]
    with _storage(instance).index_connection() as connection:
        for first in range(0, len(everything), AT_ONCE):
            connection.execute(sql.insert(Events), everything[first : first + AT_ONCE])


def _storage(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"no rows can be written into {type(storage).__name__}")
    return storage
