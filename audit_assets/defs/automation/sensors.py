"""The sensors: one keeps the hours complete, one reads what people made of the tickets. Planning is left to planners.

A run key names its attempt, because a key is never run again, not even after a failure (docs/facts/dagster.md, B5).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.account_keys import HISTORY, HOURLY_AUDIT, VERDICTS, Job, asset_key, bound_to, name_of
from audit_assets.defs.automation.hour_planner import Request
from audit_assets.defs.automation.ledger import IN_PROGRESS, REQUESTED_BY, plan_requests
from audit_assets.defs.automation.lost_hours import StoreLook, look_again
from audit_assets.defs.automation.unevaluated_checks import report_last_evaluations
from audit_assets.defs.automation.verdict_planner import MANY_HOURS, MOST_HOURS, Cursor, plan_verdict_run
from audit_assets.defs.checks.every_hour_is_done import report_if_changed
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.materialized_hours import find_unread_hours
from audit_assets.defs.partitions import hours_tag, pulled_again_tag, range_tags
from audit_assets.defs.resources import LinearResource, StorageResource
from audit_assets.defs.steps.verdicts import fetch_verdicts
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import TABLES_OF
from audit_assets.transport.http import HttpLimits

PRIORITIES = {"newest": "1", "history": "0", "missing": "0", "thin_history": "-1", "settling": "-1"}

AT_ONCE = HttpLimits(attempts=1, attempt_seconds=20, total_seconds=40)
"""Dagster gives a sensor a minute; what is not read now is read half an hour later."""


def sensors_of(account: Account, jobs: Sequence[Job]) -> list[dg.SensorDefinition]:
    """The two sensors of an account. `jobs`: its own, among others."""
    of = {job.name.removeprefix(account.named("")): job for job in jobs}
    requesting = dg.sensor(
        name=account.named("missing_hours"),
        jobs=[of[HOURLY_AUDIT], of[HISTORY]],
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Requests missing hours of the last 31 days, the newest first, then the oldest: what is only "
        "history is loaded, the others are judged. Each hour again 1, 6, 24 and 72 hours after its end, for entries "
        "that come late, and again if it was judged before its history was there.",
    )
    reading = dg.sensor(
        name=account.named("ticket_verdicts"),
        job=of[VERDICTS],
        minimum_interval_seconds=30 * 60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Reads in Linear what became of our tickets, and requests a run of `ticket_verdicts` if that is "
        "new.",
    )
    return [requesting(bound_to(account, missing_hours)), reading(bound_to(account, new_verdicts))]


def missing_hours(context: dg.SensorEvaluationContext, storage: dg.ResourceParam[StorageResource]) -> dg.SensorResult:
    """See its description. Also reports on the hours as a whole and whether the store has them, and on checks that
    failed runs left unevaluated."""
    now = storage.now()
    with raise_as_dagster_failure():
        plan = plan_requests(context.instance, now)
        look = look_again(StoreLook.of(context.cursor), context.instance, storage.open(), now)
    events = report_if_changed(context.instance, plan, now, look.lost)
    if context.repository_def:
        every = context.repository_def.asset_graph.asset_check_keys
        checks = sorted(key for key in every if key.asset_key in {asset_key(name) for name in TABLES_OF})
        events += report_last_evaluations(context.instance, checks)
    if not plan.requests:
        skipped = "Every hour is done, running, or paused after a failure."
        return dg.SensorResult(skip_reason=skipped, asset_events=events, cursor=look.cursor)
    requests = [_run_request(request, plan.again) for request in plan.requests]
    return dg.SensorResult(run_requests=requests, asset_events=events, cursor=look.cursor)


def _run_request(request: Request, again: Sequence[datetime] = ()) -> dg.RunRequest:
    """`again`: what the run of the newest hour pulls again in passing."""
    first, last, attempt = key_of(request.first), key_of(request.last), f"attempt-{request.attempt}"
    tags = {
        REQUESTED_BY: "missing_hours",
        "audit/reason": request.reason,
        "dagster/priority": PRIORITIES[request.reason],
        **hours_tag(request.first, request.last),
        **(pulled_again_tag(again) if request.reason == "newest" else {}),
    }
    job, key = (HISTORY, "history/") if request.reason == "history" else (HOURLY_AUDIT, "")
    if first == last:
        return dg.RunRequest(f"{key}{first}/{attempt}", job_name=name_of(job), partition_key=first, tags=tags)
    tags |= range_tags(request.first, request.last)
    return dg.RunRequest(f"{key}{first}..{last}/{attempt}", job_name=name_of(job), tags=tags)


def new_verdicts(
    context: dg.SensorEvaluationContext,
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
) -> dg.SensorResult | dg.SkipReason:
    """See its description. Tickets that can't be read make a skipped tick with the reason, never an empty answer."""
    now, before = storage.now(), Cursor.of(context.cursor)
    if context.instance.get_runs(dg.RunsFilter(job_name=name_of(VERDICTS), statuses=IN_PROGRESS), limit=1):
        return dg.SkipReason("A run that reads the verdicts is in progress.")
    try:
        store = storage.open()
        unread = find_unread_hours(context.instance, store, before.read_until)
        new_digest: str | None = MANY_HOURS
        if len(unread.hours) <= MOST_HOURS:
            new_digest = fetch_verdicts(store, replace(linear, limits=AT_ONCE), now, unread).new_hash
    except AuditAssetsError as error:
        return dg.SkipReason(f"The tickets could not be read, so the verdicts known so far are kept. {error}")
    after, run_key = plan_verdict_run(new_digest, unread.until, before, now)
    if run_key is None:
        return dg.SensorResult(skip_reason="No verdict in Linear is new.", cursor=after.text)
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)], cursor=after.text)
