"""The flagged actors of an hour put on tickets, by the opener that is given: one that opens them, or a dry run's."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from audit_assets.cloudflare.addresses import with_canonical_addresses
from audit_assets.config.errors import AuditAssetsError, ServiceError
from audit_assets.config.settings import dagster_url, tickets_per_hour
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.day_history import read_addresses
from audit_assets.defs.steps.hour_charts import build_charts
from audit_assets.defs.steps.hour_messages import TicketMessage, message_of, message_of_shared
from audit_assets.defs.steps.origin_history import known_origins, networks_of
from audit_assets.defs.steps.related_findings import find_relations
from audit_assets.defs.steps.related_tickets import RelatedTickets
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.ticket_opener import AddNote, TicketOpener
from audit_assets.detection.schemas import NAMES_OF_SEVERAL, WINDOW
from audit_assets.detection.unreadable_entries import UNREADABLE
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, day_of, key_of
from audit_assets.storage.tables import ADDRESSES, ENTRIES, QUARANTINE
from audit_assets.tickets.changed_values import add_values, entry_ids_of
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.finding_builder import BY_TICKET, Links, by_ticket, findings_of
from audit_assets.tickets.finding_evidence import members_of
from audit_assets.tickets.lifecycle import OpenedTicket
from audit_assets.tickets.origin_users import ADDRESS, with_origin_users
from audit_assets.tickets.overflow import overflow_ticket
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket_slots import assign_slots
from audit_assets.tickets.unreadable_entries import unreadable_finding

OPENED_TICKETS = pl.Schema(
    {
        "hour": pl.Datetime("us", "UTC"),
        "actor_key": pl.String,
        "ticket_key": pl.String,
        "outcome": pl.String,
        "ticket_id": pl.String,
        "identifier": pl.String,
        "url": pl.String,
        "closed": pl.Boolean,
        "problem": pl.String,
        "refused": pl.String,
        "exceeds": pl.String,
        "planned_action": pl.String,
        "related": pl.List(pl.String),
        "raised": pl.Boolean,
    }
)
"""A row per flagged actor; `ticket_key`: whose ticket it is on, that of its owner for a new credential. `outcome`:
`opened`, `joined`, `reopened`, `already_on_ticket`, `dismissed`, `on_shared_ticket` or `unreadable`, as
OpenedTicket explains them; `too_old`, `learning`, `never` where the hour opens none; `failed` with its `problem`.
`closed`: the actor's ticket is closed. `refused`: what Linear did not let us do to a ticket that has the hour all the
same, or which of its fields could not be set. `exceeds`: what was dismissed before on the actor's tickets and this goes
beyond, where `flagged_actors` does not show it already. After a dry run it is `dry_run` with the `planned_action`,
unless an earlier run did it already. `related`: the tickets of other actors that the finding is related to. `raised`:
the actor's open ticket got a higher priority, or may have."""

LINKED = 20
"""Of the actors who share a ticket, so many are in its query: with all of them no browser would open it."""


@dataclass(frozen=True)
class WrittenTickets:
    """The tickets of an hour: OPENED_TICKETS rows, the most severe actor first, what a run records of their charts,
    what a person should know of them, why tickets could not be told which others they are related to, and a message of
    each ticket, by its row."""

    rows: pl.DataFrame
    metadata: Mapping[str, Any]
    warnings: Sequence[str]
    unrelated: Sequence[str] = ()
    messages: Sequence[TicketMessage] = ()


def write_tickets(
    inputs: RunInputs,
    flagged: pl.DataFrame,
    *,
    axiom: AxiomResource,
    opener: TicketOpener,
    noted: AddNote,
    run_id: str = "",
) -> WrittenTickets:
    """Open the tickets of an hour. `flagged`: FLAGGED_ACTORS; `run_id` is Dagster's, if it is a run of Dagster.

    The entries that could not be read have a ticket besides those that the hour may open.
    """
    of_actors, unread = (flagged.filter(each) for each in (pl.col("kind") != UNREADABLE, pl.col("kind") == UNREADABLE))
    written = WrittenTickets(pl.DataFrame(schema=OPENED_TICKETS), {}, [])
    if not of_actors.is_empty():
        written = _write_actors(inputs, of_actors, axiom=axiom, opener=opener, noted=noted, run_id=run_id)
    if unread.is_empty():
        return written
    hour = unread["hour"][0]
    quarantined, links = inputs.store.require(QUARANTINE, hour), _links_of(axiom, unread.clear(), hour, run_id)
    finding = unreadable_finding(inputs.account_id, unread, quarantined, links=links)
    row = _row(finding, lambda: opener.open_ticket(finding, noted))
    rows = pl.concat([written.rows, _rows_of_actors([row], unread)])
    return replace(written, rows=rows, messages=[*written.messages, message_of(finding, row)])


