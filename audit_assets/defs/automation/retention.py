"""Retention: once a day, what Dagster keeps of runs that nothing depends on is deleted, and hours past their time.

Off until somebody turns the schedule on. One run does a bounded part of a long backlog; the next day's goes on.
"""

from datetime import datetime
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
from audit_assets.defs.automation.thinned_runs import thin_runs
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.resources import StorageResource
from audit_assets.storage.tables import TABLES_OF

MOST_RUNS = 2_000
"""So many are deleted and so many thinned in one run: each takes some 20 ms, or 130 with a file to write anew on a busy
machine, and Dagster ends a run after two hours."""


def retention_of(account: Account) -> dg.JobDefinition:
    """The job of an account."""
    op = dg.op(
        name=account.named("delete_what_is_superseded"),
        out=dg.Out(dg.Nothing),
        description="Deletes superseded runs, old evaluations, what old runs need no more, and hours past their time.",
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
        deleted = delete_from_dagster(context.instance, now - keep_runs())
        deleted["files_of_hours"] = storage.open().delete_before(now - days) if days else 0
    context.add_output_metadata(deleted)
    context.log.info(f"Deleted: {deleted}")


def delete_from_dagster(instance: dg.DagsterInstance, before: datetime) -> dict[str, int]:
    """What nothing depends on of the runs that ended and were created before then. Returns how many of what."""
    jobs, assets = [*map(name_of, JOBS)], [asset_key(name) for name in TABLES_OF]
    superseded = [run.run_id for run in islice(superseded_runs(instance, jobs, assets, before), MOST_RUNS)]
    for run_id in superseded:
        delete_run(instance, run_id)
    return {
        "runs": len(superseded),
        "evaluations": delete_evaluations(instance, assets, before),
        "thinned_runs": thin_runs(instance, jobs, assets, before, MOST_RUNS),
    }
