"""Runs as the sensor requests them, the job that deletes of them what is not needed, and all that Dagster shows."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from audit_assets.defs.automation.ledger import REQUESTED_BY, RUN_KEY, plan_requests
from audit_assets.defs.partitions import key_of, range_tags
from audit_assets.storage.tables import TABLES_OF
from audit_assets_tests.pipeline import HOUR, QUIET, Pipeline
from audit_assets_tests.support import JumpingClock

FIRST = datetime(2026, 11, 22, 6, tzinfo=UTC)


def after_all_runs(clock: JumpingClock) -> datetime:
    """Moves the clock a month beyond the time at which Dagster recorded the runs, which is that of this machine."""
    clock.sleep((datetime.now(UTC) - clock.now() + timedelta(days=30)).total_seconds())
    return clock.now()


def request(
    pipeline: Pipeline,
    first: datetime,
    last: datetime | None = None,
    *,
    attempt: int,
    works: bool = True,
    job: str = "hourly_audit",
) -> None:
    """A run as the sensor requests it."""
    tags = {REQUESTED_BY: "missing_hours", RUN_KEY: f"{key_of(first)}/attempt-{attempt}"}
    hours = range_tags(first, last) if last else {"dagster/partition": key_of(first)}
    token = os.environ["CLOUDFLARE_API_TOKEN"]
    os.environ["CLOUDFLARE_API_TOKEN"] = token if works else "refused"
    made = pipeline.defs.resolve_job_def(job).execute_in_process(
        run_config=QUIET, instance=pipeline.instance, raise_on_error=False, tags={**tags, **hours}
    )
    assert made.success is works
    os.environ["CLOUDFLARE_API_TOKEN"] = token


def retain(pipeline: Pipeline) -> dict[str, Any]:
    """What the job deleted."""
    job = pipeline.defs.resolve_job_def("retention")
    made = job.execute_in_process(run_config=QUIET, instance=pipeline.instance)
    (output,) = [event for event in made.all_events if event.is_successful_output]
    return {name: each.value for name, each in output.step_output_data.metadata.items()}


def what_dagster_shows(pipeline: Pipeline, now: datetime) -> dict[str, Any]:
    """The plan, the status of every partition of every asset, each one's newest numbers, and each check's newest
    evaluation."""
    instance = pipeline.instance
    asset_keys = [dg.AssetKey(name) for name in TABLES_OF]
    hours = pipeline.defs.resolve_asset_graph().get(asset_keys[0]).partitions_def
    assert hours
    checks = instance.event_log_storage.get_asset_check_summary_records(
        sorted(pipeline.defs.resolve_asset_graph().asset_check_keys)
    )
    return {
        "plan": plan_requests(instance, now),
        "done": {key: instance.get_materialized_partitions(key) for key in asset_keys},
        "status": {
            key: instance.get_status_by_partition(key, [key_of(FIRST + HOUR * n) for n in range(4)], hours)
            for key in asset_keys[:-1]
        },
        "newest": {key: instance.get_latest_materialization_event(key) for key in asset_keys},
        "checks": {
            key: (each.last_check_execution_record, each.last_completed_check_execution_record)
            for key, each in checks.items()
        },
    }
