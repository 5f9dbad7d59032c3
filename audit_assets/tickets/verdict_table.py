"""People's verdicts on deviations, in one table beside the hours, which outlives the tickets.

Pure functions on frames. What a ticket's verdict is, is read by `linear/verdict_reader.py`; what follows from it for
later hours is in `detection/verdict_marks.py`.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import polars as pl
from pydantic import Field
from typing_extensions import TypedDict

from audit_assets.detection.schemas import CREDENTIALS, FLAG, HOUR, MEMORY, ORGANISATION, VOLUME
from audit_assets.detection.severity import severity_of_rank, severity_rank
from audit_assets.detection.verdict_marks import CONFIRMED, DISMISSED, DISMISSED_TYPE_KNOWN, VERDICTS
from audit_assets.detection.volume import ACTIVE_HOURS
from audit_assets.linear.issues import TicketVerdict

TABLE = "ticket_verdicts"
PRECISION = "ticket_precision"

ON_TICKET = pl.Schema(
    {
        "ticket_id": pl.String,
        "identifier": pl.String,
        **{name: VERDICTS[name] for name in VERDICTS if name != "verdict"},
        "severity": pl.String,
        "url": pl.String,
    }
)
"""A row for each deviation that is on a ticket, with the ticket's severity and address. Of a horizon that counts active
hours `changes` is null. On the organisation's ticket
`changes_by_type` are those to the types that it is about."""

TICKET_VERDICTS = pl.Schema({**ON_TICKET, "verdict": pl.String, "seen_at": HOUR})
"""`verdict`: `confirmed` or `dismissed`; `open`: none yet; `completed`: closed without a verdict, or by Linear itself;
`contradictory`: people gave both; `unreadable`: Linear never showed the ticket. `seen_at`: when it was first read."""

ADDED = pl.Schema({name: FLAG[name] for name in ("changes_by_type", "horizon")})
"""What flags that were stored by earlier versions lack."""

PAST_DISMISSAL = pl.Schema(
    {
        "dismissed_on": HOUR,
        "dismissed_ticket": pl.String,
        "dismissed_url": pl.String,
        "dismissed_changes": pl.Int64,
        "dismissed_type": pl.String,
        "dismissed_severity": pl.String,
    }
)
"""What people had dismissed of an actor when a deviation of the same kind goes beyond it: when that was first read, on
which ticket, how many changes to which resource type (of a burst the one that most went to), as how severe."""

KEY = ["ticket_id", "actor_key", "hour", "kind", "resource_type"]

ON_OWN_TICKET = ("opened", "joined", "reopened", "already_on_ticket", "seen")
"""The outcomes of hours that are on their actor's own ticket (`seen`: in older tables, `already_on_ticket`). A verdict
on the one ticket of many is none on any of them, and nobody has looked at what was dismissed without a ticket."""


class Precision(TypedDict):
    """What became of the tickets that were opened for the hours of a month."""

    opened: int
    confirmed: Annotated[int, Field(description="completed, with the label confirmed-incident")]
    dismissed: Annotated[int, Field(description="canceled, duplicate, in the trash or labelled false-positive")]
    completed: Annotated[int, Field(description="closed without a verdict, by people or by Linear, or with both")]
    still_open: int
    unreadable: Annotated[int, Field(description="never shown by Linear since")]
    precision: Annotated[float | None, Field(description="confirmed / (confirmed + dismissed)")]


def stored_verdicts(stored: pl.DataFrame | None) -> pl.DataFrame:
    """TICKET_VERDICTS as stored under TABLE: empty if nobody has looked yet. What tables of earlier versions lack is
    null: how many changes, to what, how severe, and the address."""
    empty = TICKET_VERDICTS.to_frame()
    return empty if stored is None else pl.concat([empty, stored], how="diagonal")


def decided_verdicts(stored: pl.DataFrame | None) -> pl.DataFrame:
    """What people confirmed and dismissed: VERDICTS, from what is stored under TABLE."""
    decided = stored_verdicts(stored).filter(pl.col("verdict").is_in([CONFIRMED, DISMISSED]))
    return decided.select(VERDICTS.names())


def deviations_on_tickets(tickets: pl.DataFrame, flagged: pl.DataFrame) -> pl.DataFrame:
    """Which deviations of an hour (FLAGGED_ACTORS) are on which ticket (OPENED_TICKETS): ON_TICKET.

    What many did at once is on the organisation's ticket, and a verdict on it is one on each of them, about the
    resource types that they have in common. One on what an owner's credentials did together is one on each of these.
    """
    flagged = pl.concat([ADDED.to_frame(), flagged], how="diagonal").with_columns(
        changes=pl.when(pl.col("horizon").ne_missing(ACTIVE_HOURS.name)).then("changes")
    )
    owner = {"ticket": pl.col("actor_key"), "organisation": pl.lit(ORGANISATION)}
    owner_of_ticket = pl.coalesce(pl.when(pl.col("disposition") == name).then(key) for name, key in owner.items())
    own = tickets.filter(pl.col("outcome").is_in(ON_OWN_TICKET))
    own = own.select("ticket_id", "identifier", "url", owner="actor_key")
    alerting = flagged.filter(pl.col("disposition") == "ticket").group_by(owner="actor_key")
    severities = alerting.agg(severity=severity_of_rank(severity_rank(pl.col("severity")).max()))
    of_actors = _with_common_types(flagged).drop("severity").filter(pl.col("actor_key") != ORGANISATION)
    on_tickets = (
        of_actors.with_columns(owner=owner_of_ticket).join(own, on="owner").join(severities, on="owner", how="left")
    )
    of_members = on_tickets.filter(pl.col("kind") == CREDENTIALS).with_columns(actor_key="members").explode("actor_key")
    on_tickets = pl.concat([on_tickets.filter(pl.col("kind") != CREDENTIALS), of_members])
    return on_tickets.select(ON_TICKET.names()).cast(ON_TICKET)


def add_past_dismissals(flagged: pl.DataFrame, stored: pl.DataFrame | None) -> pl.DataFrame:
    """FLAG rows with PAST_DISMISSAL: the largest that people dismissed (as stored under TABLE) of the same actor and
    kind before, for as long as it would have been usual. Of bursts those to the same resource type go first, of new
    types there are no others."""
    own_type, main_type = pl.col("resource_type"), pl.col("changes_by_type").list.first().struct.field("resource_type")
    is_dismissed = pl.col("verdict") == DISMISSED
    dismissed = (
        stored_verdicts(stored)
        .filter(is_dismissed)
        .select(
            "actor_key",
            "kind",
            dismissed_hour="hour",
            dismissed_on="seen_at",
            dismissed_ticket="identifier",
            dismissed_url="url",
            dismissed_changes="changes",
            dismissed_type=pl.coalesce(own_type, main_type),
            dismissed_severity="severity",
        )
    )
    rows, since = flagged.with_row_index(), pl.col("hour") - pl.col("dismissed_hour")
    is_volume, is_of_type = pl.col("kind") == VOLUME, pl.coalesce(own_type, main_type) == pl.col("dismissed_type")
    within = pl.when(is_volume).then(pl.lit(MEMORY)).otherwise(pl.lit(DISMISSED_TYPE_KNOWN))
    largest = (
        rows.join(dismissed, on=["actor_key", "kind"])
        .filter(since > timedelta(0), since <= within, is_volume | is_of_type)
        .sort(
            is_of_type.fill_null(value=False), "dismissed_changes", "dismissed_hour", descending=True, nulls_last=True
        )
        .unique("index", keep="first", maintain_order=True)
        .select("index", *PAST_DISMISSAL.names())
    )
    return rows.join(largest, on="index", how="left", maintain_order="left").drop("index")


def _with_common_types(flagged: pl.DataFrame) -> pl.DataFrame:
    """The deviations, of which a burst on the organisation's ticket has the changes to that ticket's types alone."""
    common = (
        flagged.filter(pl.col("kind") == ORGANISATION).explode("members").select("resource_type", actor_key="members")
    )
    rows, is_shared = flagged.with_row_index(), (pl.col("disposition") == "organisation") & (pl.col("kind") == VOLUME)
    of_common_types = (
        rows.filter(is_shared)
        .select("index", "actor_key", by_type="changes_by_type")
        .explode("by_type")
        .unnest("by_type")
        .join(common, on=["actor_key", "resource_type"], how="semi", maintain_order="left")
        .group_by("index")
        .agg(common=pl.struct("resource_type", "changes"), common_changes=pl.col("changes").sum())
    )
    return rows.join(of_common_types, on="index", how="left", maintain_order="left").with_columns(
        changes=pl.coalesce("common_changes", "changes"),
        changes_by_type=pl.when(is_shared).then("common").otherwise("changes_by_type"),
    )


def update_verdicts(
    known: pl.DataFrame, found: pl.DataFrame, verdicts: Mapping[UUID, TicketVerdict], now: datetime
) -> pl.DataFrame:
    """TICKET_VERDICTS after another look: `known` is the table so far, `found` (ON_TICKET) what is on tickets since,
    `verdicts` what Linear shows of them.

    What an hour has more, once it is in the table, came after it was put on its ticket, where nobody sees it: it gets
    no verdict. A ticket that Linear does not show keeps its last verdict: it was deleted, or the key can't see it now.
    A label on an open ticket is about the hours that were on it at that time: our own reopening takes no verdict back,
    and no later hour of the actor gets one that nobody gave.
    """
    new = found.unique(KEY).join(known, on=["ticket_id", "hour"], how="anti")
    shown = pl.DataFrame(
        {
            "ticket_id": [str(ticket) for ticket in verdicts],
            "given": [each.verdict for each in verdicts.values()],
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
