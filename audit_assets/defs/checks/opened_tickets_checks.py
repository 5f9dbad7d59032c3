"""Whether everybody who was flagged in an hour has a ticket that people can read."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from audit_assets.defs.checks.check_results import warn_of_hours, warning_check
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import StorageResource
from audit_assets.defs.steps.dry_runs import DRY_RUN
from audit_assets.defs.steps.history_coverage import ENOUGH_HOURS, HOURS_IN_WINDOW
from audit_assets.storage.first_start import first_started
from audit_assets.storage.tables import TICKETS
from audit_assets.tickets.formatting import pluralize

REASONS = {
    "unreadable": "the ticket can't be read with this key",
    "too_old": "the hour ended longer ago than AUDIT_ASSETS_TICKET_MAX_AGE_HOURS",
    "thin_history": f"fewer than {ENOUGH_HOURS} of the {HOURS_IN_WINDOW} hours before are there",
    "learning": "less than a week of history is known",
    "failed": "it could not be opened",
}
"""Outcomes of `opened_tickets` that leave a flagged actor without a ticket, though the run config allowed it one."""


@warning_check(asset="opened_tickets")
def every_flagged_actor_has_a_ticket(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Every flagged actor has a ticket that people can read, or was dismissed by them: no ticket is hidden from this
    key or missing for the hour's age, and Linear refused no part of one. A dry run is mentioned, and is no failure; nor
    is the age of hours before the first start, which were too old when they were judged."""
    store = storage.open(context.run.run_id)
    tickets = {hour: store.require(TICKETS, hour) for hour in hours_in(context)}
    started = first_started(store)
    due = {
        hour: of_hour.filter(pl.col("outcome") != "too_old") if started and hour < started else of_hour
        for hour, of_hour in tickets.items()
    }
    problems = {hour: reason for hour, of_hour in due.items() if (reason := missing_ticket_reason(of_hour))}
    rendered = sum(of_hour.filter(pl.col("outcome") == DRY_RUN).height for of_hour in tickets.values())
    remarks = [f"a dry run: nothing was opened for {pluralize(rendered, 'flagged actor')}"] if rendered else []
    return warn_of_hours(context, problems, now=storage.now(), remarks=remarks)


def missing_ticket_reason(tickets: pl.DataFrame) -> str | None:
    """Why flagged actors of an hour (OPENED_TICKETS) lack a ticket or a part of it; None if none does."""
    return "; ".join([*_without_ticket(tickets), *tickets["refused"].drop_nulls().unique(maintain_order=True)]) or None


def _without_ticket(tickets: pl.DataFrame) -> Iterator[str]:
    counts = dict(tickets.group_by("outcome").len().iter_rows())
    for outcome, reason in REASONS.items():
        if count := counts.get(outcome):
            yield f"has no ticket for {pluralize(count, 'flagged actor')}: {reason}"
