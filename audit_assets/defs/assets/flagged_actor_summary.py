"""What the other assets stored → the output of the hour: which actors were flagged, why, and with which ticket.

In: everything that the hour's other assets wrote. Out: one JSON object per hour (reports/summary.py has its fields), in
the hour store, in the asset's metadata, and at the team's webhook if it has one; and what is new of the hour's tickets
at the team's channels, and in the dataset of findings if there is one. True afterwards: every flagged actor
is in it, whether or not a ticket was opened, and so is every deviation that opened none, with the reason; and whatever
watches the pipeline from outside was called, if the hour is recent.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.config.settings import ticket_max_age
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.day_metadata import day_metadata
from audit_assets.defs.delivery_resources import ChannelsResource, HeartbeatResource, WebhookResource
from audit_assets.defs.hourly_asset import CONTENT, basis_metadata, hourly_asset, without_zeros
from audit_assets.defs.markdown_tables import ROWS_SHOWN, markdown_table
from audit_assets.defs.materialized_hours import dated_basis, newest_summarized
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import (
    AxiomResource,
    RunInputsResource,
    StorageResource,
)
from audit_assets.defs.steps.hour_finding_events import ingest_findings
from audit_assets.defs.steps.hour_heartbeat import send_hour_heartbeat
from audit_assets.defs.steps.hour_messages import deliver_messages
from audit_assets.defs.steps.hour_summary import build_summary, deliver_summary
from audit_assets.reports.summary import HourSummary
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.tables import SUMMARY


@hourly_asset(table=SUMMARY, kinds={"json"})
def flagged_actor_summary(
    context: dg.AssetExecutionContext,
    storage: dg.ResourceParam[StorageResource],
    axiom: dg.ResourceParam[AxiomResource],
    webhook: dg.ResourceParam[WebhookResource],
    channels: dg.ResourceParam[ChannelsResource],
    heartbeat: dg.ResourceParam[HeartbeatResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """The hour in one object: entries, flagged actors, their deviations in numbers and words, their tickets."""
    with raise_as_dagster_failure():
        inputs = run_inputs.of_run(context.run.run_id)
        hours = hours_in(context)
        basis = dated_basis(context.instance, {hour: basis_metadata(inputs.store, hour) for hour in hours})
        for hour in hours:
            summary = build_summary(inputs, hour)
            inputs.store.write_json(SUMMARY, hour, summary)
            recent = storage.now() - (hour + AN_HOUR) <= ticket_max_age()
            if "dry_run" not in summary and (problem := ingest_findings(inputs, hour, axiom)):
                context.log.warning(problem)
            if recent and "dry_run" not in summary:
                deliver_summary(inputs.store, hour, summary, webhook)
                deliver_messages(inputs.store, hour, inputs.tables.channels, channels)
            send_hour_heartbeat(inputs.store, hour, storage.now(), heartbeat)
            newest = newest_summarized(context.instance, hour)
            day = day_metadata(inputs.store, newest) if hour == hours[-1] else {}
            metadata = {**basis[hour], **_metadata(summary), **day}
            if "dry_run" in summary:
                metadata.pop(CONTENT, None)  # a later run opens what is due then
            context.add_asset_metadata(metadata, partition_key=key_of(hour))
        inputs.store.pack_days(hours)


def _metadata(summary: HourSummary) -> Mapping[str, Any]:
    """Of a large hour, as many actors as Dagster's database and pages can take; the hour store holds all."""
    flagged, below_threshold = summary["flagged"], summary["below_threshold"]
    overview = [
        {"severity": actor["severity"], "actor": actor["actor"], "why": why}
        for actor in flagged
        for why in actor["in_words"]
    ]
    shown = {**summary, "flagged": flagged[:ROWS_SHOWN], "below_threshold": below_threshold[:ROWS_SHOWN]}
    return {
        "flagged": len(flagged),
        **without_zeros({"dismissed": summary["dismissed"], "below_threshold": len(below_threshold)}),
        **({"overview": dg.MetadataValue.md(markdown_table(pl.DataFrame(overview)))} if overview else {}),
        "summary": dg.MetadataValue.json(shown),
    }
