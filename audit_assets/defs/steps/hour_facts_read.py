"""What Axiom holds of some hours: from their aggregates, which are a few rows, else from the entries themselves.

An aggregate is believed if it is the one that Axiom acknowledged last of the hour, by its digest; entries are if they
are what was pulled. An hour from before there were aggregates, or whose aggregate is not visible, is read by entries.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.hour_facts import FACTS, count_events
from audit_assets.defs.steps.axiom_record import Acknowledged, verify_record, write_record
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, day_of


def read_facts(
    store: HourStore,
    client: AxiomClient,
    hours: Collection[datetime],
    acknowledged: Acknowledged,
    *,
    by_entries: Collection[datetime] = (),
) -> pl.DataFrame:
    """FACTS of these hours. `by_entries`: those of which an aggregate would not do.

    Raises `Incomplete` if Axiom holds other events than were pulled, `StoreError`, and as `AxiomClient` does.
    """
    found = _aggregated(client, sorted({*hours} - {*by_entries}), acknowledged)
    parts = [FACTS.to_frame(), *found.values()]
    write_record(store, count_events(pl.concat(parts)))
    for stretch in _stretches(sorted({*hours} - found.keys())):
        parts.append(_from_entries(store, client, stretch[0], stretch[-1] + AN_HOUR, acknowledged))
    return pl.concat(parts)


def _aggregated(
    client: AxiomClient, hours: Sequence[datetime], acknowledged: Acknowledged
) -> dict[datetime, pl.DataFrame]:
    digests = acknowledged.digests(hours) if hours else {}
    found: dict[datetime, pl.DataFrame] = {}
    for day, known in groupby(sorted(digests), key=day_of):
        found |= client.aggregates.hours(day, {hour: digests[hour] for hour in known})
    return found


def _from_entries(
    store: HourStore, client: AxiomClient, start: datetime, end: datetime, acknowledged: Acknowledged
) -> pl.DataFrame:
    """FACTS of [start, end), read again if some of it was not visible at first."""
    while True:
        facts = client.hour_facts(start, end)
        if not verify_record(store, client, start, end, acknowledged, count_events(facts)).showed_late:
            return facts


def _stretches(hours: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Hours that follow on one another, as one query reads them."""
    for _, places in groupby(enumerate(hours), key=lambda place: place[1] - AN_HOUR * place[0]):
        yield [hour for _, hour in places]
