"""Linear → what people said of deviations by what they did to the tickets, and how often the tickets were right.

In: the tickets that the hours' `opened_tickets` name, asked for by id. Out: one table beside the hours, and the
precision of each month. True afterwards: every hour that is judged from then on, an old one that is run again too,
takes what was confirmed for no example of what is usual, and what was dismissed for usual. Of no hour, and started by
its own sensor: an hour waits for no verdict, and a backfill runs none of it.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import dagster as dg
import polars as pl
from dagster import DagsterEventType

from audit_assets.defs.assets.flagged_actors import FLAGGED
from audit_assets.defs.assets.opened_tickets import TICKETS, opened_tickets
from audit_assets.defs.assets.organisation_history import REACH
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.partitions import hour_of
from audit_assets.defs.resources import LinearResource, StorageResource
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.verdict_table import (
    ON_TICKET,
    PRECISION,
    TABLE,
    deviations_on_tickets,
    hash_verdicts,
    precision_by_month,
    stored_verdicts,
    update_verdicts,
)

STILL_ASKED = REACH
"""A ticket is asked for as long as its hours can be in what any hour is judged against; what was said of older ones
stays."""


@dataclass(frozen=True)
class Unread:
    """Hours whose tickets were not looked at yet; `until`: the newest event of Dagster's that tells of one."""

    hours: tuple[datetime, ...]
    until: int


@dataclass(frozen=True)
class Look:
    """What a look at the tickets found: TICKET_VERDICTS. `changed`: it is not what lies in the store."""

    table: pl.DataFrame
    changed: bool

    @property
    def digest(self) -> str:
        """Of what is said."""
        return hash_verdicts(self.table)


@dg.asset(deps=[opened_tickets], kinds={"linear", "polars"}, group_name="audit_log", code_version="1")
def ticket_verdicts(
    context: dg.AssetExecutionContext,
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """What people confirmed or dismissed in Linear, and the precision of each month's tickets."""
    with raise_as_dagster_failure():
        store = storage.open()
        unread = unread_hours(context.instance, store)
        found = look(store, linear, storage.now(), unread)
        months = precision_by_month(found.table)
        # The table comes last: with it nothing is left to do, and the sensor asks for no other run
        store.write_json(PRECISION, None, months)
        store.write(TABLE, None, found.table, {"read_until": unread.until})
        context.add_asset_metadata(_shown(found.table, months))
        for identifier in _named(found.table, "contradictory"):
            context.log.warning(
                f"{identifier} says both that it was an incident and that it was not, so nothing is learned from it: "
                "take one of the two back in Linear."
            )


def unread_hours(instance: dg.DagsterInstance, store: HourStore, read_until: int = 0) -> Unread:
    """The hours that put something on tickets since, as Dagster knows it. `read_until`: those up to this event brought
    nothing that the table lacks. Raises `StoreError`."""
    since = max(read_until, (store.evidence(TABLE, None) or {}).get("read_until", 0))
    events = instance.get_latest_storage_id_by_partition(opened_tickets.key, DagsterEventType.ASSET_MATERIALIZATION)
    newest = max(events.values(), default=0)
    if newest < since:  # another database than then: its events count from 1 again
        since = 0
    return Unread(tuple(sorted(hour_of(key) for key, event in events.items() if event > since)), newest)


def look(store: HourStore, linear: LinearResource, now: datetime, unread: Unread) -> Look:
    """What is said of all tickets, those of the unread hours too. Writes nothing.

    Raises `AuditAssetsError`: what could not be read is never taken for no verdict.
    """
    known = stored_verdicts(store.read(TABLE, None))
    found = pl.concat([ON_TICKET.to_frame(), *(_told(store, hour) for hour in unread.hours)])
    mentioned = pl.concat([frame.select("ticket_id", "hour") for frame in (known, found)])
    recent = mentioned.filter(pl.col("hour") >= now - STILL_ASKED)
    with closing(linear.client()) as client:
        said = client.ticket_verdicts(UUID(each) for each in recent["ticket_id"].unique())
    table = update_verdicts(known, found, said, now)
    return Look(table, changed=hash_verdicts(table) != hash_verdicts(known))


def _told(store: HourStore, hour: datetime) -> pl.DataFrame:
    """What stands on tickets of an hour: nothing, if it was taken out of the store."""
    tickets = store.read(TICKETS, hour)
    if tickets is None or tickets.is_empty() or (flagged := store.read(FLAGGED, hour)) is None:
        return ON_TICKET.to_frame()
    return deviations_on_tickets(tickets, flagged)


def _shown(table: pl.DataFrame, months: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    by_verdict = table.group_by("verdict").agg(pl.struct("actor_key", "hour").n_unique()).sort("verdict")
    rows = [{"month": month, **counts} for month, counts in reversed([*months.items()])]
    return {
        "tickets": table["ticket_id"].n_unique(),
        **{f"hours_{verdict}": hours for verdict, hours in by_verdict.iter_rows()},
        "precision": dg.MetadataValue.md(markdown_table(pl.DataFrame(rows))),
    }


def _named(table: pl.DataFrame, verdict: str) -> list[str]:
    """The tickets of that verdict, by their identifiers."""
    named = table.filter(pl.col("verdict") == verdict).select(pl.coalesce("identifier", "ticket_id")).to_series()
    return named.unique().sort().to_list()
