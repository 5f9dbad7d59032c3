"""The hour's entries, and what could not be understood of it → the Axiom dataset.

In: the Parquet hour and its quarantine. Out: events in Axiom, and the hour's aggregate beside them. True afterwards:
Axiom has acknowledged every entry of the hour, and of every other member of the log its raw text with the reason, and
after them the aggregate of both; what was there already was not sent again. Whether entries can be *seen* there is
proved by a check of its own, since Axiom shows new rows only after a while.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from itertools import groupby
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.axiom.aggregates import digest_of_hour, pack_hour
from audit_assets.axiom.hour_facts import facts_of_events, join_facts
from audit_assets.defs.account_keys import HISTORY, name_of
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import hourly_asset
from audit_assets.defs.materialized_hours import AGGREGATE, load_progress
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, RunInputsResource
from audit_assets.defs.steps.axiom_events import events_of_hours
from audit_assets.defs.steps.dataset_account import refuse_foreign_dataset
from audit_assets.storage.first_start import FILLED_AT_FIRST, first_hour
from audit_assets.storage.hour_store import open_store
from audit_assets.storage.hours import day_of, hours_between, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import AXIOM_DATASET, ENTRIES, QUARANTINE


@hourly_asset(table=AXIOM_DATASET, kinds={"axiom"})
def axiom_ingest(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """The hour's entries as events in Axiom: the durable, queryable record. Sends only what is missing there. A run of
    the job `history` records how much of the history is there, and how long the rest takes."""
    with raise_as_dagster_failure():
        inputs = run_inputs.of_run(context.run.run_id)
        with closing(axiom.with_tables(inputs.tables).client()) as client:
            refuse_foreign_dataset(inputs, client, axiom)
            for _, day in groupby(hours_in(context), key=day_of):
                hours = list(day)
                # Counted before: what another run pulls meanwhile is not acknowledged
                entries, quarantined = (inputs.store.counts(table, hours) for table in (ENTRIES, QUARANTINE))
                parts = []
                for events in events_of_hours(inputs, hours):
                    receipt = client.ingest(events)
                    parts.append(facts_of_events(events))
                    sent = f"{receipt.sent:,} events sent in {receipt.batches} batches"
                    context.log.info(f"{sent}, {receipt.already_there:,} were there")
                facts = join_facts(parts)
                aggregates = {hour: pack_hour(facts.filter(pl.col("hour") == hour), hour) for hour in hours}
                client.aggregates.ingest(pl.concat(aggregates.values()))
                progress = _progress(context, axiom.clock.now())
                for hour in hours:
                    metadata = {
                        **progress,
                        "dagster/partition_row_count": entries[hour] + quarantined[hour],
                        "quarantined": quarantined[hour],
                        "dataset": axiom.dataset(),
                        AGGREGATE: digest_of_hour(aggregates[hour]),
                    }
                    context.add_asset_metadata(metadata, partition_key=key_of(hour))


def _progress(context: dg.AssetExecutionContext, now: datetime) -> Mapping[str, Any]:
    """Of the runs before this one, if it is one that only loads history."""
    if context.run.job_name != name_of(HISTORY):
        return {}
    newest = newest_settled_hour(now)
    hours = hours_between(max(first_hour(open_store(context.run.run_id)), newest - FILLED_AT_FIRST), newest)
    return load_progress(context.instance, hours, now)
