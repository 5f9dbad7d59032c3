"""The check `every_hour_is_done`: whether the hours as a whole are complete, on the page of the hour's summary.

The sensor evaluates it, since it is about runs that fail or are missing.
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.automation.hour_planner import ALERT_AFTER_FAILURES, Plan
from audit_assets.defs.automation.jobs import EVERY_HOUR
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import StorageResource
from audit_assets.tickets.formatting import pluralize

NAMED = 5


@dg.asset_check(asset=flagged_actor_summary, name=EVERY_HOUR.name)
def every_hour_is_done(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The hours of the last 31 days are done, and were pulled again when they were due. The sensor keeps this up."""
    with raise_as_dagster_failure():
        found = evaluate(plan_requests(context.instance, storage.now()))
    return dg.AssetCheckResult(
        passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
    )


def evaluate(plan: Plan) -> dg.AssetCheckEvaluation:
    """The evaluation of the check, from the hours that a plan has found due."""
    sentences = []
    if plan.failing:
        sentences.append(
            f"{_name(plan.failing)} failed {ALERT_AFTER_FAILURES} times or more: see their runs for the reason"
        )
    if overdue := [hour for hour in plan.overdue if hour not in plan.failing]:
        sentences.append(f"{_name(overdue)} should have been pulled hours ago")
    return dg.AssetCheckEvaluation(
        asset_key=EVERY_HOUR.asset_key,
        check_name=EVERY_HOUR.name,
        passed=not sentences,
        severity=dg.AssetCheckSeverity.ERROR if plan.failing else dg.AssetCheckSeverity.WARN,
        description="; ".join(sentences) or None,
        metadata={"missing": len(plan.missing), "due_again": len(plan.due)},
    )


def report_if_changed(instance: dg.DagsterInstance, plan: Plan) -> list[dg.AssetCheckEvaluation]:
    """The evaluation, unless Dagster shows the same one already: one a minute would bury every other event.

    Dagster shows an evaluation as outdated once the asset is materialised after it.
    """
    now = evaluate(plan)
    record = instance.get_latest_asset_check_evaluation_record(EVERY_HOUR)
    shown = record.evaluation if record else None
    if record is None or shown is None or _content(shown) != _content(now):
        return [now]
    newest = instance.get_latest_materialization_event(EVERY_HOUR.asset_key)
    return [now] if newest and newest.timestamp >= record.create_timestamp else []


def _content(evaluation: dg.AssetCheckEvaluation) -> tuple[bool, dg.AssetCheckSeverity, str | None]:
    return evaluation.passed, evaluation.severity, evaluation.description


def _name(hours: Sequence[datetime]) -> str:
    named = ", ".join(key_of(hour) for hour in hours[:NAMED])
    return named if len(hours) <= NAMED else f"{named} and {pluralize(len(hours) - NAMED, 'more hour')}"
