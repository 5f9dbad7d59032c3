"""Linear → people's verdicts on deviations, by what they did to the tickets, and how often the tickets were right.

In: the tickets that the hours' `opened_tickets` name, read by their ids. Out: one table beside the hours, and the
precision of each month. True afterwards: every hour that is judged from then on, an old one that is run again too,
takes what was confirmed for no example of what is usual, and what was dismissed for usual. It has no hours and its own
sensor: an hour waits for no verdict, and a backfill runs none of it.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import asset_of_no_hour
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.materialized_hours import find_unread_hours
from audit_assets.defs.resources import LinearResource, StorageResource
from audit_assets.defs.steps.verdicts import fetch_verdicts
from audit_assets.storage.tables import PRECISION, VERDICTS
from audit_assets.tickets.verdict_table import precision_by_month


@asset_of_no_hour(table=VERDICTS, kinds={"linear", "polars"})
def ticket_verdicts(
    context: dg.AssetExecutionContext,
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """What people confirmed or dismissed in Linear, and the precision of each month's tickets."""
    with raise_as_dagster_failure():
        store = storage.open(context.run.run_id)
        unread = find_unread_hours(context.instance, store)
        table = fetch_verdicts(store, linear, storage.now(), unread).table
        months = precision_by_month(table)
        # The table comes last: with it nothing is left to do, and the sensor requests no other run
        store.write_json(PRECISION, None, months)
        store.write(VERDICTS, None, table, {"read_until": unread.until})
        context.add_asset_metadata(_metadata(table, months))
        contradictory = table.filter(pl.col("verdict") == "contradictory")
        for ticket in contradictory.select(pl.coalesce("identifier", "ticket_id")).to_series().unique().sort():
            context.log.warning(
                f"{ticket} was marked both as an incident and as none, so nothing is learned from it: take one of the "
                "two back in Linear."
            )


def _metadata(table: pl.DataFrame, months: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    by_verdict = table.group_by("verdict").agg(pl.struct("actor_key", "hour").n_unique()).sort("verdict")
    rows = [{"month": month, **counts} for month, counts in reversed([*months.items()])]
    return {
        "tickets": table["ticket_id"].n_unique(),
        **{f"hours_{verdict}": hours for verdict, hours in by_verdict.iter_rows()},
        "precision": dg.MetadataValue.md(markdown_table(pl.DataFrame(rows))),
    }
