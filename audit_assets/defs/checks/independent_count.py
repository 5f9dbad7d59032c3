"""The check `cloudflare_counts_the_same`: whether Cloudflare's own count of each day agrees with what was pulled.

It blocks nothing and is of no hour: its own job evaluates it, once a day if the schedule is on. A token that may not
read the count is no failure, and is advised about once.
"""

from contextlib import closing
from typing import Any

import dagster as dg

from audit_assets.cloudflare.own_counts import CountNotAllowed
from audit_assets.defs.checks.check_results import warning_check
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.defs.steps.independent_count import compare_counts, days_to_compare

COUNTED = "counted"
"""Metadata: what Cloudflare was found to count."""

READABLE = "readable"
"""Metadata: whether this token may read the count."""

NOT_READABLE = "Not compared: the token may not read Cloudflare's own count."


@warning_check(asset="raw_audit_entries")
def cloudflare_counts_the_same(
    context: dg.AssetCheckExecutionContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    storage: dg.ResourceParam[StorageResource],
) -> dg.AssetCheckResult:
    """Cloudflare's own count of the last settled days, by action type, is what was pulled. Advice: which of the two
    streams it counts is not documented, and found out here."""
    before = _last_metadata(context)
    store, now = storage.open(context.run.run_id), storage.now()
    days = days_to_compare(store, now)
    known = {COUNTED: before[COUNTED]} if COUNTED in before else {}
    try:
        with closing(cloudflare.client()) as client:
            counted = client.own_counts(min(days, default=now).date(), max(days, default=now).date())
    except CountNotAllowed as refusal:
        is_new = before.get(READABLE) is not False
        if is_new:
            context.log.info(str(refusal))
        return _passed(f"{refusal}." if is_new else NOT_READABLE, {**known, READABLE: False})
    found = compare_counts(store, days, counted, cloudflare.streams(), known.get(COUNTED))
    metadata: dict[str, Any] = {**known, READABLE: True, "days": len(found.days)}
    if found.counted:
        metadata[COUNTED] = found.counted
    if found.differences.is_empty():
        return _passed(found.sentences, metadata)
    table = dg.MetadataValue.md(markdown_table(found.differences))
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.sentences,
        metadata={**metadata, "differences": table},
    )


def _passed(description: str, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True, severity=dg.AssetCheckSeverity.WARN, description=description, metadata=metadata
    )


def _last_metadata(context: dg.AssetCheckExecutionContext) -> dict[str, Any]:
    """What the last evaluation found."""
    key = next(spec.key for spec in context.check_specs)
    last = context.instance.event_log_storage.get_asset_check_summary_records([key])[key]
    record = last.last_completed_check_execution_record
    metadata = record.evaluation.metadata if record and record.evaluation else {}
    return {name: value.value for name, value in metadata.items()}
