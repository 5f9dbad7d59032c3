"""The hour's entries → the Axiom dataset; a receipt.

In: the Parquet hour. Out: events in Axiom, and a receipt of what was sent. True afterwards: Axiom has acknowledged
every entry of the hour; entries that were there already were not sent again. Whether they can be *seen* there is
proved by a check of its own, since Axiom shows new rows only after a while.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import chain, groupby

import dagster as dg
import polars as pl

from audit_assets.assets.raw_audit_entries import ENTRIES, raw_audit_entries
from audit_assets.axiom.events import events_from
from audit_assets.failures import told_as_failures
from audit_assets.hour_store import ROWS_AT_ONCE, HourStore
from audit_assets.partitions import hourly_asset, hours_in, key_of
from audit_assets.resources import AxiomResource, StorageResource


@hourly_asset(deps=[raw_audit_entries], kinds={"axiom"})
def axiom_ingest(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """The hour's entries as events in Axiom: the durable, queryable record. Sends only what Axiom lacks."""
    with told_as_failures():
        store = storage.open()
        with closing(axiom.client()) as client:
            for _, day in groupby(hours_in(context), key=lambda hour: hour.date()):
                hours = list(day)
                for entries in _portions(store, hours):
                    receipt = client.ingest(events_from(entries))
                    sent = f"{receipt.sent:,} events sent in {receipt.batches} batches"
                    context.log.info(f"{sent}, {receipt.already_there:,} were there")
                for hour, count in store.counts(ENTRIES, hours).items():
                    context.add_asset_metadata(
                        {"dagster/partition_row_count": count, "dataset": axiom.dataset()}, partition_key=key_of(hour)
                    )


def _portions(store: HourStore, hours: Iterable[datetime]) -> Iterator[pl.DataFrame]:
    """The hours' entries, oldest first: small hours together, a large one by parts."""
    portion: list[pl.DataFrame] = []
    for part in chain.from_iterable(store.parts(ENTRIES, hour) for hour in hours):
        portion.append(part)
        if sum(entries.height for entries in portion) >= ROWS_AT_ONCE:
            yield pl.concat(portion)
            portion = []
    if portion:
        yield pl.concat(portion)
