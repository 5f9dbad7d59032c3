"""APL over the trailing days → what is usual for each actor that is active in the hour.

In: the dataset in Axiom, who is active (from the Parquet hour), the organisation's history, and people's verdicts on
tickets. Out: the hour's own activity, the baselines, the touched resource types, and how unusual the hour is for each
of its actors, as detection takes them. True afterwards: nothing in them lies in or after the hour, except the hour's
own activity and scores, and of every hour that was read Axiom held what had been pulled.
"""

import dagster as dg
import polars as pl

from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import hourly_asset, without_zeros
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.materialized_hours import acknowledged_events
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, RunInputsResource
from audit_assets.defs.steps.axiom_record import recorded_hours
from audit_assets.defs.steps.history_coverage import HOURS_IN_WINDOW, HOURS_PRESENT, count_hours_present
from audit_assets.defs.steps.hour_baselines import query_baselines
from audit_assets.defs.steps.people_elsewhere import ACCOUNTS_NOT_READ, describe_not_read
from audit_assets.detection.verdict_marks import count_marked_hours
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import BASELINES


@hourly_asset(table=BASELINES, kinds={"axiom", "polars"})
def actor_baselines(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """What is usual for each active actor and for the organisation, from the 30 days before the hour."""
    with raise_as_dagster_failure():
        inputs, hours = run_inputs.of_run(context.run.run_id), hours_in(context)
        acknowledged = acknowledged_events(context.instance)
        found = query_baselines(inputs, hours, axiom.with_tables(inputs.tables), acknowledged)
        if found.accounts_not_read:
            context.log.warning(describe_not_read(found.accounts_not_read))
        present = sorted({*acknowledged.hours} | recorded_hours(inputs.store))
        for hour in hours:
            hours_present = count_hours_present(present, hour)
            found.write(inputs.store, hour, hours_present)
            here = pl.col("hour") == hour
            metadata = {
                "active_actors": found.judged.filter(here).height,
                HOURS_PRESENT: hours_present,
                "hours_in_window": HOURS_IN_WINDOW,
                **without_zeros({ACCOUNTS_NOT_READ: [*found.accounts_not_read]}),
                **without_zeros(count_marked_hours(found.marked.filter(pl.col("hour") < hour))),
                "preview": dg.MetadataValue.md(markdown_table(found.usual.filter(here).drop("hour").head(10))),
            }
            context.add_asset_metadata(metadata, partition_key=key_of(hour))
