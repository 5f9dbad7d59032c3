"""Whether the summary of an hour reached whoever subscribed to it."""

import dagster as dg

from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.checks.check_results import warn_of_hours, warning_check
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import StorageResource
from audit_assets.storage.tables import DELIVERIES


@warning_check(asset=flagged_actor_summary)
def summary_was_delivered(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The team's webhook, if it has one, accepted the hour's summary. It is sent again when the hour is run again."""
    store = storage.open()
    deliveries = {hour: store.read_json(DELIVERIES, hour) or {} for hour in hours_in(context)}
    problems = {
        hour: f"was not delivered: {delivery['problem']}"
        for hour, delivery in deliveries.items()
        if delivery.get("problem")
    }
    return warn_of_hours(context, problems, now=storage.now())
