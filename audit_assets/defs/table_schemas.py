"""The columns of each stored table, for Dagster's pages: the schemas lie beside the functions that make the frames."""

from collections.abc import Mapping

import polars as pl

from audit_assets.axiom.events import EVENT_SCHEMA
from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.defs.steps.hour_entries import QUARANTINED
from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS
from audit_assets.detection import schemas
from audit_assets.storage import tables
from audit_assets.tickets.verdict_table import TICKET_VERDICTS

SCHEMAS: Mapping[str, pl.Schema] = {
    tables.ENTRIES: ENTRY_SCHEMA,
    tables.QUARANTINE: QUARANTINED,
    tables.AXIOM_DATASET: pl.Schema(EVENT_SCHEMA),
    tables.SCORES_BEFORE: schemas.SCORES,
    tables.ACTIVITY: schemas.ACTIVITY,
    tables.BASELINES: schemas.BASELINE,
    tables.TOUCHED: schemas.TOUCHED,
    tables.ASSESSED: schemas.SCORES,
    tables.FLAGGED: FLAGGED_ACTORS,
    tables.TICKETS: OPENED_TICKETS,
    tables.VERDICTS: TICKET_VERDICTS,
}
