"""What of an old run is no longer needed though the run is kept: how its steps went, and what was planned.

A run is kept since an hour has its newest materialisation from it (superseded_runs.py), and nine tenths of what Dagster
stores of it are other events (docs/facts/dagster.md, D). What the newest materialisation and observation of each hour
say, evaluations of checks, the run's start and end and the reasons of a failure stay; so what is done, due or failing
is the same before and after. Dagster has no public way to delete events of a run that stays: the tables are its own.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path

import dagster as dg
import sqlalchemy as sql
from dagster import DagsterEventType
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
from dagster._core.storage.event_log.schema import AssetEventTagsTable
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

from audit_assets.defs.automation.superseded_runs import ended_runs, events_of

RUNS_AT_ONCE = 100
"""In one transaction: some 10,000 events."""

PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
MATERIALIZED = DagsterEventType.ASSET_MATERIALIZATION.value

OF_HOURS = (MATERIALIZED, DagsterEventType.ASSET_OBSERVATION.value)
OF_ASSETS = (*OF_HOURS, DagsterEventType.ASSET_CHECK_EVALUATION.value)
"""Dagster shows hours and checks by them; evaluations are deleted by `delete_evaluations`."""

OF_THE_RUN = tuple(
    kind.value
    for kind in (
        DagsterEventType.RUN_START,
        DagsterEventType.RUN_SUCCESS,
        DagsterEventType.RUN_FAILURE,
        DagsterEventType.RUN_CANCELED,
        DagsterEventType.STEP_FAILURE,
    )
)

OF_A_FAILURE = (DagsterEventType.ENGINE_EVENT.value, DagsterEventType.STEP_UP_FOR_RETRY.value)
"""Why a run failed outside of its steps, such as a process that died; of a run that succeeded they say nothing."""

TABLES_OF_A_FILE = {"event_logs", "alembic_version"}
"""On SQLite each run has a file with all tables of events, of which Dagster uses no others there."""

SMALL_PAGES = 512
"""Bytes; SQLite's pages are 4,096 otherwise. A file with small ones was thinned."""


def thin_runs(
    instance: dg.DagsterInstance, jobs: Collection[str], assets: Collection[dg.AssetKey], before: datetime, most: int
) -> int:
    """Thin so many ended runs of these jobs, or of these assets alone, that were created before then and were not
    thinned yet, the oldest first. Returns how many."""
    whole = _whole_runs(instance, before)
    old = islice(ended_runs(instance, jobs, assets, before, whole.__contains__), most)
    thinned = 0
    while runs := [record.dagster_run for record in islice(old, RUNS_AT_ONCE)]:
        _delete_events(instance, runs, assets)
        thinned += len(runs)
    return thinned


def _whole_runs(instance: dg.DagsterInstance, before: datetime) -> set[str]:
    """The runs that were not thinned yet, of whatever job: steps were started, or checks planned."""
    events = events_of(instance)
    kind = Events.c.dagster_event_type
    planned = sql.and_(kind == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value, Events.c.id.not_in(_of_checks()))
    of_them = sql.select(Events.c.run_id).where(
        sql.or_(kind == DagsterEventType.STEP_START.value, planned), Events.c.timestamp < before.replace(tzinfo=None)
    )
    with events.index_connection() as connection:
        found = {row[0] for row in connection.execute(of_them.distinct())}
    if isinstance(events, SqliteEventLogStorage):
        found |= {run for run in events.get_all_run_ids() if _page_size(Path(events.path_for_shard(run))) > SMALL_PAGES}
    return found


def _delete_events(
    instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun], assets: Collection[dg.AssetKey]
) -> None:
    events = events_of(instance)
    succeeded = [run.run_id for run in runs if run.is_success]
    others = [run.run_id for run in runs if not run.is_success]
    with events.index_connection() as connection:
        for ids, stays in ((succeeded, OF_THE_RUN), (others, OF_THE_RUN + OF_A_FAILURE)):
            connection.execute(_delete_other_than(ids, (*OF_ASSETS, PLANNED, *stays)))
        keys = [asset.to_string() for asset in assets]
        superseded = _superseded_events([*succeeded, *others], keys)
        connection.execute(sql.delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(superseded)))
        connection.execute(sql.delete(Events).where(Events.c.id.in_(superseded)))
        for plans in _superseded_plans([*succeeded, *others], keys):
            connection.execute(sql.delete(Events).where(Events.c.id.in_(plans)))
    if isinstance(events, SqliteEventLogStorage):
        for run in runs:
            stays = OF_THE_RUN if run.is_success else OF_THE_RUN + OF_A_FAILURE
            _rewrite_small(Path(events.path_for_shard(run.run_id)), stays)


