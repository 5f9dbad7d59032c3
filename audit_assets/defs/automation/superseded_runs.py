"""Which runs, and which evaluations of checks, only take up room: everything that they brought was brought again since.

Dagster keeps all of them for ever (docs/facts/dagster.md, B10). What it shows of an hour comes from the newest
materialisation of each asset and from the newest evaluations of each check; the run of any of these stays, and so does
a failed run until its hours are done, or loaded if it was of the job `history`. So nothing that is done or due changes
by deleting the others. The tables are read as they are, since Dagster has no query that answers this without loading
every event of a year.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import sqlalchemy as sql
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

from audit_assets.defs.account_keys import HISTORY, INGEST, LAST_ASSETS, asset_key, name_of
from audit_assets.defs.automation.ledger import ANY_ASSETS, ENDED, hours_of, loaded_hours
from audit_assets.defs.materialized_hours import newest_materializations
from audit_assets.storage.hours import hour_of

AT_ONCE = 500
"""SQLite takes a query of some thousand values."""

KEPT = (dg.DagsterEventType.ASSET_MATERIALIZATION.value, dg.DagsterEventType.ASSET_OBSERVATION.value)
"""An hour is materialised by a run of its own, and pulled again by the run of a newer one, which is observed."""

COMPLETED = ("SUCCEEDED", "FAILED")
"""Dagster's words for checks that were evaluated."""


def superseded_runs(
    instance: dg.DagsterInstance, jobs: Collection[str], assets: Collection[dg.AssetKey], before: datetime
) -> Iterator[dg.DagsterRun]:
    """The ended runs of these jobs, or of these assets alone, that were created before then and nothing depends on,
    the oldest first."""
    needed = _runs_of_newest(events_of(instance), assets)
    old = ended_runs(instance, jobs, assets, before, lambda run_id: run_id not in needed)
    ours = sorted(old, key=lambda record: record.create_timestamp)
    failed_hours = {hour for each in ours if not each.dagster_run.is_success for hour in hours_of(each.dagster_run)}
    done = _done_at(instance, [*map(asset_key, LAST_ASSETS)], failed_hours)
    loaded = _done_at(instance, [asset_key(INGEST)], failed_hours & loaded_hours(instance))
    for record in ours:
        run, ended = record.dagster_run, record.end_time or float("inf")
        again = loaded if run.job_name == name_of(HISTORY) else done  # what is only history is never judged
        is_made_up_for = run.is_success or all(again.get(hour, 0.0) > ended for hour in hours_of(run))
        if is_made_up_for:
            yield run


