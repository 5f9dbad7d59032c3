"""The tickets of stored hours as a run would open them now, without Dagster: what `audit-assets preview` shows.

It does what a dry run of `opened_tickets` does, on what the hour store holds. If Linear's settings are set, Linear is
read; nothing is stored and nothing is opened. A person waits, so a service that is down is reported soon.
"""

from contextlib import closing, suppress
from datetime import datetime

import polars as pl

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.periods import parse_period
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
from audit_assets.defs.steps.run_inputs import RunInputs, load_run_inputs
from audit_assets.defs.steps.skip_reasons import OpenTickets, skip_reason
from audit_assets.reports.dry_run_hour import DryRunHour, join_hours
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, day_of, hours_between, key_of
from audit_assets.storage.tables import BASELINES, FLAGGED
from audit_assets.tickets.formatting import pluralize
from audit_assets.transport.http import HttpLimits

IMPATIENT = AxiomLimits(attempts=1, read_seconds=30, visibility_seconds=0)


class PreviewError(AuditAssetsError):
    """The requested hour does not exist, was not judged, or can't be rendered."""


def render_stored_hours(name: str | None) -> DryRunHour:
    """The tickets of an hour, by its name; without one, those of the 24 hours up to the newest that was judged, as one.

    Raises `AuditAssetsError` if they can't be rendered.
    """
    store = StorageResource().open()
    hours = _newest_day(store) if name is None else [_parse_hour(name)]
    inputs = load_run_inputs(CloudflareResource().account_id(), store)
    judged = [(hour, flagged) for hour in hours if (flagged := store.read(FLAGGED, hour)) is not None]
    if not judged:
        raise PreviewError(
            f"{store.root} has no flagged actors of {key_of(hours[0])}: materialise `flagged_actors` for that hour, "
            "or set AUDIT_ASSETS_STORAGE to the folder with the hours."
        )
    return join_hours([_render(inputs, store, hour, flagged) for hour, flagged in judged])


def _newest_day(store: HourStore) -> list[datetime]:
    newest = store.newest(FLAGGED)
    if newest is None:
        raise PreviewError(
            f"No hour of {store.root} was judged: materialise `flagged_actors`, or name the folder of a demo with "
            "--home."
        )
    return hours_between(newest - A_DAY + AN_HOUR, newest)


def _render(inputs: RunInputs, store: HourStore, hour: datetime, flagged: pl.DataFrame) -> DryRunHour:
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
                StorageResource().now(),
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
    with suppress(ValueError):
        if (period := parse_period(name)).is_hour:
            return period.start
    raise PreviewError(f"{name!r} is not an hour: give one (UTC) such as 2026-11-22-09:00.")
