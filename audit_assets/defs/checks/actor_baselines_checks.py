"""How much history the baselines of an hour come from."""

import dagster as dg

from audit_assets.defs.checks.check_results import name_hours, warning_check
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import StorageResource
from audit_assets.defs.steps.history_coverage import HOURS_IN_WINDOW, stored_hours_present


@warning_check(asset="actor_baselines")
def baseline_coverage(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """All 720 hours before the hour were ingested: what is missing there looks unusual here.

    Nothing is carried on from earlier hours: what was missing for them is missing for this one as well.
    """
    store, problems = storage.open(context.run.run_id), {}
    for hour in hours_in(context):
        present = stored_hours_present(store, hour)
        if present is not None and present < HOURS_IN_WINDOW:
            problems[hour] = f"baseline covers {present} of {HOURS_IN_WINDOW} hours: backfill the others"
    return dg.AssetCheckResult(
        passed=not problems, severity=dg.AssetCheckSeverity.WARN, description=name_hours(problems) or None
    )