def ended_runs(
    instance: dg.DagsterInstance,
    jobs: Collection[str],
    assets: Collection[dg.AssetKey],
    before: datetime,
    is_wanted: Callable[[str], bool],
) -> Iterator[dg.RunRecord]:
    """The ended runs of these jobs, or of these assets alone, that were created before then, as far as they are wanted
    by their id: of each job the oldest first. No others are loaded: those of a year take some seconds."""
    for job in (*jobs, ANY_ASSETS):  # an instance may have as many runs of other accounts and pipelines
        ended = instance.get_run_ids(dg.RunsFilter(job_name=job, statuses=ENDED, created_before=before))
        wanted = [run_id for run_id in reversed(ended) if is_wanted(run_id)]
        for ids in (wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)):
            for record in instance.get_run_records(dg.RunsFilter(run_ids=ids, statuses=ENDED), ascending=True):
                if record.dagster_run.job_name in jobs or _is_of(record.dagster_run, assets):
                    yield record


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events, the evaluations of its checks and its output."""
    instance.delete_run(run_id)
    events = events_of(instance)
    with events.index_connection() as connection:
        connection.execute(sql.delete(Checks).where(Checks.c.run_id == run_id))
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    if isinstance(events, SqliteEventLogStorage):  # it empties the run's file and keeps it, as large as it was
        for end in ("", "-wal", "-shm"):
            Path(f"{events.path_for_shard(run_id)}{end}").unlink(missing_ok=True)


def delete_evaluations(instance: dg.DagsterInstance, assets: Collection[dg.AssetKey], before: datetime) -> int:
    """Delete the evaluations of these assets' checks from before then, but for what Dagster shows of each check: its
    newest, and the newest that was completed. Returns how many. Their hours stay done: checks have no partitions."""
    events = events_of(instance)
    newest = sql.select(sql.func.max(Checks.c.id)).group_by(Checks.c.asset_key, Checks.c.check_name)
    old = sql.select(
        Checks.c.id, Checks.c.evaluation_event_storage_id, Checks.c.run_id, Checks.c.evaluation_event_timestamp
    ).where(
        Checks.c.asset_key.in_([asset.to_string() for asset in assets]),
        Checks.c.create_timestamp < before.replace(tzinfo=None),
        Checks.c.id.not_in(newest),
        Checks.c.id.not_in(newest.where(Checks.c.execution_status.in_(COMPLETED))),
    )
    with events.index_connection() as connection:
        rows = connection.execute(old).fetchall()
        for part in (rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)):
            connection.execute(sql.delete(Checks).where(Checks.c.id.in_([row[0] for row in part])))
            connection.execute(sql.delete(Events).where(Events.c.id.in_([row[1] for row in part if row[1]])))
    if isinstance(events, SqliteEventLogStorage):  # it has what was reported outside of runs in a file as well
        reported = [row[3] for row in rows if row[2] == RUNLESS_RUN_ID]
        with events.run_connection(RUNLESS_RUN_ID) as connection:
            for times in (reported[first : first + AT_ONCE] for first in range(0, len(reported), AT_ONCE)):
                connection.execute(sql.delete(Events).where(Events.c.timestamp.in_(times)))
    return len(rows)


def events_of(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """Where Dagster keeps its events, if that is a database. Raises `dagster.Failure`."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise dg.Failure(f"Dagster keeps its events in {type(storage).__name__}, of which nothing is deleted here.")
    return storage


def _runs_of_newest(events: SqlEventLogStorage, assets: Collection[dg.AssetKey]) -> set[str]:
    """The runs of the newest materialisation of each of these assets and hour, and of the newest pull again in passing,
    of each of their checks' newest evaluation, and of the newest one that was completed."""
    keys = [asset.to_string() for asset in assets]
    of_hours = (
        sql.select(sql.func.max(Events.c.id))
        .where(Events.c.dagster_event_type.in_(KEPT), Events.c.asset_key.in_(keys))
        .group_by(Events.c.dagster_event_type, Events.c.asset_key, Events.c.partition)
    )
    of_ours = sql.select(sql.func.max(Checks.c.id)).where(Checks.c.asset_key.in_(keys))
    evaluated = of_ours.group_by(Checks.c.asset_key, Checks.c.check_name)
    completed = evaluated.where(Checks.c.execution_status.in_(COMPLETED))
    queries = [
        sql.select(Events.c.run_id).where(Events.c.id.in_(of_hours)).distinct(),
        sql.select(Checks.c.run_id).where(Checks.c.id.in_(evaluated)).distinct(),
        sql.select(Checks.c.run_id).where(Checks.c.id.in_(completed)).distinct(),
    ]
    with events.index_connection() as connection:
        return {row[0] for query in queries for row in connection.execute(query)}


def _is_of(run: dg.DagsterRun, assets: Collection[dg.AssetKey]) -> bool:
    return run.job_name == ANY_ASSETS and bool(run.asset_selection) and run.asset_selection <= set(assets)


def _done_at(
    instance: dg.DagsterInstance, assets: Collection[dg.AssetKey], hours: Collection[datetime]
) -> dict[datetime, float]:
    """When these assets of each of these hours were all made last, as far as they are."""
    times: dict[datetime, list[float]] = {}
    for asset in assets:
        for record in newest_materializations(instance, asset, hours):
            times.setdefault(hour_of(record.partition_key or ""), []).append(record.timestamp)
    return {hour: min(each) for hour, each in times.items() if len(each) == len(assets)}
