"""The only place where the parts are put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.account_keys import Job
from audit_assets.defs.assets.actor_baselines import actor_baselines
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.assets.daily_digest import daily_digest
from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.assets.flagged_actors import flagged_actors
from audit_assets.defs.assets.opened_tickets import opened_tickets
from audit_assets.defs.assets.organisation_history import organisation_history
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.assets.ticket_verdicts import ticket_verdicts
from audit_assets.defs.automation.alert_sensors import alert_sensors_of
from audit_assets.defs.automation.jobs import jobs_of
from audit_assets.defs.automation.retention import retention_of
from audit_assets.defs.automation.schedules import schedules_of
from audit_assets.defs.automation.sensors import sensors_of
from audit_assets.defs.checks import (
    actor_baselines_checks,
    axiom_ingest_checks,
    every_hour_is_done,
    flagged_actor_summary_checks,
    independent_count,
    opened_tickets_checks,
    raw_audit_entries_checks,
)
from audit_assets.defs.delivery_resources import ChannelsResource, HeartbeatResource, WebhookResource
from audit_assets.defs.partitions import first_hours, from_hour
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

CHECKS = [
    raw_audit_entries_checks.hour_is_complete,
    raw_audit_entries_checks.nothing_quarantined,
    raw_audit_entries_checks.no_sudden_silence,
    raw_audit_entries_checks.settled_hours_stay_as_they_are,
    raw_audit_entries_checks.nothing_is_taken_back,
    independent_count.cloudflare_counts_the_same,
    axiom_ingest_checks.proof_in_axiom,
    axiom_ingest_checks.axiom_dataset_is_fit,
    actor_baselines_checks.baseline_coverage,
    opened_tickets_checks.every_flagged_actor_has_a_ticket,
    flagged_actor_summary_checks.summary_was_delivered,
    flagged_actor_summary_checks.heartbeat_was_sent,
    flagged_actor_summary_checks.findings_were_sent,
    flagged_actor_summary_checks.findings_are_in_axiom,
    every_hour_is_done.every_hour_is_done,
]


def build_defs(
    *, resources: Mapping[str, Any] | None = None, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """All definitions of all accounts. Tests and deployments override a resource or the executor instead of patching.
    Raises `SettingError` for a file of accounts that can't be read as one.

    In-process by default: a process for each asset makes an hour about six times slower (docs/facts/dagster.md).
    """
    accounts = all_accounts()
    begins = first_hours(accounts)
    parts = [_parts_of(account, begins[account.key]) for account in accounts]
    return dg.Definitions(
        assets=[each for part in parts for each in part.assets],
        asset_checks=[each for part in parts for each in part.checks],
        jobs=[each for part in parts for each in part.jobs],
        schedules=[each for part in parts for each in part.schedules],
        sensors=[each for part in parts for each in part.sensors],
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


@dataclass(frozen=True)
class Parts:
    """The definitions of one account."""

    assets: Sequence[dg.AssetsDefinition]
    checks: Sequence[dg.AssetChecksDefinition]
    jobs: Sequence[Job]
    schedules: Sequence[dg.ScheduleDefinition]
    sensors: Sequence[dg.SensorDefinition]


def _parts_of(account: Account, first: datetime) -> Parts:
    jobs = [*jobs_of(account), retention_of(account)]
    return Parts(
        assets=from_hour(first, [define(account) for define in ASSETS]),
        checks=[define(account) for define in CHECKS],
        jobs=jobs,
        schedules=schedules_of(account, jobs),
        sensors=[*sensors_of(account, jobs), *alert_sensors_of(account)],
    )
