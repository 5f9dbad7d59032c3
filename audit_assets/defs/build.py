"""The only place where the parts are put together."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from audit_assets.defs.assets.actor_baselines import actor_baselines
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.assets.daily_digest import daily_digest
from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.assets.flagged_actors import flagged_actors
from audit_assets.defs.assets.opened_tickets import opened_tickets
from audit_assets.defs.assets.organisation_history import organisation_history
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.assets.ticket_verdicts import ticket_verdicts
from audit_assets.defs.automation.jobs import JOBS
from audit_assets.defs.automation.schedules import SCHEDULES
from audit_assets.defs.automation.sensors import SENSORS
from audit_assets.defs.checks.actor_baselines_checks import ACTOR_BASELINES_CHECKS
from audit_assets.defs.checks.axiom_ingest_checks import AXIOM_INGEST_CHECKS
from audit_assets.defs.checks.every_hour_is_done import every_hour_is_done
from audit_assets.defs.checks.flagged_actor_summary_checks import FLAGGED_ACTOR_SUMMARY_CHECKS
from audit_assets.defs.checks.opened_tickets_checks import OPENED_TICKETS_CHECKS
from audit_assets.defs.checks.raw_audit_entries_checks import RAW_AUDIT_ENTRIES_CHECKS
from audit_assets.defs.partitions import from_first_hour
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    RunInputsResource,
    StorageResource,
    TriageResource,
    WebhookResource,
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

CHECKS = [
    *RAW_AUDIT_ENTRIES_CHECKS,
    *AXIOM_INGEST_CHECKS,
    *ACTOR_BASELINES_CHECKS,
    *OPENED_TICKETS_CHECKS,
    *FLAGGED_ACTOR_SUMMARY_CHECKS,
    every_hour_is_done,
]


def build_defs(
    *, resources: Mapping[str, Any] | None = None, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """All definitions. Tests and deployments override a resource or the executor instead of patching.

    In-process by default: a process for each asset makes an hour about six times slower (docs/facts/dagster.md).
    """
    return dg.Definitions(
        assets=from_first_hour(ASSETS),
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={
            "cloudflare": CloudflareResource(),
            "axiom": AxiomResource(),
            "linear": LinearResource(),
            "storage": StorageResource(),
            "run_inputs": RunInputsResource(),
            "triage": TriageResource(),
            "webhook": WebhookResource(),
            **(resources or {}),
        },
        executor=executor or dg.in_process_executor,
    )
