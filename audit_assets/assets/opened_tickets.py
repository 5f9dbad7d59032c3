"""Flagged actors → Linear: one ticket for each, as many as people can read; one for all the others.

In: the hour's deviations that ring, and the Parquet hour behind them. Out: per flagged actor the ticket, and whether it
was opened, joined or already told. True afterwards: every flagged actor of an hour that opens tickets is on exactly
one, however often the hour is run, or was dismissed by people. A backfill opens none: the hour must have ended not long
ago (AUDIT_ASSETS_TICKET_MAX_AGE_HOURS), and a week of history must be known, unless the run config says otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from enum import Enum
from typing import Any

import dagster as dg
import polars as pl

from audit_assets import policy
from audit_assets.assets.actor_baselines import BASELINES
from audit_assets.assets.charts import charts_of, tell_of
from audit_assets.assets.findings import BEHIND, findings_of, links_of, members_of
from audit_assets.assets.flagged_actors import FLAGGED, flagged_actors
from audit_assets.assets.origins import seen_before
from audit_assets.assets.raw_audit_entries import ENTRIES
from audit_assets.counted import COLUMNS, counts
from audit_assets.detection.baselines import is_learning
from audit_assets.detection.frames import ORGANISATION, WINDOW
from audit_assets.detection.places import places
from audit_assets.errors import ServiceError
from audit_assets.failures import told_as_failures
from audit_assets.hour_store import HourStore
from audit_assets.linear.client import OpenedTicket
from audit_assets.linear.findings import Finding
from audit_assets.linear.roll_ups import RollUp
from audit_assets.partitions import AN_HOUR, hourly_asset, hours_in, key_of
from audit_assets.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource, TriageResource
from audit_assets.settings import ticket_max_age, tickets_per_hour
from audit_assets.triage.hour_notes import HourNotes

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
        "refused": pl.String,
    }
)
"""`outcome`: `opened`, `joined`, `reopened`, `seen`, `dismissed`, `rolled_up` or `unreadable`, as OpenedTicket explains
them; `too_old`, `learning`, `never` where no ticket was wanted; `failed` with its `problem`. `closed`: the actor's
ticket is closed. `refused`: what Linear did not let us do to a ticket that tells of the hour all the same."""

LINKED = 20
"""Of the actors who share a ticket, so many are in its query: with all of them no browser would open it."""


class OpenTickets(Enum):
    """Whether the run opens tickets. `auto`: for hours that ended not long ago, once a week is known."""

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
    triage: dg.ResourceParam[TriageResource],
) -> None:
    """One Linear ticket per flagged actor, and one for all beyond AUDIT_ASSETS_TICKETS_PER_HOUR. Safe to run again: a
    ticket's id follows from account and actor, or from account and hour."""
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
                with closing(triage.hour_notes()) as notes:
                    opened = _opened(context, cloudflare.account_id(), flagged, store, axiom, linear, notes)
                _tell_of(notes, context, hour)
            store.write(TICKETS, hour, opened)
            context.add_asset_metadata(_shown(opened), partition_key=key_of(hour))
            for refused in opened["refused"].drop_nulls().unique(maintain_order=True):
                context.log.warning(refused)
            problems += opened["problem"].drop_nulls().to_list()
        if problems:
            raise dg.Failure(f"{len(problems):,} flagged actors got no ticket. First: {problems[0]}")


def _opened(
    context: dg.AssetExecutionContext,
    account_id: str,
    flagged: pl.DataFrame,
    store: HourStore,
    axiom: AxiomResource,
    linear: LinearResource,
    notes: HourNotes,
) -> pl.DataFrame:
    """Open the tickets of an hour: an OPENED_TICKETS frame, the gravest first. `flagged` as in `findings_of`."""
    chosen = places(flagged, tickets_per_hour())
    of_actors = flagged.join(chosen, on="actor_key", how="right", maintain_order="right")
    hour, singles = flagged["hour"][0], of_actors.filter("single")
    entries = store.require(ENTRIES, hour, [*dict.fromkeys([*BEHIND, *COLUMNS])]).filter(counts(policy.counted()))
    alone = findings_of(
        account_id,
        singles,
        entries,
        seen=seen_before(axiom, members_of(singles)["actor_key"].unique(), hour),
        links=links_of(axiom, singles, hour, context.run.run_id),
    )
    others = findings_of(account_id, of_actors.filter(~pl.col("single")), entries.clear())
    charts = charts_of(singles, store.require(BASELINES, hour), axiom, linear.clock)
    with closing(linear.client()) as client:
        rows = [_row(each, lambda each=each: client.open_ticket(each, notes.noted, charts.charted)) for each in alone]
        if others:
            told = _row(others[0], lambda: client.open_roll_up(_roll_up(others, axiom)))
            rows += [told | {"actor_key": finding.actor_key} for finding in others]
    tell_of(charts, context, hour)
    return pl.DataFrame(rows, schema=OPENED_TICKETS)


def _roll_up(findings: Sequence[Finding], axiom: AxiomResource) -> RollUp:
    hour = findings[0].hour
    linked = [finding.actor_key for finding in findings if finding.actor_key != ORGANISATION][:LINKED]
    return RollUp(
        account_id=findings[0].account_id,
        hour=hour,
        findings=tuple(findings),
        axiom_url=axiom.activity_link(linked, hour - WINDOW, hour + AN_HOUR),
        linked=len(linked),
        summary=f"the hour's summary (`audit-assets summary {key_of(hour)} --json`)",
    )


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
    return pl.concat([known, rows.join(known, on="actor_key", how="anti")], how="diagonal")


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


def _tell_of(notes: HourNotes, context: dg.AssetExecutionContext, hour: datetime) -> None:
    """How many notes a model wrote, and why others are missing: once an hour, and in no ticket's way."""
    if notes.written:
        context.add_asset_metadata({"triage_notes": notes.written}, partition_key=key_of(hour))
    if notes.troubles:
        context.log.warning(" ".join(notes.troubles))
        context.add_asset_metadata({"triage_troubles": " ".join(notes.troubles)}, partition_key=key_of(hour))


def _row(finding: Finding, open_it: Callable[[], OpenedTicket]) -> dict[str, Any]:
    """Open one ticket. A failure is kept as a row: one actor's trouble must not cost another its ticket."""
    row: dict[str, Any] = {"hour": finding.hour, "actor_key": finding.actor_key}
    try:
        ticket = open_it()
    except ServiceError as error:
        return row | {"outcome": "failed", "problem": str(error)}
    return row | {
        "outcome": ticket.outcome,
        "ticket_id": ticket.id,
        "identifier": ticket.identifier,
        "url": ticket.url,
        "closed": ticket.closed,
        "refused": ticket.refused,
    }


def _shown(tickets: pl.DataFrame) -> Mapping[str, Any]:
    outcomes = {outcome: count for outcome, count in tickets.group_by("outcome").len().iter_rows() if outcome}
    each = tickets.drop_nulls("url").unique("ticket_id", maintain_order=True)
    links = [f"[{identifier}]({url})" for identifier, url in each.select("identifier", "url").iter_rows()]
    refused = tickets["refused"].drop_nulls().unique(maintain_order=True).to_list()
    told = {"refused": " ".join(refused)} if refused else {}
    return {"tickets": len(links), **outcomes, **told, "links": dg.MetadataValue.md(" · ".join(links) or "none")}