def with_earlier(rows: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """OPENED_TICKETS rows, of which those of an earlier run take the places of these actors' rows."""
    known = earlier.join(rows, on="actor_key", how="semi")
    return pl.concat([known, rows.join(known, on="actor_key", how="anti")], how="diagonal").select(
        OPENED_TICKETS.names()
    )


def _write_actors(
    inputs: RunInputs,
    flagged: pl.DataFrame,
    *,
    axiom: AxiomResource,
    opener: TicketOpener,
    noted: AddNote,
    run_id: str,
) -> WrittenTickets:
    actors, flagged = flagged, by_ticket(flagged)
    chosen = assign_slots(flagged, tickets_per_hour())
    of_actors = flagged.join(chosen, on="actor_key", how="right", maintain_order="right")
    hour, singles = flagged["hour"][0], of_actors.filter("single")
    acting = members_of(singles)["actor_key"]
    seen, unknown = _fetch_origins(inputs.store, axiom, [*acting.unique()], hour)
    links = _links_of(axiom, singles, hour, run_id)
    with inputs.store.reading(ENTRIES, hour):
        changes = with_canonical_addresses(inputs.changes_of(hour, acting), "ip_address")
        found = findings_of(inputs.account_id, singles, changes, seen=seen, links=links)
    alone = _with_values(inputs, _with_users(inputs, found, hour))
    others = findings_of(inputs.account_id, of_actors.filter(~pl.col("single")), changes.clear())
    charts = build_charts(singles, inputs.store, axiom)
    related = RelatedTickets(find_relations(inputs, singles, hour), opener, hour)

    def open_one(finding: Finding) -> OpenedTicket:
        opened = opener.open_ticket(related.name_on(finding), noted, charts.charted)
        related.add(finding, opened)
        return opened

    rows = [_row(each, partial(open_one, each)) for each in alone]
    related.write()
    rows = [row | {"related": related.identifiers(row["ticket_key"])} for row in rows]
    messages = [message_of(finding, row) for finding, row in zip(alone, rows, strict=True)]
    if others:
        ticket = _overflow(others, axiom)
        shared = _row(others[0], lambda: opener.open_shared_ticket(ticket))
        rows += [shared | {"ticket_key": finding.actor_key} for finding in others]
        messages.append(message_of_shared(ticket, shared))
    warnings = [warning for warning in (unknown, charts.problem) if warning]
    metadata, warnings = charts.metadata("charts", "chart_errors"), [*warnings, *related.refused]
    return WrittenTickets(_rows_of_actors(rows, actors), metadata, warnings, related.failed, messages)


def with_earlier_keys(flagged: pl.DataFrame, earlier: pl.DataFrame | None) -> pl.DataFrame:
    """FLAGGED_ACTORS rows; an hour that an earlier run put on a ticket stays on it, whoever the actor is taken for
    now."""
    if earlier is None or "ticket_key" not in flagged.columns:
        return flagged
    rows = pl.concat([pl.DataFrame(schema=OPENED_TICKETS), earlier], how="diagonal_relaxed").drop_nulls("identifier")
    kept = rows.select("actor_key", kept=pl.coalesce("ticket_key", "actor_key"))
    joined = flagged.join(kept, on="actor_key", how="left", maintain_order="left")
    return joined.with_columns(ticket_key=pl.coalesce("kept", "ticket_key")).drop("kept")


def _rows_of_actors(rows: Sequence[Mapping[str, Any]], flagged: pl.DataFrame) -> pl.DataFrame:
    """OPENED_TICKETS from the rows of tickets: one for each actor that is on them."""
    tickets = pl.DataFrame(rows, schema=OPENED_TICKETS).drop("actor_key")
    known = pl.concat([pl.DataFrame(schema=BY_TICKET), flagged], how="diagonal")
    actors = known.select("actor_key", ticket_key=pl.coalesce("ticket_key", "actor_key")).unique(maintain_order=True)
    return tickets.join(actors, on="ticket_key", how="left", maintain_order="left").select(OPENED_TICKETS.names())


def _with_values(inputs: RunInputs, findings: Sequence[Finding]) -> list[Finding]:
    """The findings of an hour with what the entries that their tickets show changed: of these alone the raw text is
    read."""
    shown = {entry_id for finding in findings for entry_id in entry_ids_of(finding)}
    if not shown:
        return [*findings]
    hour = findings[0].hour
    stored = inputs.store.scan(ENTRIES, hour)
    if stored is None:
        raise inputs.store.missing(ENTRIES, hour)
    with inputs.store.reading(ENTRIES, hour):
        raw = stored.filter(pl.col("entry_id").is_in([*shown])).select("entry_id", "raw").collect()
    raw_of = dict(raw.iter_rows())
    return [add_values(finding, raw_of) for finding in findings]


def _fetch_origins(
    store: HourStore, axiom: AxiomResource, actors: Collection[str], hour: datetime
) -> tuple[pl.DataFrame | None, str | None]:
    """From where these actors (keys) acted in the 30 UTC days before the day of the hour, and in that day up to the
    hour: as `AxiomClient.origins` has it. Of an hour of an earlier version Axiom is asked; None and a warning if it
    does not answer: tickets are opened all the same.
    """
    since, today = day_of(hour) - WINDOW, store.read(ADDRESSES, hour)
    if today is not None:
        known = [read_addresses(store, day_of(hour), since, actors), today.filter(pl.col("actor_key").is_in(actors))]
        return with_canonical_addresses(pl.concat(known), "address"), None
    try:
        with closing(axiom.client()) as client:
            seen = client.origins([*actors], since, hour)
            return with_canonical_addresses(seen, "address"), None
    except AuditAssetsError as error:
        return None, f"The tickets do not show whether an address was used before: {error}"


def _with_users(inputs: RunInputs, findings: Sequence[Finding], hour: datetime) -> Sequence[Finding]:
    """The findings with who else acts from the same, if that is stored."""
    uses = known_origins(inputs.store, hour)
    if uses is None or not findings:
        return findings
    addresses = (each.value for finding in findings for each in finding.origins if each.kind == ADDRESS)
    return with_origin_users(findings, uses, networks_of(addresses, inputs.geography))


def _links_of(axiom: AxiomResource, flagged: pl.DataFrame, hour: datetime, run_id: str) -> Links:
    """Where the tickets of an hour lead: the raw entries of each flagged actor in Axiom, and the run in Dagster."""
    members = members_of(flagged).group_by("finding").agg("actor_key")
    dagster = dagster_url()
    return Links(
        entries={key: axiom.entries_link(acted, hour, hour + AN_HOUR) for key, acted in members.iter_rows()},
        run_id=run_id,
        run_url=f"{dagster}/runs/{run_id}" if dagster else "",
    )


def _overflow(findings: Sequence[Finding], axiom: AxiomResource) -> SharedTicket:
    hour = findings[0].hour
    linked = [*dict.fromkeys(key for finding in findings for key in _actor_keys(finding))][:LINKED]
    return overflow_ticket(
        findings,
        axiom_url=axiom.activity_link(linked, hour - WINDOW, hour + AN_HOUR),
        linked=len(linked),
        summary=f"the hour's summary (`audit-assets summary {key_of(hour)} --json`)",
    )


def _actor_keys(finding: Finding) -> Iterable[str]:
    """Who acted: of a finding of several, they."""
    if finding.actor_key not in NAMES_OF_SEVERAL:
        return [finding.actor_key]
    return (key for each in finding.deviations for key in each.member_keys)


def _row(finding: Finding, open_it: Callable[[], OpenedTicket]) -> dict[str, Any]:
    """Open one ticket. A failure is kept as a row: one actor's failure must not cost another its ticket."""
    row: dict[str, Any] = {"hour": finding.hour, "ticket_key": finding.actor_key}
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
        "exceeds": ticket.exceeds,
        "raised": ticket.raised,
    }
