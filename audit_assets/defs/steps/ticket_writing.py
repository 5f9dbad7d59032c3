"""A flagged hour put on tickets, by the client that it is given: one that opens them, or one that only rehearses it."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from audit_assets.config import policy
from audit_assets.config.change_filter import COLUMNS, is_change
from audit_assets.config.errors import ServiceError
from audit_assets.config.settings import tickets_per_hour
from audit_assets.defs.assets.actor_baselines import BASELINES
from audit_assets.defs.assets.raw_audit_entries import ENTRIES
from audit_assets.defs.partitions import AN_HOUR, key_of
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.hour_charts import HourCharts
from audit_assets.defs.steps.origin_history import seen_before
from audit_assets.defs.steps.ticket_charts import charts_of
from audit_assets.defs.steps.ticket_links import links_of
from audit_assets.defs.steps.ticket_opener import AddNote, TicketOpener
from audit_assets.detection.schemas import ORGANISATION, WINDOW
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.finding_builder import BEHIND, findings_of, members_of
from audit_assets.tickets.lifecycle import OpenedTicket
from audit_assets.tickets.overflow import Overflow, overflow_ticket
from audit_assets.tickets.ticket_slots import assign_slots

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
        "planned_action": pl.String,
    }
)
"""`outcome`: `opened`, `joined`, `reopened`, `already_on_ticket`, `dismissed`, `on_shared_ticket` or `unreadable`, as
OpenedTicket explains them; `too_old`, `learning`, `never` where the hour opens no tickets; `failed` with its `problem`.
`closed`: the actor's ticket is closed. `refused`: what Linear did not let us do to a ticket that has the hour all the
same, or which of its fields it lacks. After a dry run it is `dry_run` with the `planned_action`, unless an earlier run
did it already."""

LINKED = 20
"""Of the actors who share a ticket, so many are in its query: with all of them no browser would open it."""


def write_tickets(
    account_id: str,
    flagged: pl.DataFrame,
    *,
    store: HourStore,
    axiom: AxiomResource,
    client: TicketOpener,
    noted: AddNote,
    run_id: str = "",
) -> tuple[pl.DataFrame, HourCharts]:
    """Open the tickets of an hour: an OPENED_TICKETS frame, the most severe first, and the charts that went with them.

    `flagged` as in `findings_of`; `run_id` is Dagster's, if a run of it asks.
    """
    chosen = assign_slots(flagged, tickets_per_hour())
    of_actors = flagged.join(chosen, on="actor_key", how="right", maintain_order="right")
    hour, singles = flagged["hour"][0], of_actors.filter("single")
    entries = store.require(ENTRIES, hour, [*dict.fromkeys([*BEHIND, *COLUMNS])]).filter(is_change(policy.counted()))
    alone = findings_of(
        account_id,
        singles,
        entries,
        seen=seen_before(axiom, members_of(singles)["actor_key"].unique(), hour),
        links=links_of(axiom, singles, hour, run_id),
    )
    others = findings_of(account_id, of_actors.filter(~pl.col("single")), entries.clear())
    charts = charts_of(singles, store.require(BASELINES, hour), axiom)
    rows = [_row(each, lambda each=each: client.open_ticket(each, noted, charts.charted)) for each in alone]
    if others:
        told = _row(others[0], lambda: client.open_shared_ticket(overflow_ticket(_overflow(others, axiom))))
        rows += [told | {"actor_key": finding.actor_key} for finding in others]
    return pl.DataFrame(rows, schema=OPENED_TICKETS), charts


def with_earlier(rows: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """OPENED_TICKETS rows, of which those of an earlier run take the places of these actors' rows."""
    known = earlier.join(rows, on="actor_key", how="semi")
    return pl.concat([known, rows.join(known, on="actor_key", how="anti")], how="diagonal").select(
        OPENED_TICKETS.names()
    )


def _overflow(findings: Sequence[Finding], axiom: AxiomResource) -> Overflow:
    hour = findings[0].hour
    linked = [finding.actor_key for finding in findings if finding.actor_key != ORGANISATION][:LINKED]
    return Overflow(
        account_id=findings[0].account_id,
        hour=hour,
        findings=tuple(findings),
        axiom_url=axiom.activity_link(linked, hour - WINDOW, hour + AN_HOUR),
        linked=len(linked),
        summary=f"the hour's summary (`audit-assets summary {key_of(hour)} --json`)",
    )


def _row(finding: Finding, open_it: Callable[[], OpenedTicket]) -> dict[str, Any]:
    """Open one ticket. A failure is kept as a row: one actor's failure must not cost another its ticket."""
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
