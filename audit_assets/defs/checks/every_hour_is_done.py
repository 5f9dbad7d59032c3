"""What people are told of the hours as a whole: the check `every_hour_is_done`, on the page of the last asset.

The sensor evaluates it, since what it tells of is that runs fail or are missing.
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.automation.hour_planner import ALARMING_FAILURES, Plan
from audit_assets.defs.automation.jobs import EVERY_HOUR
from audit_assets.defs.automation.ledger import plan_of
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import StorageResource

NAMED = 5


@dg.asset_check(asset=flagged_actor_summary, name=EVERY_HOUR.name)
def every_hour_is_done(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The hours of the last 31 days are done, and were pulled again when they were due. The sensor keeps this up."""
    told = verdict(plan_of(context.instance, storage.now()))
    return dg.AssetCheckResult(
        passed=told.passed, severity=told.severity, description=told.description, metadata=told.metadata
    )


def verdict(plan: Plan) -> dg.AssetCheckEvaluation:
    """What the check says of the hours that a plan has found due."""
    sentences = []
    if plan.failing:
        sentences.append(
            f"{_named(plan.failing)} failed {ALARMING_FAILURES} times or more: see their runs for the reason"
        )
    if behind := [hour for hour in plan.behind if hour not in plan.failing]:
        sentences.append(f"{_named(behind)} should have been pulled hours ago")
    return dg.AssetCheckEvaluation(
        asset_key=EVERY_HOUR.asset_key,
        check_name=EVERY_HOUR.name,
        passed=not sentences,
        severity=dg.AssetCheckSeverity.ERROR if plan.failing else dg.AssetCheckSeverity.WARN,
        description="; ".join(sentences) or None,
        metadata={"missing": len(plan.missing), "due_again": len(plan.due)},
    )


def news(instance: dg.DagsterInstance, plan: Plan) -> list[dg.AssetCheckEvaluation]:
    """The verdict, unless it is the one that Dagster shows already: a tick a minute would bury every other event.

    Dagster shows an evaluation as outdated once the asset is materialised after it.
    """
    now = verdict(plan)
    record = instance.get_latest_asset_check_evaluation_record(EVERY_HOUR)
    shown = record.evaluation if record else None
    if record is None or shown is None or _words(shown) != _words(now):
        return [now]
    newest = instance.get_latest_materialization_event(EVERY_HOUR.asset_key)
    return [now] if newest and newest.timestamp >= record.create_timestamp else []


def _words(evaluation: dg.AssetCheckEvaluation) -> tuple[bool, dg.AssetCheckSeverity, str | None]:
    return evaluation.passed, evaluation.severity, evaluation.description


def _named(hours: Sequence[datetime]) -> str:
    named = ", ".join(key_of(hour) for hour in hours[:NAMED])
    return named if len(hours) <= NAMED else f"{named} and {len(hours) - NAMED} more hours"
