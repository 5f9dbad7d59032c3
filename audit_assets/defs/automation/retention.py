"""Retention: once a day, what Dagster keeps of runs that nothing depends on is deleted, and hours past their time.

Off until somebody turns the schedule on. One run does a bounded part of a long backlog; the next day's goes on.
"""

from itertools import islice

import dagster as dg

from audit_assets.config.settings import keep_hours, keep_runs
from audit_assets.defs.automation.jobs import history, hourly_audit, independent_count, verdicts
from audit_assets.defs.automation.superseded_runs import delete_evaluations, delete_run, superseded_runs
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.resources import StorageResource
from audit_assets.storage.tables import TABLES_OF

MOST_RUNS = 2_000
"""In one run: each takes some 20 ms, and Dagster ends a run after two hours."""


@dg.op(out=dg.Out(dg.Nothing), description="Deletes superseded runs, old evaluations and hours that a setting limits.")
def delete_what_is_superseded(context: dg.OpExecutionContext, storage: dg.ResourceParam[StorageResource]) -> None:
    """See the module. Raises `dagster.Failure` with one sentence for a setting or a store that can't be used."""
    with raise_as_dagster_failure():
        now, days = storage.now(), keep_hours()
        before = now - keep_runs()
        assets = [dg.AssetKey(name) for name in TABLES_OF]
        jobs = [job.name for job in (hourly_audit, history, independent_count, verdicts, retention)]
        runs = [run.run_id for run in islice(superseded_runs(context.instance, jobs, assets, before), MOST_RUNS)]
        for run_id in runs:
            delete_run(context.instance, run_id)
        checks = delete_evaluations(context.instance, assets, before)
        files = storage.open().delete_before(now - days) if days else 0
    deleted = {"runs": len(runs), "evaluations": checks, "files_of_hours": files}
    context.add_output_metadata(deleted)
    context.log.info(f"Deleted: {deleted}")


@dg.job(description="Deletes runs that later runs of the same hours have superseded; what is done stays done.")
def retention() -> None:
    """See `delete_what_is_superseded`."""
    delete_what_is_superseded()


@dg.schedule(
    job=retention,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Once a day, at 03:40 UTC, when few hours are pulled again.",
)
def daily_retention() -> dg.RunRequest:
    """One run a day, whatever was deleted before."""
    return dg.RunRequest()
