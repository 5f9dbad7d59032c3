"""The hour's entries, and what could not be understood of it → the Axiom dataset; a receipt.

In: the Parquet hour and its quarantine. Out: events in Axiom, and a receipt of what was sent. True afterwards: Axiom
has acknowledged every entry of the hour, and of every other member of the log its raw text with the reason; what was
there already was not sent again. Whether they can be *seen* there is proved by a check of its own, since Axiom shows
new rows only after a while.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby

import dagster as dg
import polars as pl

from audit_assets.axiom.events import events_from, quarantined_events, quarantined_ids
from audit_assets.defs.assets.raw_audit_entries import ENTRIES, QUARANTINE, raw_audit_entries
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.partitions import hourly_asset, hours_in, key_of
from audit_assets.defs.resources import AxiomResource, CloudflareResource, StorageResource
from audit_assets.storage.hour_store import ROWS_AT_ONCE, HourStore

ROW_COUNT = "dagster/partition_row_count"
"""Dagster's own name for it, which its pages plot."""


@hourly_asset(deps=[raw_audit_entries], kinds={"axiom"})
def axiom_ingest(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    cloudflare: dg.ResourceParam[CloudflareResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """The hour's entries as events in Axiom: the durable, queryable record. Sends only what Axiom lacks."""
    with raise_as_dagster_failure():
        store, account_id = storage.open(), cloudflare.account_id()
        with closing(axiom.client()) as client:
            for _, day in groupby(hours_in(context), key=lambda hour: hour.date()):
                hours = list(day)
                for events in _portions(_events(store, hours, account_id)):
                    receipt = client.ingest(events)
                    sent = f"{receipt.sent:,} events sent in {receipt.batches} batches"
                    context.log.info(f"{sent}, {receipt.already_there:,} were there")
                entries, quarantined = store.counts(ENTRIES, hours), store.counts(QUARANTINE, hours)
                for hour in hours:
                    context.add_asset_metadata(
                        {
                            ROW_COUNT: entries[hour] + quarantined[hour],
                            "quarantined": quarantined[hour],
                            "dataset": axiom.dataset(),
                        },
                        partition_key=key_of(hour),
                    )


def expected_in_axiom(store: HourStore, hours: Sequence[datetime], account_id: str) -> pl.DataFrame:
    """What Axiom must hold of these hours once they are ingested: entry_id and time, a row for each event."""
    entries = [store.require(ENTRIES, hour, ["entry_id", "time"]) for hour in hours]
    quarantined = [quarantined_ids(store.require(QUARANTINE, hour), account_id) for hour in hours]
    return pl.concat([*entries, *quarantined])


def _events(store: HourStore, hours: Iterable[datetime], account_id: str) -> Iterator[pl.DataFrame]:
    """The events of the hours, oldest hour first, a large one by parts."""
    for hour in hours:
        for entries in store.parts(ENTRIES, hour):
            yield events_from(entries)
        for quarantined in store.parts(QUARANTINE, hour):
            yield quarantined_events(quarantined, account_id)


def _portions(parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Small parts together, to be sent at once."""
    portion: list[pl.DataFrame] = []
    for part in parts:
        portion.append(part)
        if sum(events.height for events in portion) >= ROWS_AT_ONCE:
            yield pl.concat(portion)
            portion = []
    if portion:
        yield pl.concat(portion)
