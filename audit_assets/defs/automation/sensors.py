"""The sensors: one keeps the hours complete, one hears what people said of the tickets. Each asks and follows its plan.

A run key names its attempt, because a key is never run again, not even after a failure (docs/facts/dagster.md, B5).
"""

from dataclasses import replace

import dagster as dg

from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.automation.hour_planner import Request
from audit_assets.defs.automation.jobs import hourly_audit, verdicts
from audit_assets.defs.automation.ledger import IN_PROGRESS, REQUESTED_BY, plan_of
from audit_assets.defs.automation.verdict_planner import MANY_HOURS, MOST_HOURS, Cursor, plan
from audit_assets.defs.checks import every_hour_is_done as alarm
from audit_assets.defs.materialized_hours import find_unread_hours
from audit_assets.defs.partitions import range_tags
from audit_assets.defs.resources import LinearResource, StorageResource
from audit_assets.defs.steps.verdicts import fetch_verdicts
from audit_assets.storage.hours import key_of
from audit_assets.transport.http import HttpLimits

PRIORITIES = {"newest": "1", "missing": "0", "settling": "-1"}

AT_ONCE = HttpLimits(attempts=1, attempt_seconds=20, total_seconds=40)
"""Dagster gives a sensor a minute; what is not read now is read half an hour later."""


@dg.sensor(
    job=hourly_audit,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests the hours of the last 31 days that have no summary, the newest first, then the oldest; "
    "and each hour again 1, 6, 24 and 72 hours after its end, for entries that come late.",
)
def missing_hours(context: dg.SensorEvaluationContext, storage: dg.ResourceParam[StorageResource]) -> dg.SensorResult:
    """See the description; the planning is in `missing_hours.plan`."""
    found = plan_of(context.instance, storage.now())
    told = alarm.news(context.instance, found)
    if not found.requests:
        return dg.SensorResult(skip_reason="Every hour is done, running, or rests after a failure.", asset_events=told)
    return dg.SensorResult(run_requests=[_run_request(request) for request in found.requests], asset_events=told)


def _run_request(request: Request) -> dg.RunRequest:
    span = (
        key_of(request.first) if request.first == request.last else f"{key_of(request.first)}..{key_of(request.last)}"
    )
    tags = {
        REQUESTED_BY: "missing_hours",
        "audit/reason": request.reason,
        "dagster/priority": PRIORITIES[request.reason],
    }
    run_key = f"{span}/attempt-{request.attempt}"
    if request.first == request.last:
        return dg.RunRequest(run_key=run_key, partition_key=key_of(request.first), tags=tags)
    return dg.RunRequest(run_key=run_key, tags={**tags, **range_tags(request.first, request.last)})


@dg.sensor(
    name="ticket_verdicts",
    job=verdicts,
    minimum_interval_seconds=30 * 60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Reads in Linear what became of our tickets, and has `ticket_verdicts` take it in once it is news.",
)
def new_verdicts(
    context: dg.SensorEvaluationContext,
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
) -> dg.SensorResult | dg.SkipReason:
    """See the description; the planning is in `new_verdicts.plan`. What can't be read is told, and is no answer."""
    now, before = storage.now(), Cursor.of(context.cursor)
    if context.instance.get_runs(dg.RunsFilter(job_name=verdicts.name, statuses=IN_PROGRESS), limit=1):
        return dg.SkipReason("A run that takes the verdicts in is under way.")
    try:
        store = storage.open()
        unread = find_unread_hours(context.instance, store, before.read_until)
        news = MANY_HOURS
        if len(unread.hours) <= MOST_HOURS:
            found = fetch_verdicts(store, replace(linear, limits=AT_ONCE), now, unread)
            news = found.content_hash if found.changed else None
    except AuditAssetsError as error:
        return dg.SkipReason(f"The tickets could not be read, so what was said before stands. {error}")
    after, run_key = plan(news, unread.until, before, now)
    if run_key is None:
        return dg.SensorResult(skip_reason="Nothing was said in Linear that is not known.", cursor=after.text)
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)], cursor=after.text)


SENSORS = [missing_hours, new_verdicts]
