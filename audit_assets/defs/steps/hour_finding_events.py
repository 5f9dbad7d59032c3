"""An hour's findings as events in a dataset of their own, if a team has one. It costs no ticket and fails no hour."""

from contextlib import closing
from datetime import datetime

from audit_assets.axiom.finding_events import finding_events
from audit_assets.config.errors import ServiceError, SettingError
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import FLAGGED, INGESTED_FINDINGS, TICKETS


def ingest_findings(inputs: RunInputs, hour: datetime, axiom: AxiomResource) -> str | None:
    """Send the hour's findings that the dataset does not hold yet. The problem if that fails, which a check reports as
    well; the next run of the hour sends them."""
    store, problem = inputs.store, None
    try:
        if not (dataset := axiom.findings_dataset()):
            return None
        events = finding_events(store.require(FLAGGED, hour), store.require(TICKETS, hour), inputs.account_id)
        if not events.is_empty():
            with closing(axiom.findings_client(dataset)) as client:
                client.ingest(events)
    except (ServiceError, SettingError) as error:
        problem = str(error)
    if problem or store.read_json(INGESTED_FINDINGS, hour):
        store.write_json(INGESTED_FINDINGS, hour, {"problem": problem})
    return problem


def not_ingested_reason(store: HourStore, hour: datetime) -> str | None:
    """Why the dataset did not take the findings of an hour; None if it did, or if there is no such dataset."""
    problem = (store.read_json(INGESTED_FINDINGS, hour) or {}).get("problem")
    return f"has findings that are not in their dataset: {problem}" if problem else None
