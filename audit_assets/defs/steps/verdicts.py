"""People's verdicts on our tickets: the stored table of them, and a look at Linear that brings it up to date."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl

from audit_assets.defs.resources import LinearResource
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY
from audit_assets.detection.schemas import MEMORY
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import FLAGGED, TICKETS, VERDICTS
from audit_assets.tickets.verdict_table import (
    ON_TICKET,
    decided_verdicts,
    deviations_on_tickets,
    hash_verdicts,
    stored_verdicts,
    update_verdicts,
)

STILL_READ = ACTIVITY_HISTORY + MEMORY
"""A ticket is read as long as its hours can be in what any hour is judged against; verdicts on older ones stay."""


@dataclass(frozen=True)
class UnreadHours:
    """Hours whose tickets were not looked at yet; `until`: the newest event of Dagster's that is about one."""

    hours: tuple[datetime, ...]
    until: int


@dataclass(frozen=True)
class VerdictUpdate:
    """TICKET_VERDICTS after a look at the tickets. `new_hash`: that of the verdicts, unless it is stored."""

    table: pl.DataFrame
    new_hash: str | None


def read_verdicts(store: HourStore) -> pl.DataFrame:
    """What people confirmed and dismissed: VERDICTS of detection. Raises `StoreError` if the table can't be read."""
    return decided_verdicts(store.read(VERDICTS, None))


def fetch_verdicts(store: HourStore, linear: LinearResource, now: datetime, unread: UnreadHours) -> VerdictUpdate:
    """The verdicts on all tickets, those of the unread hours too. Writes nothing.

    Raises `AuditAssetsError`: what could not be read is never taken for no verdict.
    """
    known = stored_verdicts(store.read(VERDICTS, None))
    found = _find_deviations(store, unread.hours)
    mentioned = pl.concat([frame.select("ticket_id", "hour") for frame in (known, found)])
    recent = mentioned.filter(pl.col("hour") >= now - STILL_READ)
    with closing(linear.client()) as client:
        verdicts = client.ticket_verdicts(UUID(each) for each in recent["ticket_id"].unique())
    table = update_verdicts(known, found, verdicts, now)
    found_hash = hash_verdicts(table)
    return VerdictUpdate(table, found_hash if found_hash != hash_verdicts(known) else None)


def _find_deviations(store: HourStore, hours: Iterable[datetime]) -> pl.DataFrame:
    """What is on tickets of these hours (ON_TICKET): nothing of an hour that was taken out of the store."""
    found = [ON_TICKET.to_frame()]
    for hour in hours:
        tickets, flagged = store.read(TICKETS, hour), store.read(FLAGGED, hour)
        if tickets is not None and flagged is not None and not tickets.is_empty():
            found.append(deviations_on_tickets(tickets, flagged))
    return pl.concat(found)
