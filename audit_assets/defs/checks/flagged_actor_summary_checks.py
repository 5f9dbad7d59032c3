"""Whether the summary of an hour and its findings reached whoever subscribed to them."""

import dagster as dg

from audit_assets.defs.checks.check_results import warn_of_hours, warning_check
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import StorageResource
from audit_assets.defs.steps.hour_finding_events import not_ingested_reason
from audit_assets.defs.steps.hour_messages import unsent_reason
from audit_assets.storage.tables import DELIVERIES, HEARTBEATS


@warning_check(asset="flagged_actor_summary")
def summary_was_delivered(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The team's webhook, if it has one, accepted the hour's summary. It is sent again when the hour is run again."""
    store = storage.open(context.run.run_id)
    deliveries = {hour: store.read_json(DELIVERIES, hour) or {} for hour in hours_in(context)}
    problems = {
        hour: f"was not delivered: {delivery['problem']}"
        for hour, delivery in deliveries.items()
        if delivery.get("problem")
    }
    return warn_of_hours(context, problems, now=storage.now())


@warning_check(asset="flagged_actor_summary")
def heartbeat_was_sent(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The heartbeat address, if there is one, took the call of each recent hour. The next hour calls it again."""
    store = storage.open(context.run.run_id)
    calls = {hour: store.read_json(HEARTBEATS, hour) or {} for hour in hours_in(context)}
    problems = {hour: f"sent no heartbeat: {call['problem']}" for hour, call in calls.items() if call.get("problem")}
    return warn_of_hours(context, problems, now=storage.now())


@warning_check(asset="flagged_actor_summary")
def findings_were_sent(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Every channel of the policy took the hour's findings. What it did not take is sent when the hour is run again."""
    store = storage.open(context.run.run_id)
    problems = {hour: problem for hour in hours_in(context) if (problem := unsent_reason(store, hour))}
    return warn_of_hours(context, problems, now=storage.now())


@warning_check(asset="flagged_actor_summary")
def findings_are_in_axiom(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The dataset of findings, if there is one, took the hour's. What it lacks is sent when the hour is run again."""
    store = storage.open(context.run.run_id)
    problems = {hour: problem for hour in hours_in(context) if (problem := not_ingested_reason(store, hour))}
    return warn_of_hours(context, problems, now=storage.now())
