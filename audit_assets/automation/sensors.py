"""The sensor that requests missing hours: asks Dagster what is done, what runs and what failed, then follows the plan.

Dagster's materialisations are the ledger; ticks and cursors are not, since they forget what happened while the
daemon was down (facts/dagster.md, B2). A run key names its attempt, because a key is never run again, not even
after a failure (B5).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg

from audit_assets.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.automation.jobs import hourly_audit
from audit_assets.automation.missing_hours import NEVER_RUN, Past, Request, plan
from audit_assets.detection.frames import WINDOW
from audit_assets.partitions import AN_HOUR, hour_of, key_of, newest_settled_hour, range_tags
from audit_assets.resources import StorageResource
from audit_assets.settings import first_hour

LOOKED_BACK = WINDOW + timedelta(days=1)
"""Older hours are in no baseline any more; they are there for whoever backfills them."""

REQUESTED_BY = "audit/requested_by"
PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

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

NAMED = 5


@dg.sensor(
    job=hourly_audit,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests the hours of the last 31 days that have no summary: the newest first, then the oldest.",
)
def missing_hours(
    context: dg.SensorEvaluationContext, storage: dg.ResourceParam[StorageResource]
) -> dg.SensorResult | dg.SkipReason:
    """See the description; the planning is in `missing_hours.plan`."""
    newest = newest_settled_hour(storage.now())
    first = max(first_hour(), newest - LOOKED_BACK)
    done = {hour_of(key) for key in context.instance.get_materialized_partitions(flagged_actor_summary.key)}
    wanted = plan(
        now=storage.now(),
        first=first,
        newest=newest,
        done=done,
        running={hour for run in _runs(context.instance, IN_PROGRESS) for hour in _hours_of(run)},
        past=_past(context.instance, first),
    )
    if wanted.failing:
        named = ", ".join(key_of(hour) for hour in wanted.failing[:NAMED])
        context.log.error(f"{len(wanted.failing)} hours keep failing: {named} … See their runs for the reason.")
    if not wanted.requests:
        return dg.SkipReason("Every hour is done, running, or rests after a failure.")
    return dg.SensorResult(run_requests=[_run_request(request) for request in wanted.requests])


def _run_request(request: Request) -> dg.RunRequest:
    span = (
        key_of(request.first) if request.first == request.last else f"{key_of(request.first)}..{key_of(request.last)}"
    )
    tags = {REQUESTED_BY: "missing_hours", "dagster/priority": "1" if request.newest else "0"}
    run_key = f"{span}/attempt-{request.attempt}"
    if request.first == request.last:
        return dg.RunRequest(run_key=run_key, partition_key=key_of(request.first), tags=tags)
    return dg.RunRequest(run_key=run_key, tags={**tags, **range_tags(request.first, request.last)})


def _past(instance: dg.DagsterInstance, since: datetime) -> dict[datetime, Past]:
    """The ended runs that this sensor asked for, by hour. A cancelled run is a person's will, and no failure."""
    past: dict[datetime, Past] = {}
    for record in instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, tags={REQUESTED_BY: "missing_hours"}, created_after=since)
    ):
        failed = record.dagster_run.status is dg.DagsterRunStatus.FAILURE
        for hour in _hours_of(record.dagster_run):
            known = past.get(hour, NEVER_RUN)
            last = max(filter(None, (known.failed_at, record.update_timestamp if failed else None)), default=None)
            past[hour] = Past(known.runs + 1, known.failures + failed, last)
    return past


def _runs(instance: dg.DagsterInstance, statuses: Sequence[dg.DagsterRunStatus]) -> Iterator[dg.DagsterRun]:
    """Runs that bring hours to their end: those of another pipeline, or of parts of ours, do not."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[*statuses])):
        ours = run.job_name in (hourly_audit.name, ANY_ASSETS)
        if ours and (run.asset_selection is None or flagged_actor_summary.key in run.asset_selection):
            yield run


def _hours_of(run: dg.DagsterRun) -> Iterator[datetime]:
    start = run.tags.get(RANGE_START) or run.tags.get(PARTITION)
    end = run.tags.get(RANGE_END) or start
    if start and end:
        first, last = hour_of(start), hour_of(end)
        yield from (first + AN_HOUR * step for step in range((last - first) // AN_HOUR + 1))


SENSORS = [missing_hours]
