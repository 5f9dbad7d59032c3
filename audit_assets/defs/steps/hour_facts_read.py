"""What Axiom holds of some hours: from their aggregates, which are a few rows, else from the entries themselves.

An aggregate is believed if it is the one that Axiom acknowledged last of the hour, by its digest; entries are if they
are what was pulled. An hour from before there were aggregates, or whose aggregate is not visible, is read by entries.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
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
    refuse: Callable[[pl.DataFrame], None] = lambda _: None,
) -> pl.DataFrame:
    """FACTS of these hours. `by_entries`: those of which an aggregate would not do. `refuse` is called with what was
    read of entries, before it is compared with what was pulled: it may know better what is wrong.

    Raises `Incomplete` if Axiom holds other events than were pulled, `StoreError`, and as `AxiomClient` does.
    """
    found = _aggregated(client, sorted({*hours} - {*by_entries}), acknowledged)
    parts = [FACTS.to_frame(), *found.values()]
    write_record(store, count_events(pl.concat(parts)))
    stretches = [(hours[0], hours[-1] + AN_HOUR) for hours in _stretches(sorted({*hours} - found.keys()))]
    while True:
        read = [client.hour_facts(*stretch) for stretch in stretches]
        refuse(pl.concat([FACTS.to_frame(), *read]))
        compared = [
            verify_record(store, client, *stretch, acknowledged, count_events(facts))
            for stretch, facts in zip(stretches, read, strict=True)
        ]
        if not any(each.showed_late for each in compared):  # else some of it was not read yet
            return pl.concat([*parts, *read])


def _aggregated(
    client: AxiomClient, hours: Sequence[datetime], acknowledged: Acknowledged
) -> dict[datetime, pl.DataFrame]:
    digests = acknowledged.digests(hours) if hours else {}
    found: dict[datetime, pl.DataFrame] = {}
    for day, known in groupby(sorted(digests), key=day_of):
        found |= client.aggregates.hours(day, {hour: digests[hour] for hour in known})
    return found


def _stretches(hours: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Hours that follow on one another, as one query reads them."""
    for _, places in groupby(enumerate(hours), key=lambda place: place[1] - AN_HOUR * place[0]):
        yield [hour for _, hour in places]
