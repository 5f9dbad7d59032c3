"""People's verdicts on deviations, in one table beside the hours, which outlives the tickets.

Pure functions on frames. What a ticket's verdict is, is read by `linear/verdict_reader.py`; what follows from it for
later hours is in `detection/verdict_marks.py`.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import polars as pl

from audit_assets.detection.schemas import HOUR, ORGANISATION
from audit_assets.detection.verdict_marks import CONFIRMED, DISMISSED, VERDICTS
from audit_assets.linear.verdict_reader import TicketVerdict
from audit_assets.reports.summary import Precision

TABLE = "ticket_verdicts"
PRECISION = "ticket_precision"

ON_TICKET = pl.Schema(
    {
        "ticket_id": pl.String,
        "identifier": pl.String,
        **{name: VERDICTS[name] for name in VERDICTS if name != "verdict"},
    }
)
"""A row for each deviation that is on a ticket."""

TICKET_VERDICTS = pl.Schema({**ON_TICKET, "verdict": pl.String, "seen_at": HOUR})
"""`verdict`: `confirmed` or `dismissed`; `open`: none yet; `completed`: closed without a verdict, or by Linear itself;
`contradictory`: people gave both; `unreadable`: Linear never showed the ticket. `seen_at`: when it was first read."""

KEY = ["ticket_id", "actor_key", "hour", "kind", "resource_type"]

ON_OWN_TICKET = ("opened", "joined", "reopened", "already_on_ticket", "seen")
"""The outcomes of hours that are on their actor's own ticket (`seen`: in older tables, `already_on_ticket`). A verdict
on the one ticket of many is none on any of them, and nobody has looked at what was dismissed without a ticket."""


def stored_verdicts(stored: pl.DataFrame | None) -> pl.DataFrame:
    """TICKET_VERDICTS as stored under TABLE: empty if nobody has looked yet."""
    return TICKET_VERDICTS.to_frame() if stored is None else stored


def decided_verdicts(stored: pl.DataFrame | None) -> pl.DataFrame:
    """What people confirmed and dismissed: VERDICTS, from what is stored under TABLE."""
    decided = stored_verdicts(stored).filter(pl.col("verdict").is_in([CONFIRMED, DISMISSED]))
    return decided.select(VERDICTS.names()).unique()


def deviations_on_tickets(tickets: pl.DataFrame, flagged: pl.DataFrame) -> pl.DataFrame:
    """Which deviations of an hour (FLAGGED_ACTORS) are on which ticket (OPENED_TICKETS): ON_TICKET.

    What many did at once is on the organisation's ticket, and a verdict on it is one on each of them.
    """
    owner = {"ticket": pl.col("actor_key"), "organisation": pl.lit(ORGANISATION)}
    owner_of_ticket = pl.coalesce(pl.when(pl.col("disposition") == name).then(key) for name, key in owner.items())
    own = tickets.filter(pl.col("outcome").is_in(ON_OWN_TICKET)).select("ticket_id", "identifier", owner="actor_key")
    deviations = flagged.filter(pl.col("actor_key") != ORGANISATION).with_columns(owner=owner_of_ticket)
    return deviations.join(own, on="owner").select(ON_TICKET.names()).cast(ON_TICKET)


def update_verdicts(
    known: pl.DataFrame, found: pl.DataFrame, verdicts: Mapping[UUID, TicketVerdict], now: datetime
) -> pl.DataFrame:
    """TICKET_VERDICTS after another look: `known` is the table so far, `found` (ON_TICKET) what is on tickets since,
    `verdicts` what Linear shows of them.

    A ticket that Linear does not show keeps its last verdict: it was deleted, or the key can't see it now. A label on
    an open ticket is about the hours that were on it at that time: our own reopening takes no verdict back, and no
    later hour of the actor gets one that nobody gave.
    """
    new = found.unique(KEY).join(known, on=KEY, how="anti", nulls_equal=True)
    shown = pl.DataFrame(
        {
            "ticket_id": [str(ticket) for ticket in verdicts],
            "given": [each.says for each in verdicts.values()],
            "open": [each.open for each in verdicts.values()],
        },
        schema={"ticket_id": pl.String, "given": pl.String, "open": pl.Boolean},
    )
    return (
        pl.concat([known, new], how="diagonal")
        .join(shown, on="ticket_id", how="left")
        .with_columns(current=_current_verdict())
        .with_columns(
            seen_at=pl.when(pl.col("current").eq_missing(pl.col("verdict")))
            .then("seen_at")
            .otherwise(pl.lit(now, HOUR)),
            verdict="current",
        )
        .select(TICKET_VERDICTS.names())
        .cast(TICKET_VERDICTS)
        .sort("hour", *KEY)
    )


def _current_verdict() -> pl.Expr:
    before = pl.col("verdict").fill_null("")
    was_dismissed = (before == DISMISSED).any().over("ticket_id")
    keeps = (before == pl.col("given")) | ((pl.col("given") == DISMISSED) & ~was_dismissed)
    return (
        pl.when(pl.col("open").is_null())
        .then(pl.coalesce("verdict", pl.lit("unreadable")))
        .when(~pl.col("open"))
        .then(pl.coalesce("given", pl.lit("completed")))
        .when((pl.col("given") == "contradictory") | keeps)
        .then("given")
        .otherwise(pl.lit("open"))
    )


def hash_verdicts(table: pl.DataFrame) -> str:
    """Equal for two TICKET_VERDICTS with the same verdicts."""
    rows = table.select(*KEY, "verdict").sort(pl.all()).rows()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def precision_by_month(table: pl.DataFrame) -> dict[str, Precision]:
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
