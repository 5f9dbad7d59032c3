"""Checks that a run planned and never evaluated: what they found last is reported again.

Dagster shows every check of a failed run that was not evaluated as failed, in place of its last result
(docs/facts/dagster.md, B8). That would hide which warnings are unresolved, and report failures that nobody found.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from audit_assets.defs.automation.ledger import ENDED


def report_last_evaluations(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckEvaluation]:
    """The last evaluation of each check that the run which planned it last ended without."""
    records = instance.event_log_storage.get_asset_check_summary_records(keys)
    latest = {key: record.last_check_execution_record for key, record in records.items()}
    unevaluated = {key: each.run_id for key, each in latest.items() if each and each.status.value == "PLANNED"}
    if not unevaluated:
        return
    ended = {run.run_id for run in instance.get_runs(dg.RunsFilter([*{*unevaluated.values()}], statuses=ENDED))}
    for key, run_id in unevaluated.items():
        if run_id in ended:
            completed = records[key].last_completed_check_execution_record
            evaluation = completed.evaluation if completed else None
            yield _repeat(evaluation) if evaluation else _never_evaluated(key, run_id)


def _repeat(evaluation: dg.AssetCheckEvaluation) -> dg.AssetCheckEvaluation:
    """Without the materialisation that it was about: Dagster hides an evaluation of an older one."""
    return dg.AssetCheckEvaluation(
        asset_key=evaluation.asset_key,
        check_name=evaluation.check_name,
        passed=evaluation.passed,
        severity=evaluation.severity,
        description=evaluation.description,
        metadata=evaluation.metadata,
        blocking=evaluation.blocking,
    )


def _never_evaluated(key: dg.AssetCheckKey, run_id: str) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Not evaluated yet: the run {run_id} ended before it.",
    )
