"""The last 24 hours on the page of the summary asset: what was flagged in them, and links to the open tickets."""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg
import polars as pl

from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.reports.last_day import load_last_day
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import ticket_link

LINKS = 50
"""So many tickets are linked; the others are counted. Dagster keeps what is shown in its database."""


def day_metadata(store: HourStore, newest: datetime) -> Mapping[str, dg.MarkdownMetadataValue]:
    """The metadata of the last hour of a run. `newest`: the newest hour with a summary. Raises `StoreError`."""
    day = load_last_day(store, newest)
    links = [ticket_link(*ticket) for ticket in day.open_tickets[:LINKS]]
    more = [f"and {len(day.open_tickets) - LINKS:,} more"] if len(day.open_tickets) > LINKS else []
    return {
        "last_24_hours": dg.MetadataValue.md(_describe_hours(day.hours)),
        "open_tickets": dg.MetadataValue.md(" · ".join([*links, *more]) or "none"),
    }


def _describe_hours(hours: pl.DataFrame) -> str:
    """A row for each hour that people may want to look at; the others together."""
    is_quiet = (pl.col("flagged") == 0).fill_null(value=False)
    quiet, others = hours.filter(is_quiet), hours.filter(~is_quiet)
    found = [] if others.is_empty() else [markdown_table(others)]
    if not quiet.is_empty():
        found.append(f"{pluralize(quiet.height, 'hour')} with nothing flagged, {quiet['entries'].sum():,} entries")
    return "\n\n".join(found)
