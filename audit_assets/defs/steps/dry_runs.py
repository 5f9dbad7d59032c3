"""An hour's tickets as they would be: for a dry run of `opened_tickets`, and for `audit-assets preview`.

The very functions that open tickets decide and write, by a client that sends nothing. An hour that would open no
tickets is rendered all the same, with the reason.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime

import polars as pl

from audit_assets.defs.resources import AxiomResource, LinearResource
from audit_assets.defs.steps.history_coverage import stored_hours_present
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.skip_reasons import REASONS, due_without_history
from audit_assets.defs.steps.ticket_opener import AddNote, without_note
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS, write_tickets
from audit_assets.linear.dry_run import PRIORITY_NAMES, RenderedTicket
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import TICKETS
from audit_assets.tickets.formatting import listed, pluralize
from audit_assets.tickets.markdown import code, folds, remark
from audit_assets.tickets.shared_ticket import SharedTicket

DRY_RUN = "dry_run"
"""The outcome of a rendered ticket, and the key in the metadata of an hour whose tickets were rendered."""

SHOWN_LENGTH = 100_000
"""Characters of tickets that Dagster's database is given of an hour; the hour store holds all."""


def render_hour(
    inputs: RunInputs,
    hour: datetime,
    flagged: pl.DataFrame,
    *,
    skip_reason: str | None,
    axiom: AxiomResource,
    linear: LinearResource,
    noted: AddNote,
    digest: SharedTicket | None = None,
    run_id: str = "",
) -> DryRunHour:
    """Render an hour's tickets, with what would become of each actor. `flagged`, `run_id` as in `write_tickets`;
    `digest`: the one of the day, if it is due with this hour.

    A model writes notes (`noted`) as for a real run: not for an hour that opens nothing. Raises `AuditAssetsError` for
    missing settings and hours.
    """
    of_history = stored_hours_present(inputs.store, hour)
    dry_run, due = linear.dry_run(), not due_without_history(flagged, skip_reason, of_history).is_empty()
    remarks, rows = [*_remarks(skip_reason, dry_run.unset(), due=due)], pl.DataFrame(schema=OPENED_TICKETS)
    if digest or not flagged.is_empty():
        with closing(dry_run.opener()) as opener:
            if not flagged.is_empty():
                note = without_note if skip_reason else noted
                written = write_tickets(inputs, flagged, axiom=axiom, opener=opener, noted=note, run_id=run_id)
                rows, remarks = written.rows, [*remarks, *written.warnings, *written.unrelated]
            if digest:
                opener.open_shared_ticket(digest)
    tickets = tuple(dry_run.rendered)
    return DryRunHour(key_of(hour), skip_reason, tuple(remarks), tickets, _rows(rows, tickets, skip_reason))


def _remarks(skip_reason: str | None, unset: Sequence[str], *, due: bool) -> Iterator[str]:
    """`due`: whether some of it is due all the same."""
    if skip_reason:
        what = "tickets for what needs no history alone" if due else "nothing"
        yield f"A run would open {what}: {REASONS[skip_reason]}."
    if unset:
        are = "is" if len(unset) == 1 else "are"
        yield f"Linear was not read, as {listed(unset)} {are} not set: every ticket is shown as a new one."


def _rows(opened: pl.DataFrame, tickets: Sequence[RenderedTicket], skip_reason: str | None) -> pl.DataFrame:
    """The rows without the tickets that they name: nothing may take one for opened."""
    actions = {ticket.id: ticket.planned_action for ticket in tickets}
    action = pl.col("ticket_id").replace_strict(actions, default=None, return_dtype=pl.String)
    but = f"{{}}, but {REASONS[skip_reason]}" if skip_reason else "{}"
    rows = opened.select(
        "hour", "actor_key", "problem", "exceeds", outcome=pl.lit(DRY_RUN), planned_action=pl.format(but, action)
    )
    return pl.concat([pl.DataFrame(schema=OPENED_TICKETS), rows], how="diagonal")


def is_dry_run(store: HourStore, hour: datetime) -> bool:
    """Whether the last run of `opened_tickets` for an hour was one."""
    return bool((store.metadata(TICKETS, hour) or {}).get(DRY_RUN))


def in_markdown(rendered: DryRunHour) -> str:
    """The tickets as Dagster's pages show them, as many as fit. Every value of an entry is quoted in them already."""
    shown, room = ["**Dry run: nothing was opened.**", *map(remark, rendered.remarks)], SHOWN_LENGTH
    for number, ticket in enumerate(rendered.tickets):
        text = _in_markdown(ticket)
        room -= len(text)
        if number and room < 0:
            left = len(rendered.tickets) - number
            shown.append(f"and {pluralize(left, 'more ticket')}: `audit-assets preview {rendered.hour}` shows all.")
            break
        shown.append(text)
    return "\n\n".join(shown)


def _in_markdown(ticket: RenderedTicket) -> str:
    fields = [f"{name} {code(value)}" for name, value in ticket.fields.items()]
    facts = " · ".join([f"**{PRIORITY_NAMES[ticket.priority]}**", f"it {ticket.planned_action}", *fields])
    texts = [ticket.description, *(f"**Comment**\n\n{comment}" for comment in ticket.comments)]
    unfolded = ["\n\n".join(_unfolded(ticket.without_pictures(text))) for text in texts if text]
    return "\n\n".join(["---", f"# {ticket.title}", facts, *unfolded])


def _unfolded(text: str) -> Iterator[str]:
    """Dagster's pages can't fold parts away."""
    for title, part in folds(text):
        if part:
            yield f"**{title}**\n\n{part}" if title else part
