"""The tickets of a stored hour as they would be, without Dagster: what `audit-assets preview` shows.

It does what a dry run of `opened_tickets` does, on what the hour store holds. Where Linear's settings are there, Linear
is read; nothing is stored and nothing is opened. A person waits: what is not there now is told soon.
"""

from contextlib import closing
from datetime import datetime

import polars as pl

from audit_assets.axiom.limits import Bounds
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    StorageResource,
    TriageResource,
)
from audit_assets.defs.steps.day_digest import build_digest_ticket
from audit_assets.defs.steps.dry_runs import DryRunHour, render_hour
from audit_assets.defs.steps.run_inputs import load_run_inputs
from audit_assets.defs.steps.skip_reasons import OpenTickets, skip_reason
from audit_assets.storage.hours import AN_HOUR, day_of, hour_of, key_of
from audit_assets.storage.tables import BASELINES, FLAGGED
from audit_assets.transport.http import HttpLimits

IMPATIENT = Bounds(tries=1, read_seconds=30, visibility_seconds=0)


class PreviewError(AuditAssetsError):
    """What was asked for is no hour, was not judged, or could not be rendered."""


def preview_of(name: str) -> DryRunHour:
    """The tickets of an hour, by its name. Raises `AuditAssetsError` if they can't be rendered."""
    hour = _hour(name)
    storage = StorageResource()
    store = storage.open()
    flagged = store.read(FLAGGED, hour)
    if flagged is None:
        raise PreviewError(
            f"{store.root} holds no judgement of {key_of(hour)}: materialise `flagged_actors` for that hour, "
            "or set AUDIT_ASSETS_STORAGE to where the hours lie."
        )
    inputs = load_run_inputs(CloudflareResource().account_id(), store)
    axiom = AxiomResource(bounds=IMPATIENT, tables=inputs.tables)
    ends_day = (hour + AN_HOUR).hour == 0
    with closing(TriageResource().hour_notes()) as notes:
        rendered = render_hour(
            inputs,
            hour,
            flagged.filter(pl.col("disposition") == "ticket"),
            digest=build_digest_ticket(inputs, day_of(hour), axiom) if ends_day else None,
            skip_reason=skip_reason(OpenTickets.auto, storage.now(), hour, store.require(BASELINES, hour)),
            axiom=axiom,
            linear=LinearResource(limits=HttpLimits(attempts=2, attempt_seconds=30, total_seconds=90)),
            noted=notes.noted,
        )
    if problems := rendered.problems:
        raise PreviewError(f"Tickets of {len(problems):,} flagged actors can't be rendered. First: {problems[0]}")
    return rendered


def _hour(name: str) -> datetime:
    try:
        hour = hour_of(name)
    except ValueError:
        hour = None
    if hour is None or hour.minute:
        raise PreviewError(f"{name!r} is no hour: name one (UTC) such as 2026-11-22-09:00.")
    return hour
