"""The last 24 hours that were judged, for the page of the summary asset: what each brought, and which tickets are open.

Dagster's page shows one hour, the one that was materialised last: an hour of months ago after a backfill. This is of
the newest hours, whichever was materialised.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl

from audit_assets.reports.stored_summaries import load_hours
from audit_assets.reports.summary import HourSummary
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, hours_between, key_of
from audit_assets.storage.tables import VERDICTS
from audit_assets.tickets.verdict_table import stored_verdicts

HAS_TICKETS = ("identifier", "url")


class OpenTicket(NamedTuple):
    """A ticket as Linear gave it."""

    identifier: str
    url: str | None


class LastDay(NamedTuple):
    """`hours`: a row for each of the 24 hours, the newest first. `open_tickets`: those that were open when they were
    last looked at, the newest first."""

    hours: pl.DataFrame
    open_tickets: list[OpenTicket]


def load_last_day(store: HourStore, newest: datetime) -> LastDay:
    """The 24 hours up to the newest one that has a summary. Raises `StoreError`."""
    summaries = load_hours(store, reversed(hours_between(newest - A_DAY + AN_HOUR, newest)))
    rows = [_row(hour, summary) for hour, summary in summaries.items()]
    verdicts = stored_verdicts(store.read(VERDICTS, None))
    return LastDay(pl.DataFrame(rows), _open_tickets(filter(None, summaries.values()), verdicts))


def _row(hour: datetime, summary: HourSummary | None) -> Mapping[str, Any]:
    if summary is None:
        return {"hour": key_of(hour), "entries": None, "flagged": None, "tickets": "not judged"}
    tickets = {ticket["identifier"] for actor in summary["flagged"] if (ticket := actor["ticket"])["identifier"]}
    return {
        "hour": key_of(hour),
        "entries": summary["entries"]["pulled"],
        "flagged": len(summary["flagged"]),
        "tickets": ", ".join(sorted(tickets)) or "none",
    }


def _open_tickets(summaries: Iterable[HourSummary], verdicts: pl.DataFrame) -> list[OpenTicket]:
    """Those of the hours, and older ones of which no verdict is known yet. What the verdicts know is newer."""
    tickets = [actor["ticket"] for summary in summaries for actor in summary["flagged"]]
    of_hours = {each["identifier"]: each["url"] for each in tickets if each["identifier"] and not each["closed"]}
    known = verdicts.sort("hour", descending=True).drop_nulls("identifier")
    before = dict(known.filter(pl.col("verdict") == "open").select(*HAS_TICKETS).iter_rows())
    closed = {*known.filter(pl.col("verdict").is_in(["open", "unreadable"]).not_())["identifier"]} - before.keys()
    return [OpenTicket(name, url) for name, url in {**of_hours, **before}.items() if name not in closed]
