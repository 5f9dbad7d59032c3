"""The schedules of an account: each hour, once it has settled; a comparison of counts and what deletes, once a day. Off
until somebody turns them on.

A schedule alone loses hours when the daemon is down (docs/facts/dagster.md, B2): the sensor beside it finds them.
"""

from collections.abc import Sequence

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.defs.account_keys import HOURLY_AUDIT, INDEPENDENT_COUNT, RETENTION, Job, bound_to
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.partitions import hours_tag, pulled_again_tag
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hours import key_of
from audit_assets.storage.pull_history import SETTLING, newest_settled_hour

SKEW_MINUTES = 1
"""Whether an hour had settled is judged by Cloudflare's clock, which may be a little behind ours."""


def schedules_of(account: Account, jobs: Sequence[Job]) -> list[dg.ScheduleDefinition]:
    """The schedules of an account. `jobs`: its own, among others."""
    of = {job.name.removeprefix(account.named("")): job for job in jobs}
    hourly = dg.schedule(
        name=account.named("every_hour"),
        job=of[HOURLY_AUDIT],
        cron_schedule=f"{SETTLING.seconds // 60 + SKEW_MINUTES} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="The hour that has just settled, a quarter of an hour after its end. In passing, its run pulls "
        "hours again that are due for that.",
    )
    daily = dg.ScheduleDefinition(
        name=account.named("every_day"),
        job=of[INDEPENDENT_COUNT],
        cron_schedule="35 4 * * *",  # hours are pulled again at other minutes
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Compares what was pulled of the last settled days with Cloudflare's own count, where the token "
        "may read it. Advice: it blocks nothing.",
    )
    deleting = dg.ScheduleDefinition(
        name=account.named("daily_retention"),
        job=of[RETENTION],
        cron_schedule="40 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Once a day, at 03:40 UTC, when few hours are pulled again.",
    )
    return [hourly(bound_to(account, every_hour)), daily, deleting]


def every_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The newest settled hour at the time of the tick, however late the tick is evaluated."""
    hour = newest_settled_hour(context.scheduled_execution_time)
    with raise_as_dagster_failure():
        first = first_hour()
    if hour < first:
        return dg.SkipReason("No hour that exists has settled yet.")
    with raise_as_dagster_failure():
        again = plan_requests(context.instance, context.scheduled_execution_time).again
    return dg.RunRequest(
        run_key=key_of(hour), partition_key=key_of(hour), tags={**hours_tag(hour, hour), **pulled_again_tag(again)}
    )
