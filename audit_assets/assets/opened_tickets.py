"""Flagged actors → Linear: one ticket for each.

In: the hour's deviations that ring, and the Parquet hour behind them. Out: per flagged actor the ticket, and whether it
was opened, joined or already told. True afterwards: every flagged actor of an hour that opens tickets has exactly one,
however often the hour is run. A backfill opens none: the hour must have ended within the last day, and a week of
history must be known, unless the run config says otherwise.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from enum import Enum
from typing import Any

import dagster as dg
import polars as pl

from audit_assets import policy
from audit_assets.assets.actor_baselines import BASELINES
from audit_assets.assets.findings import BEHIND, findings_of, links_of, members_of
from audit_assets.assets.flagged_actors import FLAGGED, flagged_actors
from audit_assets.assets.origins import seen_before
from audit_assets.assets.raw_audit_entries import ENTRIES
from audit_assets.counted import COLUMNS, counts
from audit_assets.detection.baselines import is_learning
from audit_assets.errors import ServiceError
from audit_assets.failures import told_as_failures
from audit_assets.linear.client import LinearClient
from audit_assets.linear.findings import Finding
from audit_assets.partitions import AN_HOUR, hourly_asset, hours_in, key_of
from audit_assets.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource
from audit_assets.settings import ticket_max_age

TICKETS = "opened_tickets"

OPENED_TICKETS = pl.Schema(
    {
        "hour": pl.Datetime("us", "UTC"),
        "actor_key": pl.String,
        "outcome": pl.String,
        "ticket_id": pl.String,
        "identifier": pl.String,
        "url": pl.String,
        "closed": pl.Boolean,
        "problem": pl.String,
    }
)
"""`outcome` is what Linear's client says, or `too_old`, `learning`, `never` where no ticket was wanted, or `failed`
with its `problem`. `closed`: the actor's ticket had been closed before."""


class OpenTickets(Enum):
    """Whether the run opens tickets. `auto`: for hours that ended within the last day, once a week is known."""

    auto = "auto"
    always = "always"
    never = "never"


class OpenedTicketsConfig(dg.Config):
    """The run config of `opened_tickets`."""

    open_tickets: OpenTickets = OpenTickets.auto


@hourly_asset(deps=[flagged_actors], kinds={"linear"}, pool="linear_tickets")
def opened_tickets(
    context: dg.AssetExecutionContext,
    config: OpenedTicketsConfig,
    axiom: dg.ResourceParam[AxiomResource],
    cloudflare: dg.ResourceParam[CloudflareResource],
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """One Linear ticket per flagged actor. Safe to run again: a ticket's id follows from account and actor."""
    with told_as_failures():
        store = storage.open()
        problems: list[str] = []
        for hour in hours_in(context):
            flagged = store.require(FLAGGED, hour).filter(pl.col("standing") == "ticket")
            reason = withheld(config.open_tickets, hour, storage.now(), store.require(BASELINES, hour))
            before = store.read(TICKETS, hour)
            if flagged.is_empty() or (reason and not _still_owed(reason, before)):
                opened = _not_opened(flagged, reason, before)
            else:
                columns = [*dict.fromkeys([*BEHIND, *COLUMNS])]
                entries = store.require(ENTRIES, hour, columns).filter(counts(policy.counted()))
                findings = findings_of(
                    cloudflare.account_id(),
                    flagged,
                    entries,
                    seen=seen_before(axiom, members_of(flagged)["actor_key"].unique(), hour),
                    links=links_of(axiom, flagged, hour, context.run.run_id),
                )
                with closing(linear.client()) as client:
                    opened = pl.DataFrame([_open(client, finding) for finding in findings], schema=OPENED_TICKETS)
            store.write(TICKETS, hour, opened)
            context.add_asset_metadata(_shown(opened), partition_key=key_of(hour))
            problems += opened["problem"].drop_nulls().to_list()
        if problems:
            raise dg.Failure(f"{len(problems)} tickets could not be opened. First: {problems[0]}")


def _still_owed(reason: str, before: pl.DataFrame | None) -> bool:
    """Whether tickets of this hour were due in time and failed: they do not become too old meanwhile."""
    return reason == "too_old" and before is not None and (before["outcome"] == "failed").any()


def _not_opened(flagged: pl.DataFrame, reason: str | None, before: pl.DataFrame | None) -> pl.DataFrame:
    """A row per flagged actor with the reason, or with the ticket that an earlier run of the hour opened."""
    actors = flagged.select("hour", "actor_key", outcome=pl.lit(reason)).unique(maintain_order=True)
    rows = pl.concat([pl.DataFrame(schema=OPENED_TICKETS), actors], how="diagonal_relaxed")
    if before is None:
        return rows
    known = before.drop_nulls("identifier").join(actors, on="actor_key", how="semi")
    return pl.concat([known, rows.join(known, on="actor_key", how="anti")])


def withheld(wanted: OpenTickets, hour: datetime, now: datetime, baselines: pl.DataFrame) -> str | None:
    """Why this hour opens no tickets: `never`, `too_old` or `learning`; None if it does.

    `baselines`: the hour's BASELINE frame, whose row for the organisation says how far back its history goes.
    """
    if wanted is OpenTickets.never:
        return "never"
    if wanted is OpenTickets.always:
        return None
    if now - (hour + AN_HOUR) > ticket_max_age():
        return "too_old"
    return "learning" if is_learning(baselines, hour) else None


def _open(client: LinearClient, finding: Finding) -> dict[str, Any]:
    """Open one ticket. A failure is kept as a row: one actor's trouble must not cost another its ticket."""
    row: dict[str, Any] = {"hour": finding.hour, "actor_key": finding.actor_key}
    try:
        ticket = client.open_ticket(finding)
    except ServiceError as error:
        return row | {"outcome": "failed", "problem": str(error)}
    return row | {
        "outcome": ticket.outcome,
        "ticket_id": str(ticket.id),
        "identifier": ticket.identifier,
        "url": ticket.url,
        "closed": ticket.closed,
    }


def _shown(tickets: pl.DataFrame) -> Mapping[str, Any]:
    outcomes = {outcome: count for outcome, count in tickets.group_by("outcome").len().iter_rows() if outcome}
    links = [f"[{row['identifier']}]({row['url']})" for row in tickets.drop_nulls("url").to_dicts()]
    return {"tickets": len(links), **outcomes, "links": dg.MetadataValue.md(" · ".join(links) or "none")}
