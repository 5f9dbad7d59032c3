"""Stored hours → the events that Axiom is to hold of them, in portions that are sent at once."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from audit_assets.axiom.events import events_from, quarantined_events, quarantined_ids
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.storage.hour_store import ROWS_AT_ONCE
from audit_assets.storage.tables import ENTRIES, QUARANTINE


def events_of_hours(inputs: RunInputs, hours: Iterable[datetime]) -> Iterator[pl.DataFrame]:
    """The events of the hours, oldest hour first: small hours together, a large one by parts."""
    portion: list[pl.DataFrame] = []
    for events in _events(inputs, hours):
        portion.append(events)
        if sum(part.height for part in portion) >= ROWS_AT_ONCE:
            yield pl.concat(portion)
            portion = []
    if portion:
        yield pl.concat(portion)


def expected_in_axiom(inputs: RunInputs, hours: Sequence[datetime]) -> pl.DataFrame:
    """What Axiom must hold of these hours once they are ingested: entry_id and time, a row for each event."""
    entries = [inputs.entries_of(hour).entries.select("entry_id", "time") for hour in hours]
    quarantined = [quarantined_ids(inputs.store.require(QUARANTINE, hour), inputs.account_id) for hour in hours]
    return pl.concat([*entries, *quarantined])


def _events(inputs: RunInputs, hours: Iterable[datetime]) -> Iterator[pl.DataFrame]:
    for hour in hours:
        for entries in inputs.store.parts(ENTRIES, hour):
            yield events_from(entries)
        for quarantined in inputs.store.parts(QUARANTINE, hour):
            yield quarantined_events(quarantined, inputs.account_id)
