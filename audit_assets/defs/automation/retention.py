"""Retention: once a day, what Dagster keeps of runs that nothing depends on is deleted, and hours past their time.

Off until somebody turns the schedule on. One run does a bounded part of a long backlog; the next day's goes on.
"""

from itertools import islice

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.config.settings import keep_hours, keep_runs
from audit_assets.defs.account_keys import (
    JOBS,
    RETENTION,
    asset_key,
    bound_to,
    name_of,
)
from audit_assets.defs.automation.superseded_runs import delete_evaluations, delete_run, superseded_runs
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.resources import StorageResource
from audit_assets.storage.tables import TABLES_OF

MOST_RUNS = 2_000
"""In one run: each takes some 20 ms, and Dagster ends a run after two hours."""


def retention_of(account: Account) -> dg.JobDefinition:
    """The job of an account."""
    op = dg.op(
        name=account.named("delete_what_is_superseded"),
        out=dg.Out(dg.Nothing),
        description="Deletes superseded runs, old evaluations and hours that a setting limits.",
    )(bound_to(account, delete_what_is_superseded))

    @dg.job(
        name=account.named(RETENTION),
        description="Deletes runs that later runs of the same hours have superseded; what is done stays done.",
    )
    def retention() -> None:
        op()

    return retention


def delete_what_is_superseded(context: dg.OpExecutionContext, storage: dg.ResourceParam[StorageResource]) -> None:
    """See the module. Raises `dagster.Failure` with one sentence for a setting or a store that can't be used."""
    with raise_as_dagster_failure():
        now, days = storage.now(), keep_hours()
        before = now - keep_runs()
        assets = [asset_key(name) for name in TABLES_OF]
        runs = islice(superseded_runs(context.instance, [*map(name_of, JOBS)], assets, before), MOST_RUNS)
        deleted_runs = [run.run_id for run in runs]
        for run_id in deleted_runs:
            delete_run(context.instance, run_id)
        checks = delete_evaluations(context.instance, assets, before)
        files = storage.open().delete_before(now - days) if days else 0
    deleted = {"runs": len(deleted_runs), "evaluations": checks, "files_of_hours": files}
    context.add_output_metadata(deleted)
    context.log.info(f"Deleted: {deleted}")
