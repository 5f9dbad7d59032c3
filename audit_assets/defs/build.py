"""The only place where the parts are put together."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from audit_assets.defs import checks
from audit_assets.defs.assets.actor_baselines import actor_baselines
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.assets.daily_digest import daily_digest
from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.assets.flagged_actors import flagged_actors
from audit_assets.defs.assets.opened_tickets import opened_tickets
from audit_assets.defs.assets.organisation_history import organisation_history
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.assets.ticket_verdicts import ticket_verdicts
from audit_assets.defs.automation.alert_sensors import failed_runs, pipeline_watchdog
from audit_assets.defs.automation.jobs import history, hourly_audit, independent_count, verdicts
from audit_assets.defs.automation.retention import daily_retention, retention
from audit_assets.defs.automation.schedules import every_day, every_hour
from audit_assets.defs.automation.sensors import missing_hours, new_verdicts
from audit_assets.defs.delivery_resources import ChannelsResource, HeartbeatResource, WebhookResource
from audit_assets.defs.partitions import from_first_hour
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    RunInputsResource,
    StorageResource,
    TriageResource,
)

ASSETS = [
    raw_audit_entries,
    axiom_ingest,
    organisation_history,
    actor_baselines,
    flagged_actors,
    opened_tickets,
    daily_digest,
    flagged_actor_summary,
    ticket_verdicts,
]


def build_defs(
    *, resources: Mapping[str, Any] | None = None, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """All definitions. Tests and deployments override a resource or the executor instead of patching.

    In-process by default: a process for each asset makes an hour about six times slower (docs/facts/dagster.md).
    """
    return dg.Definitions(
        assets=from_first_hour(ASSETS),
        asset_checks=dg.load_asset_checks_from_package_module(checks),
        jobs=[hourly_audit, history, independent_count, verdicts, retention],
        schedules=[every_hour, every_day, daily_retention],
        sensors=[missing_hours, new_verdicts, pipeline_watchdog, failed_runs],
        resources={
            "cloudflare": CloudflareResource(),
            "axiom": AxiomResource(),
            "linear": LinearResource(),
            "storage": StorageResource(),
            "run_inputs": RunInputsResource(),
            "triage": TriageResource(),
            "webhook": WebhookResource(),
            "heartbeat": HeartbeatResource(),
            "channels": ChannelsResource(),
            **(resources or {}),
        },
        executor=executor or dg.in_process_executor,
    )
