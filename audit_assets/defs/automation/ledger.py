"""What Dagster knows of the hours: which are done and from which pull, which are running, and what failed.

Dagster's materialisations are the ledger; ticks and cursors are not, since they forget what happened while the daemon
was down (docs/facts/dagster.md, B2). An hour is done when its last assets are materialised, and their metadata names
the pull that they are based on: what a later pull brought and no run carried on to both is still to be done.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from audit_assets.config.settings import first_hour
from audit_assets.defs.automation.hour_planner import NO_RUNS, Plan, RunHistory, plan_hours
from audit_assets.defs.automation.jobs import LAST_ASSETS, hourly_audit
from audit_assets.defs.materialized_hours import newest_materializations
from audit_assets.defs.partitions import RANGE_END, RANGE_START, newest_settled_hour
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.hours import AN_HOUR, hour_of, hours_between

LOOKED_BACK = WINDOW + timedelta(days=1)
"""Older hours are in no baseline any more; they are there for whoever backfills them."""

REQUESTED_BY = "audit/requested_by"
PARTITION = "dagster/partition"
RUN_KEY = "dagster/run_key"

IN_PROGRESS = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

ANY_ASSETS = "__ASSET_JOB"
"""Dagster's name for runs that a person starts from an asset's page."""


OUR_JOBS = (hourly_audit.name, ANY_ASSETS)


class Done(NamedTuple):
    """When an hour was done, by our clock, and when the pull began that it is based on, by Cloudflare's.

    Of several assets each is the earlier one: a run that materialised only some of them has not completed the hour.
    """

    at: datetime
    pull_began: datetime | None


def plan_requests(instance: dg.DagsterInstance, now: datetime) -> Plan:
    """What is to be requested now, of the hours looked back on. Raises `SettingError`."""
    first = max(first_hour(), newest_settled_hour(now) - LOOKED_BACK)
    done = _done(instance, first, now)
    return plan_hours(
        now=now,
        first=first,
        done={hour: known.pull_began for hour, known in done.items()},
        running={hour for run in _runs(instance, IN_PROGRESS) for hour in hours_of(run)},
        past=_run_histories(instance, first, done),
    )


def _done(instance: dg.DagsterInstance, first: datetime, now: datetime) -> dict[datetime, Done]:
    """The hours whose last assets are all there, by the newest materialisation of each."""
    ended = hours_between(first, now - AN_HOUR)
    made = [
        {hour_of(each.partition_key or ""): _as_done(each) for each in newest_materializations(instance, asset, ended)}
        for asset in LAST_ASSETS
    ]
    return {hour: _earlier([of_asset[hour] for of_asset in made]) for hour in set(made[0]).intersection(*made[1:])}


def _earlier(made: Sequence[Done]) -> Done:
    """Of one hour's assets. The pull is unknown if that of any of them is."""
    pulls = [each.pull_began for each in made]
    known = [began for began in pulls if began]
    return Done(min(each.at for each in made), min(known) if len(known) == len(pulls) else None)


def _as_done(record: dg.EventLogRecord) -> Done:
    made = record.asset_materialization
    began = made.metadata.get("pull_began") if made else None
    known = isinstance(began, dg.TimestampMetadataValue)
    return Done(
        datetime.fromtimestamp(record.timestamp, UTC), datetime.fromtimestamp(began.value, UTC) if known else None
    )


def _run_histories(
    instance: dg.DagsterInstance, since: datetime, done: Mapping[datetime, Done]
) -> dict[datetime, RunHistory]:
    """The ended runs that the sensor requested, by hour. A run that a person cancelled is no failure."""
    past: dict[datetime, RunHistory] = {}
    for record in instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, tags={REQUESTED_BY: "missing_hours"}, created_after=since)
    ):
        failed = record.dagster_run.status is dg.DagsterRunStatus.FAILURE
        ended = record.update_timestamp
        attempt = _attempt_of(record.dagster_run)
        for hour in hours_of(record.dagster_run):
            known = past.get(hour, NO_RUNS)
            counts = failed and not (hour in done and ended < done[hour].at)
            last = max(filter(None, (known.failed_at, ended if counts else None)), default=None)
            past[hour] = RunHistory(max(known.runs, attempt), known.failures + counts, last)
    return past


def _attempt_of(run: dg.DagsterRun) -> int:
    """As the run's key names it: counting runs would name a key twice once some are deleted."""
    numbered = re.search(r"/attempt-(\d+)$", run.tags.get(RUN_KEY, ""))
    return int(numbered[1]) if numbered else 1


def _runs(instance: dg.DagsterInstance, statuses: Sequence[dg.DagsterRunStatus]) -> Iterator[dg.DagsterRun]:
    """Runs that can complete hours: those of another pipeline, or of our earlier assets alone, can't."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[*statuses])):
        is_whole = run.asset_selection is None or not run.asset_selection.isdisjoint(LAST_ASSETS)
        if run.job_name in OUR_JOBS and is_whole:
            yield run


def hours_of(run: dg.DagsterRun) -> Iterator[datetime]:
    """The hours that a run is of; none if it is of no hour."""
    start = run.tags.get(RANGE_START) or run.tags.get(PARTITION)
    end = run.tags.get(RANGE_END) or start
    if start and end:
        yield from hours_between(hour_of(start), hour_of(end))
