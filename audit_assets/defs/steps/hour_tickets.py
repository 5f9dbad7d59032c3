"""What becomes of an hour's flagged actors: on tickets, not for a reason, or rendered in a dry run."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.defs.resources import AxiomResource, LinearResource
from audit_assets.defs.steps.dry_runs import DRY_RUN, DryRunHour, render_hour
from audit_assets.defs.steps.history_coverage import HOURS_PRESENT, stored_hours_present
from audit_assets.defs.steps.hour_messages import add_messages
from audit_assets.defs.steps.hour_notes import HourNotes
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.skip_reasons import (
    OPEN_TICKETS,
    STILL_OWED,
    OpenTickets,
    due_without_history,
    skip_reason,
)
from audit_assets.defs.steps.ticket_opener import AddNote
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS, with_earlier, with_earlier_keys, write_tickets
from audit_assets.defs.steps.withdrawn_tickets import WITHDRAWN, find_no_longer_flagged, withdraw
from audit_assets.storage.tables import BASELINES, FLAGGED, RENDERED, TICKETS
from audit_assets.tickets.shared_ticket import SharedTicket


@dataclass(frozen=True)
class TicketRun:
    """How a run opens tickets, or renders them. `run_id` is Dagster's, which tickets link to."""

    inputs: RunInputs
    axiom: AxiomResource
    linear: LinearResource
    connect_notes: Callable[[], HourNotes]
    open_tickets: OpenTickets
    dry_run: bool
    now: datetime
    run_id: str


@dataclass
class HourTickets:
    """What became of an hour's flagged actors: OPENED_TICKETS `rows`, a sentence for each actor whose ticket `failed`
    and for each ticket that could not be told of related ones (`unrelated`), what the run records besides, and the
    rendered tickets of a dry run."""

    rows: pl.DataFrame
    failed: Sequence[str] = ()
    unrelated: Sequence[str] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    rendered: DryRunHour | None = None


def put_on_tickets(run: TicketRun, hour: datetime, digest: SharedTicket | None = None) -> HourTickets:
    """Open or render the tickets of an hour, and store what became of its actors. `digest`: the day's, which a dry run
    renders with the hour."""
    store = run.inputs.store
    flagged = store.require(FLAGGED, hour).filter(pl.col("disposition") == "ticket")
    before = store.read(TICKETS, hour)
    flagged = with_earlier_keys(flagged, before)
    owed = before is not None and before["outcome"].is_in(STILL_OWED).any()
    baselines, present = store.require(BASELINES, hour), stored_hours_present(store, hour)
    reason = skip_reason(run.open_tickets, run.now, hour, baselines, hours_present=present, still_owed=owed)
    with closing(run.connect_notes()) as notes:
        if run.dry_run:
            found = _render(run, hour, flagged, reason, before, notes.add_note, digest)
        elif reason or flagged.is_empty():
            found = HourTickets(_not_opened(flagged, reason, before))
            if not (due := due_without_history(flagged, reason, present)).is_empty():
                found = _also(found.rows, _open(run, due, before, notes.add_note))
        else:
            found = _open(run, flagged, before, notes.add_note)
    found.metadata |= notes.metadata("triage_notes", "triage_errors")
    found.warnings += [notes.problem] if notes.problem else []
    judged_on = _withdraw(run, hour, flagged, before, found)
    mode = {OPEN_TICKETS: run.open_tickets.value, **({DRY_RUN: True} if run.dry_run else {})}
    store.write(TICKETS, hour, found.rows, {**mode, HOURS_PRESENT: judged_on})
    return found


def _withdraw(
    run: TicketRun, hour: datetime, flagged: pl.DataFrame, before: pl.DataFrame | None, found: HourTickets
) -> int | None:
    """Comment on the hour's tickets that no longer hold, now that more of its history is there, and add their rows to
    what was found. Returns on how many hours its tickets rest then: as many as before while a comment is owed."""
    store = run.inputs.store
    judged_on = (store.metadata(TICKETS, hour) or {}).get(HOURS_PRESENT)
    present = stored_hours_present(store, hour)
    rows = find_no_longer_flagged(flagged, before, judged_on=judged_on, hours_present=present)
    if rows.is_empty() or judged_on is None or present is None:
        return judged_on if run.dry_run else present
    problems: list[str] = []
    may_write = not run.dry_run and run.open_tickets is not OpenTickets.never
    if may_write:
        with closing(run.linear.opener()) as opener:
            problems = [*withdraw(rows, opener, hour, judged_on=judged_on, hours_present=present)]
        found.unrelated = [*found.unrelated, *problems]
    is_owed = not may_write or problems
    kept = rows if is_owed else rows.with_columns(outcome=pl.lit(WITHDRAWN))
    found.rows = pl.concat([found.rows, kept], how="diagonal_relaxed").select(OPENED_TICKETS.names())
    return judged_on if is_owed else present


def _open(run: TicketRun, flagged: pl.DataFrame, before: pl.DataFrame | None, noted: AddNote) -> HourTickets:
    """The messages are stored before the rows: by these another run knows that they need not be."""
    with closing(run.linear.opener()) as opener:
        written = write_tickets(run.inputs, flagged, axiom=run.axiom, opener=opener, noted=noted, run_id=run.run_id)
    add_messages(run.inputs.store, flagged["hour"][0], written.messages, before, run.inputs.tables.channels)
    refused = written.rows["refused"].drop_nulls().unique(maintain_order=True)
    return HourTickets(
        rows=written.rows,
        failed=written.rows["problem"].drop_nulls().to_list(),
        unrelated=written.unrelated,
        metadata={**written.metadata},
        warnings=[*written.warnings, *refused],
    )


def _also(rows: pl.DataFrame, opened: HourTickets) -> HourTickets:
    """What was opened, and the rows of all others."""
    opened.rows = pl.concat([opened.rows, rows.join(opened.rows, on="actor_key", how="anti")])
    return opened


def _render(
    run: TicketRun,
    hour: datetime,
    flagged: pl.DataFrame,
    reason: str | None,
    before: pl.DataFrame | None,
    noted: AddNote,
    digest: SharedTicket | None,
) -> HourTickets:
    """A dry run takes nothing back: what a real run opened, and what is still due, stays."""
    rendered = render_hour(
        run.inputs,
        hour,
        flagged,
        skip_reason=reason,
        axiom=run.axiom,
        linear=run.linear,
        noted=noted,
        digest=digest,
        run_id=run.run_id,
    )
    run.inputs.store.write_json(RENDERED, hour, rendered.as_json())
    rows = rendered.rows
    if before is not None:
        done = pl.col("identifier").is_not_null() | pl.col("outcome").is_in(["failed", "unreadable"])
        rows = with_earlier(rows, before.filter(done))
    return HourTickets(rows, failed=rendered.problems, rendered=rendered)


def _not_opened(flagged: pl.DataFrame, reason: str | None, before: pl.DataFrame | None) -> pl.DataFrame:
    """A row per flagged actor with the reason, or with the ticket that an earlier run of the hour opened."""
    actors = flagged.select("hour", "actor_key", outcome=pl.lit(reason)).unique(maintain_order=True)
    rows = pl.concat([pl.DataFrame(schema=OPENED_TICKETS), actors], how="diagonal_relaxed")
    return rows if before is None else with_earlier(rows, before.drop_nulls("identifier"))
