"""The warnings of an asset check that are not resolved yet, as its last evaluation carries them on in its metadata."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from audit_assets.storage.hours import hour_of

UNRESOLVED = "unresolved"
"""Metadata: every hour with an unresolved warning, by partition key, and the warning."""

MENDED_BY_A_RUN = (
    ("opened_tickets", "every_flagged_actor_has_a_ticket"),
    ("flagged_actor_summary", "summary_was_delivered"),
    ("flagged_actor_summary", "findings_were_sent"),
    ("flagged_actor_summary", "findings_are_in_axiom"),
)
"""The checks whose hours get what they lack when they are run again."""


def unresolved_warnings(evaluation: dg.AssetCheckEvaluation) -> dict[str, str]:
    """Every hour with an unresolved warning, by partition key, as an evaluation holds them."""
    found = evaluation.metadata.get(UNRESOLVED)
    return dict(found.value) if isinstance(found, dg.JsonMetadataValue) and isinstance(found.value, dict) else {}


def last_unresolved(instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]) -> dict[datetime, str]:
    """The hours with an unresolved warning of any of these checks, as far as they were evaluated."""
    warnings: dict[datetime, str] = {}
    for record in instance.event_log_storage.get_asset_check_summary_records(checks).values():
        last = record.last_completed_check_execution_record
        if last and last.evaluation:
            warnings |= {hour_of(key): text for key, text in unresolved_warnings(last.evaluation).items()}
    return warnings
