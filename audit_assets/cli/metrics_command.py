"""`audit-assets metrics`: the pipeline's health and the last 24 hours as metrics for Prometheus."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_assets.cli.console import progress
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import AuditAssetsError

if TYPE_CHECKING:
    from audit_assets.reports.open_metrics import Gauge

READABLE = 0o644
"""By whoever collects metrics, who is another user: they name nobody."""


def metrics(
    out: Annotated[Path | None, typer.Option(help="File to write, whole or not at all; else standard output.")] = None,
) -> None:
    """Print what Prometheus wants to know of the pipeline, as OpenMetrics text: hours, findings, daemon, problems.

    Example: audit-assets metrics --out /var/lib/node_exporter/audit_assets.prom
    """
    from audit_assets.reports.open_metrics import render_metrics
    from audit_assets.storage.durable_files import replace_durably

    load_env_file()
    text = render_metrics(_collect(datetime.now(UTC)))
    if out is None:
        print(text, end="")
        return
    try:
        replace_durably(out.absolute(), text.encode(), READABLE)
    except OSError as error:
        raise AuditAssetsError(f"{out} can't be written: {error.strerror or error}.") from None
    progress.print(f"{out} is written.", markup=False)


def _collect(now: datetime) -> "list[Gauge]":
    """All metrics that can be had. Raises `AuditAssetsError`."""
    from audit_assets.cli.dagster_record import opened_record
    from audit_assets.defs.automation.operator_watch import alerting_problems, collect_facts
    from audit_assets.defs.resources import CloudflareResource, StorageResource
    from audit_assets.defs.steps.token_record import load_token_facts
    from audit_assets.reports.day_numbers import load_day_numbers
    from audit_assets.reports.pipeline_metrics import day_metrics, health_metrics
    from audit_assets.reports.token_expiry import judge_token

    storage = StorageResource()
    token = load_token_facts(CloudflareResource(), storage, now)
    with opened_record() as instance:
        facts = collect_facts(instance, now)
        problems = [*alerting_problems(instance, facts), *judge_token(token, now)]
    day = load_day_numbers(storage.open())
    versions = {"version": version("audit-assets"), "dagster_version": version("dagster")}
    return [*health_metrics(facts, problems, token, versions), *(day_metrics(day) if day else ())]
