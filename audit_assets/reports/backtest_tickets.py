"""Which tickets the flagged hours of a backtest would have opened or joined: pure functions on FLAG rows."""

from collections.abc import Mapping

import polars as pl

from audit_assets.config.settings_table import HOUR_FORMAT
from audit_assets.detection.ranking import SAME_TICKET
from audit_assets.detection.schemas import GROUP_KINDS, HOUR, HOUR_OF_ACTOR, ORGANISATION, THRESHOLD_FALL
from audit_assets.detection.severity import severity_rank

BACKTEST_TICKETS = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "resource_type": pl.String,
        "changes": pl.Int64,
        "tickets_a_day": pl.Float64,
        "members": pl.List(pl.String),
        "severity": pl.String,
        "budgets": pl.List(pl.Float64),
    }
)
"""The tickets at any budget, with the budgets that open each and its severity at the requested one (null if that opens
no ticket). Those of several (OF_SEVERAL) also have their changes, how rare they are, and the actor keys of their
members; those of the organisation have their resource type. Those of THRESHOLD_FALL count unusual hours in place of
changes."""

OF_SEVERAL = pl.col("kind").is_in([ORGANISATION, *GROUP_KINDS, THRESHOLD_FALL])
"""The FLAG rows of the organisation, of groups and of the alert threshold."""

HOUR_OF_TICKET = ("hour", "ticket_key")
"""The columns that name an hour on a ticket."""


def tickets_of_hours(found: pl.DataFrame) -> pl.DataFrame:
    """The ticket (its key) of each hour of whoever's ticket it is: hour, ticket_key, ticket."""
    alerts = found.filter(pl.col("disposition") == "ticket", pl.col("kind") != ORGANISATION)
    return alerts.select(HOUR_OF_TICKET).unique().sort(HOUR_OF_TICKET).with_columns(ticket=_ticket_key())


def tickets_of_members(found: pl.DataFrame, tickets: pl.DataFrame) -> pl.DataFrame:
    """Per member's hour the ticket that it shares with others, its severity, and what it is about."""
    name = pl.col("hour").dt.strftime(HOUR_FORMAT)
    of_type = pl.concat_str(pl.lit(f"{ORGANISATION} "), name, pl.lit(" "), "resource_type")
    return (
        found.filter(OF_SEVERAL, pl.col("kind") != THRESHOLD_FALL)  # which is about hours before
        .join(tickets, on=HOUR_OF_TICKET, how="left")
        .sort("hour", "resource_type", "actor_key")
        .with_columns(shared_ticket=pl.coalesce(of_type, "ticket"))
        .explode("members")
        .group_by("hour", actor_key="members")
        .agg(
            shared_types=pl.col("resource_type").drop_nulls(),
            shared_rank=severity_rank(pl.col("severity")).max(),
            shared_ticket=pl.col("shared_ticket").first(),
        )
    )


def _opening(alerts: pl.DataFrame) -> pl.DataFrame:
    """The FLAG rows of tickets without those that join a ticket: that of an earlier hour, or of the same hour of
    another credential."""
    of_organisation = pl.col("kind") == ORGANISATION
    own = alerts.filter(~of_organisation)
    hours = own.select(HOUR_OF_TICKET).unique().sort(HOUR_OF_TICKET).filter(_opens())
    opening = own.join(hours, on=HOUR_OF_TICKET, how="semi", maintain_order="left")
    one_actor = pl.col("actor_key") == pl.col("actor_key").first().over(HOUR_OF_TICKET)
    return pl.concat([opening.filter(one_actor), alerts.filter(of_organisation)])


def _opens() -> pl.Expr:
    """Whether an hour opens a ticket; of hours on tickets that are not the organisation's, in order of time."""
    since_last = pl.col("hour") - pl.col("hour").shift().over("ticket_key")
    return (since_last > SAME_TICKET).fill_null(value=True)


def _ticket_key() -> pl.Expr:
    """The ticket that each of such hours is on: whose it is, and the hour that opened it."""
    opened = pl.when(_opens()).then(pl.col("hour").dt.strftime(HOUR_FORMAT)).forward_fill().over("ticket_key")
    return pl.concat_str("ticket_key", pl.lit(" "), opened)


def list_tickets(flags_at: Mapping[float, pl.DataFrame], requested: float, budgets: pl.Expr) -> pl.DataFrame:
    """BACKTEST_TICKETS of the FLAG rows at each budget."""
    requested_first = sorted(flags_at.items(), key=lambda each: each[0] != requested)
    alerts = pl.concat(
        _opening(found.filter(pl.col("disposition") == "ticket")).with_columns(budget=pl.lit(budget))
        for budget, found in requested_first
    )
    return (
        alerts.with_columns(pl.when(OF_SEVERAL).then(pl.col("resource_type", "changes", "tickets_a_day", "members")))
        .group_by(*HOUR_OF_ACTOR, "resource_type")
        .agg(
            pl.col("changes", "tickets_a_day", "members").drop_nulls().first(),
            pl.col("severity").filter(pl.col("budget") == requested).first(),
            budgets=budgets,
        )
        .select(BACKTEST_TICKETS.names())
        .cast(BACKTEST_TICKETS)
        .sort("hour", "actor_key", "resource_type")
    )
