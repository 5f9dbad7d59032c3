"""The sensor that keeps the hours complete: asks Dagster what is done, what runs and what failed, follows the plan.

A run key names its attempt, because a key is never run again, not even after a failure (facts/dagster.md, B5).
"""

import dagster as dg

from audit_assets.automation.alarm import news
from audit_assets.automation.jobs import hourly_audit
from audit_assets.automation.ledger import REQUESTED_BY, plan_of
from audit_assets.automation.missing_hours import Request
from audit_assets.partitions import key_of, range_tags
from audit_assets.resources import StorageResource

PRIORITIES = {"newest": "1", "missing": "0", "settling": "-1"}


@dg.sensor(
    job=hourly_audit,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests the hours of the last 31 days that have no summary, the newest first, then the oldest; "
    "and each hour again 1, 6, 24 and 72 hours after its end, for entries that come late.",
)
def missing_hours(context: dg.SensorEvaluationContext, storage: dg.ResourceParam[StorageResource]) -> dg.SensorResult:
    """See the description; the planning is in `missing_hours.plan`."""
    plan = plan_of(context.instance, storage.now())
    told = news(context.instance, plan)
    if not plan.requests:
        return dg.SensorResult(skip_reason="Every hour is done, running, or rests after a failure.", asset_events=told)
    return dg.SensorResult(run_requests=[_run_request(request) for request in plan.requests], asset_events=told)


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


SENSORS = [missing_hours]
