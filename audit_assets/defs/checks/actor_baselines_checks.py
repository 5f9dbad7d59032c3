"""How much history the baselines of an hour come from."""

import dagster as dg

from audit_assets.defs.assets.actor_baselines import HOURS_IN_WINDOW, actor_baselines
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.checks.hour_results import name_hours, warning_check
from audit_assets.defs.partitions import AN_HOUR, hour_of, hours_in


@warning_check(asset=actor_baselines)
def baseline_coverage(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """All 720 hours before the hour were ingested: what is missing there looks unusual here.

    Nothing is carried on from earlier hours: what was missing for them is missing for this one as well.
    """
    ingested = {hour_of(key) for key in context.instance.get_materialized_partitions(axiom_ingest.key)}
    problems = {}
    for hour in hours_in(context):
        present = sum(hour - AN_HOUR * back in ingested for back in range(1, HOURS_IN_WINDOW + 1))
        if present < HOURS_IN_WINDOW:
            problems[hour] = f"baseline covers {present} of {HOURS_IN_WINDOW} hours: backfill the others"
    return dg.AssetCheckResult(
        passed=not problems, severity=dg.AssetCheckSeverity.WARN, description=name_hours(problems) or None
    )


ACTOR_BASELINES_CHECKS = [baseline_coverage]
