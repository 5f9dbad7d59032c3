"""What people said of deviations, as it is kept: one table beside the hours, which outlives the tickets.

Pure functions on frames, but for reading the table. What a ticket says is linear/verdict_reader.py's, what follows from it
for later hours detection/verdict_marks.py's.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import polars as pl
from pydantic import Field
from typing_extensions import TypedDict

from audit_assets.detection.schemas import HOUR, ORGANISATION
from audit_assets.detection.verdict_marks import CONFIRMED, DISMISSED, VERDICTS
from audit_assets.linear.verdict_reader import TicketVerdict
from audit_assets.storage.hour_store import HourStore

TABLE = "ticket_verdicts"
PRECISION = "ticket_precision"

ON_TICKET = pl.Schema(
    {
        "ticket_id": pl.String,
        "identifier": pl.String,
        **{name: VERDICTS[name] for name in VERDICTS if name != "verdict"},
    }
)
"""A row for each deviation that a ticket tells of."""

TICKET_VERDICTS = pl.Schema({**ON_TICKET, "verdict": pl.String, "seen_at": HOUR})
"""`verdict`: `confirmed` or `dismissed`; `open`: none yet; else there is none: `completed` (closed, and neither was
said, or Linear closed it by itself), `contradictory` (both were said), `unreadable` (Linear never showed the ticket).
`seen_at`: when that was seen first."""

KEY = ["ticket_id", "actor_key", "hour", "kind", "resource_type"]

TOLD = ("opened", "joined", "reopened", "seen")
"""The outcomes of hours that stand on their actor's own ticket. A verdict on the one ticket of many that were too many
is none on any of them, and nobody has looked at what was silenced as dismissed."""


class Precision(TypedDict):
    """What became of the tickets that were opened for the hours of a month."""

    opened: int
    confirmed: Annotated[int, Field(description="completed, with the label confirmed-incident")]
    dismissed: Annotated[int, Field(description="canceled, duplicate, in the trash or labelled false-positive")]
    completed: Annotated[int, Field(description="closed without a verdict, by people or by Linear, or with both")]
    still_open: int
    unreadable: Annotated[int, Field(description="tickets that Linear has not shown since")]
    precision: Annotated[float | None, Field(description="confirmed / (confirmed + dismissed)")]


def verdicts_in(store: HourStore) -> pl.DataFrame:
    """What people confirmed and dismissed: VERDICTS. Raises `StoreError` if the table can't be read."""
    return said_in(store).filter(pl.col("verdict").is_in([CONFIRMED, DISMISSED])).select(VERDICTS.names()).unique()


def said_in(store: HourStore) -> pl.DataFrame:
    """TICKET_VERDICTS as they lie in the store: none if nobody has looked yet. Raises `StoreError`."""
    table = store.read(TABLE, None)
    return TICKET_VERDICTS.to_frame() if table is None else table


def on_tickets(tickets: pl.DataFrame, flagged: pl.DataFrame) -> pl.DataFrame:
    """Which deviations of an hour (FLAGGED_ACTORS) stand on which ticket (OPENED_TICKETS): ON_TICKET.

    What many did at once stands on the organisation's ticket, and a verdict on it is one on each of them.
    """
    disposition = {"ticket": pl.col("actor_key"), "organisation": pl.lit(ORGANISATION)}
    of_ticket = pl.coalesce(pl.when(pl.col("disposition") == name).then(key) for name, key in disposition.items())
    told = tickets.filter(pl.col("outcome").is_in(TOLD)).select("ticket_id", "identifier", told_of="actor_key")
    deviations = flagged.filter(pl.col("actor_key") != ORGANISATION).with_columns(told_of=of_ticket)
    return deviations.join(told, on="told_of").select(ON_TICKET.names()).cast(ON_TICKET)


def as_said(known: pl.DataFrame, told: pl.DataFrame, said: Mapping[UUID, TicketVerdict], now: datetime) -> pl.DataFrame:
    """TICKET_VERDICTS after another look: `known` is the table so far, `told` (ON_TICKET) what was found on tickets
    since, `said` what Linear shows of them.

    A ticket that Linear does not show keeps its last verdict: it was deleted, or the key can't see it now. A label on
    an open ticket speaks of the hours that stood there when it came: our own reopening takes no verdict back, and no
    later hour of the actor gets one that nobody gave.
    """
    news = told.unique(KEY).join(known, on=KEY, how="anti", nulls_equal=True)
    ids = [str(ticket) for ticket in said]
    shown = pl.DataFrame(
        {"ticket_id": ids, "says": [one.says for one in said.values()], "open": [one.open for one in said.values()]},
        schema={"ticket_id": pl.String, "says": pl.String, "open": pl.Boolean},
    )
    return (
        pl.concat([known, news], how="diagonal")
        .join(shown, on="ticket_id", how="left")
        .with_columns(now_said=_now_said())
        .with_columns(
            seen_at=pl.when(pl.col("now_said").eq_missing(pl.col("verdict")))
            .then("seen_at")
            .otherwise(pl.lit(now, HOUR)),
            verdict="now_said",
        )
        .select(TICKET_VERDICTS.names())
        .cast(TICKET_VERDICTS)
        .sort("hour", *KEY)
    )


def _now_said() -> pl.Expr:
    before = pl.col("verdict").fill_null("")
    was_dismissed = (before == DISMISSED).any().over("ticket_id")
    keeps = (before == pl.col("says")) | ((pl.col("says") == DISMISSED) & ~was_dismissed)
    return (
        pl.when(pl.col("open").is_null())
        .then(pl.coalesce("verdict", pl.lit("unreadable")))
        .when(~pl.col("open"))
        .then(pl.coalesce("says", pl.lit("completed")))
        .when((pl.col("says") == "contradictory") | keeps)
        .then("says")
        .otherwise(pl.lit("open"))
    )


def digest_of(table: pl.DataFrame) -> str:
    """Equal for two TICKET_VERDICTS that say the same."""
    rows = table.select(*KEY, "verdict").sort(pl.all()).rows()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def precision_of(table: pl.DataFrame) -> dict[str, Precision]:
    """Per month (UTC) of the hour that opened a ticket, what became of the tickets; the oldest month first. What counts
    of a ticket is the verdict on that hour."""
    opening = table.sort("hour", *KEY).unique("ticket_id", keep="first", maintain_order=True)
    by_month = opening.group_by(month=pl.col("hour").dt.strftime("%Y-%m")).agg("verdict").sort("month")
    return {month: _precision(verdicts) for month, verdicts in by_month.iter_rows()}


def _precision(verdicts: list[str]) -> Precision:
    confirmed, dismissed = verdicts.count(CONFIRMED), verdicts.count(DISMISSED)
    decided = confirmed + dismissed
    return {
        "opened": len(verdicts),
        "confirmed": confirmed,
        "dismissed": dismissed,
        "completed": verdicts.count("completed") + verdicts.count("contradictory"),
        "still_open": verdicts.count("open"),
        "unreadable": verdicts.count("unreadable"),
        "precision": confirmed / decided if decided else None,
    }
