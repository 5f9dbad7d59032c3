"""The check `every_hour_is_done`: whether the hours as a whole are there, judged and recent, on the page of the hour's
summary. It judges as the doctor does (reports/health_problems.py).

The sensor evaluates it, since it is about runs that fail or are missing.
"""

from datetime import datetime

import dagster as dg

from audit_assets.defs.account_keys import EVERY_HOUR_CHECK, check_key
from audit_assets.defs.automation.hour_planner import Plan
from audit_assets.defs.automation.ledger import plan_requests
from audit_assets.defs.automation.lost_hours import describe_lost, find_lost
from audit_assets.defs.automation.pipeline_health import collect_hours
from audit_assets.defs.checks.check_results import hour_check
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.resources import StorageResource
from audit_assets.reports.health_facts import HealthFacts, LostHours
from audit_assets.reports.health_problems import judge_health

LOST_TABLES = "lost_tables"


@hour_check(asset="flagged_actor_summary")
def every_hour_is_done(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The hours that baselines are made from are there, the newest was judged in time, none fails, and each was pulled
    again when it was due; and the store has what Dagster's record has as done. The sensor keeps this up."""
    now = storage.now()
    with raise_as_dagster_failure():
        lost = describe_lost(find_lost(context.instance, storage.open(), now))
        found = evaluate(context.instance, plan_requests(context.instance, now), now, lost)
    return dg.AssetCheckResult(
        passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
    )


def evaluate(
    instance: dg.DagsterInstance, plan: Plan, now: datetime, lost: LostHours | None = None
) -> dg.AssetCheckEvaluation:
    """The evaluation of the check, from Dagster's record, the hours that a plan has found due, and what the store was
    found to lack."""
    hours = collect_hours(instance, plan, now)
    problems = judge_health(HealthFacts(now=now, hours=hours, lost=lost))
    is_error = any(problem.severity == "error" for problem in problems)
    key = check_key(EVERY_HOUR_CHECK)
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description="; ".join(problem.sentence for problem in problems) or None,
        metadata={
            "missing": len(plan.missing),
            "due_again": len(plan.due),
            "present": hours.present,
            "judged": hours.judged,
            "hours_in_window": hours.window,
            "lost": lost.count if lost else 0,
            LOST_TABLES: len(lost.tables) if lost else 0,
        },
    )


def has_found_lost(instance: dg.DagsterInstance) -> bool:
    """Whether the store lacked something when the check was last evaluated."""
    record = instance.get_latest_asset_check_evaluation_record(check_key(EVERY_HOUR_CHECK))
    found = record.evaluation.metadata.get(LOST_TABLES) if record and record.evaluation else None
    return bool(found and found.value)


def report_if_changed(
    instance: dg.DagsterInstance, plan: Plan, now: datetime, lost: LostHours | None = None
) -> list[dg.AssetCheckEvaluation]:
    """The evaluation, unless Dagster shows the same one already: one a minute would bury every other event.

    Dagster shows an evaluation as outdated once the asset is materialised after it.
    """
    evaluation, key = evaluate(instance, plan, now, lost), check_key(EVERY_HOUR_CHECK)
    record = instance.get_latest_asset_check_evaluation_record(key)
    shown = record.evaluation if record else None
    if record is None or shown is None or _content(shown) != _content(evaluation):
        return [evaluation]
    newest = instance.get_latest_materialization_event(key.asset_key)
    return [evaluation] if newest and newest.timestamp >= record.create_timestamp else []


def _content(evaluation: dg.AssetCheckEvaluation) -> tuple[bool, dg.AssetCheckSeverity, str | None]:
    return evaluation.passed, evaluation.severity, evaluation.description