def _delete_other_than(run_ids: Collection[str], kinds: Collection[str]) -> sql.Delete:
    """Of these runs all but events of these kinds, and but for what a check is shown by that was never evaluated."""
    kind = Events.c.dagster_event_type
    return sql.delete(Events).where(
        Events.c.run_id.in_(run_ids),
        sql.or_(kind.is_(None), kind.not_in(kinds)),
        Events.c.id.not_in(_of_checks()),
    )


def _of_checks() -> sql.Select[tuple[int]]:
    """The events that are what Dagster has of a check: its evaluation, or that it was planned and never evaluated."""
    return sql.select(Checks.c.evaluation_event_storage_id).where(Checks.c.evaluation_event_storage_id.is_not(None))


def _superseded_events(run_ids: Collection[str], keys: Collection[str]) -> sql.Select[tuple[int]]:
    """What these runs made or observed of hours of which another run did the same later, and what others had made that
    were thinned before these superseded it."""
    earlier, later = Events.alias(), Events.alias()
    superseded = sql.and_(
        earlier.c.asset_key == later.c.asset_key,
        earlier.c.dagster_event_type == later.c.dagster_event_type,
        earlier.c.partition == later.c.partition,
        earlier.c.id < later.c.id,
    )
    return (
        sql.select(earlier.c.id)
        .join(later, superseded)
        .where(
            earlier.c.asset_key.in_(keys),
            earlier.c.dagster_event_type.in_(OF_HOURS),
            sql.or_(earlier.c.run_id.in_(run_ids), later.c.run_id.in_(run_ids)),
        )
        .distinct()
    )


def _superseded_plans(run_ids: Collection[str], keys: Collection[str]) -> Iterator[sql.Select[tuple[int]]]:
    """The planned materialisations of these runs by which Dagster shows nothing: first those that a later one of the
    same asset and hour followed, then the only ones of their hours, if what they planned is the hour's newest.

    What is left of the others is how Dagster knows that an hour failed. Without a partition, and of the asset as a
    whole, the newest alone counts.
    """
    planned, other, made = Events.alias(), Events.alias(), Events.alias()
    newest_of_asset = sql.select(sql.func.max(Events.c.id)).where(
        Events.c.dagster_event_type == PLANNED, Events.c.asset_key.in_(keys)
    )
    ours = sql.select(planned.c.id).where(
        planned.c.run_id.in_(run_ids),
        planned.c.dagster_event_type == PLANNED,
        planned.c.asset_key.in_(keys),
        planned.c.id.not_in(newest_of_asset.group_by(Events.c.asset_key)),
    )
    of_same_hour = sql.exists().where(
        other.c.asset_key == planned.c.asset_key,
        other.c.dagster_event_type == PLANNED,
        other.c.partition == planned.c.partition,
    )
    newest_made = (
        sql.select(made.c.run_id)
        .where(
            made.c.asset_key == planned.c.asset_key,
            made.c.dagster_event_type == MATERIALIZED,
            made.c.partition == planned.c.partition,
        )
        .order_by(made.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    yield ours.where(sql.or_(planned.c.partition.is_(None), of_same_hour.where(other.c.id > planned.c.id)))
    yield ours.where(newest_made == planned.c.run_id, ~of_same_hour.where(other.c.id < planned.c.id))


def _page_size(file: Path) -> int:
    """Of a database of SQLite, as its header has it; 0 of a file that is gone or empty."""
    try:
        with file.open("rb") as opened:
            return int.from_bytes(opened.read(18)[16:], "big")
    except FileNotFoundError:
        return 0


def _rewrite_small(file: Path, stays: Collection[str]) -> None:
    """Leave events of these kinds in a run's file: those of assets and checks are in `index.db` as well. A file that
    somebody reads at that moment is left for the next day."""
    if not file.exists():
        return
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # with a write-ahead log the size of pages is fixed
            connection.execute("BEGIN IMMEDIATE")
            marks = ", ".join("?" * len(stays))
            connection.execute(
                f"DELETE FROM event_logs WHERE dagster_event_type IS NULL OR dagster_event_type NOT IN ({marks})",  # noqa: S608 - question marks
                [*stays],
            )
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for name in {name for (name,) in tables if not name.startswith("sqlite_")} - TABLES_OF_A_FILE:
                connection.execute(f'DROP TABLE "{name}"')
            connection.execute("COMMIT")
            connection.execute(f"PRAGMA page_size = {SMALL_PAGES}")
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
