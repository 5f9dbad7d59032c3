"""The tickets of a stored hour as a run would open them now, without Dagster: what `audit-assets preview` shows.

It does what a dry run of `opened_tickets` does, on what the hour store holds. If Linear's settings are set, Linear is
read; nothing is stored and nothing is opened. A person waits, so a service that is down is reported soon.
"""

from contextlib import closing
from datetime import datetime

import polars as pl

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    StorageResource,
    TriageResource,
)
from audit_assets.defs.steps.day_digest import build_digest_ticket
from audit_assets.defs.steps.dry_runs import render_hour
from audit_assets.defs.steps.history_coverage import stored_hours_present
from audit_assets.defs.steps.run_inputs import load_run_inputs
from audit_assets.defs.steps.skip_reasons import OpenTickets, skip_reason
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.storage.hours import AN_HOUR, day_of, hour_of, key_of
from audit_assets.storage.tables import BASELINES, FLAGGED
from audit_assets.tickets.formatting import pluralize
from audit_assets.transport.http import HttpLimits

IMPATIENT = AxiomLimits(attempts=1, read_seconds=30, visibility_seconds=0)


class PreviewError(AuditAssetsError):
    """The requested hour does not exist, was not judged, or can't be rendered."""


def render_stored_hour(name: str) -> DryRunHour:
    """The tickets of an hour, by its name. Raises `AuditAssetsError` if they can't be rendered."""
    hour = _parse_hour(name)
    storage = StorageResource()
    store = storage.open()
    flagged = store.read(FLAGGED, hour)
    if flagged is None:
        raise PreviewError(
            f"{store.root} has no flagged actors of {key_of(hour)}: materialise `flagged_actors` for that hour, "
            "or set AUDIT_ASSETS_STORAGE to the folder with the hours."
        )
    inputs = load_run_inputs(CloudflareResource().account_id(), store)
    axiom = AxiomResource(limits=IMPATIENT, tables=inputs.tables)
    ends_day = (hour + AN_HOUR).hour == 0
    with closing(TriageResource().hour_notes()) as notes:
        rendered = render_hour(
            inputs,
            hour,
            flagged.filter(pl.col("disposition") == "ticket"),
            digest=build_digest_ticket(inputs, day_of(hour), axiom) if ends_day else None,
            skip_reason=skip_reason(
                OpenTickets.auto,
                storage.now(),
                hour,
                store.require(BASELINES, hour),
                hours_present=stored_hours_present(store, hour),
            ),
            axiom=axiom,
            linear=LinearResource(limits=HttpLimits(attempts=2, attempt_seconds=30, total_seconds=90)),
            noted=notes.add_note,
        )
    if problems := rendered.problems:
        raise PreviewError(f"{pluralize(len(problems), 'ticket')} can't be rendered. First: {problems[0]}")
    return rendered


def _parse_hour(name: str) -> datetime:
    try:
        hour = hour_of(name)
    except ValueError:
        hour = None
    if hour is None or hour.minute:
        raise PreviewError(f"{name!r} is not an hour: give one (UTC) such as 2026-11-22-09:00.")
    return hour
