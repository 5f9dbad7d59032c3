"""Jobs that a command runs in its own process, on the Dagster instance of DAGSTER_HOME."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

SILENT: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run config: what a run logs is in Dagster's database, and not between the lines of the command."""


def open_instance() -> dg.DagsterInstance:
    """The instance in DAGSTER_HOME, without a copy of what each step prints: it takes two processes, which Ctrl-C would
    reach as well, and they print where they were."""
    # One planned event for all hours of a run instead of one for each: half the time (docs/facts/dagster.md).
    os.environ["DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"] = "1"
    silent = {"module": NoOpComputeLogManager.__module__, "class": NoOpComputeLogManager.__name__}
    ref = InstanceRef.from_dir(os.environ["DAGSTER_HOME"], overrides={"compute_logs": silent})
    return dg.DagsterInstance.from_ref(ref)


def run_hours(
    job: dg.JobDefinition,
    hours: Sequence[datetime],
    instance: dg.DagsterInstance,
    *,
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """One run over all these hours; it may fail."""
    from audit_assets.defs.partitions import range_tags

    return job.execute_in_process(
        run_config={**SILENT, **(config or {})},
        tags={**range_tags(hours[0], hours[-1]), **(tags or {})},
        instance=instance,
        raise_on_error=False,
    )


def failures_of(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Why a run failed, by its steps and blocking checks."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            description = data.user_failure_data.description if data.user_failure_data else None
            reason = data.error.message.strip() if data.error else "no reason given"
            yield description or f"{event.step_key} failed: {reason}"
    for check in result.get_asset_check_evaluations():
        if not check.passed and check.blocking:
            yield f"The check {check.check_name} failed: {check.description}"
