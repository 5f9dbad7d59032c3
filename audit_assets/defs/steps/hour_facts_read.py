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
    known: pl.DataFrame,
    acknowledged: Acknowledged,
    *,
    by_entries: Collection[datetime] = (),
    refuse: Callable[[pl.DataFrame], None] = lambda _: None,
) -> pl.DataFrame:
    """FACTS of the hours that are `known` to hold so many events or more (RECORD), and of those which are to be read
    `by_entries` alone. `refuse` is called with what was read of entries, before it is compared with what was pulled: it
    may know better what is wrong.

    Raises `Incomplete` if Axiom holds other events than were pulled, `StoreError`, and as `AxiomClient` does.
    """
    hours = {*known["hour"], *by_entries}
    found = _aggregated(client, known.filter(~pl.col("hour").is_in([*by_entries])), acknowledged)
    parts = [FACTS.to_frame(), *found.values()]
    write_record(store, count_events(pl.concat(parts)))
    stretches = [(each[0], each[-1] + AN_HOUR) for each in _stretches(sorted(hours - found.keys()))]
    while True:
        read = [client.hour_facts(*stretch) for stretch in stretches]
        refuse(pl.concat([FACTS.to_frame(), *read]))
        compared = [
            verify_record(store, client, *stretch, acknowledged, count_events(facts))
            for stretch, facts in zip(stretches, read, strict=True)
        ]
        if not any(each.showed_late for each in compared):  # else some of it was not read yet
            return pl.concat([*parts, *read])


def _aggregated(client: AxiomClient, known: pl.DataFrame, acknowledged: Acknowledged) -> dict[datetime, pl.DataFrame]:
    """By hour, of those whose aggregate is there. One that counts fewer events than the hour is known to hold was made
    of an hour of which not everything is stored any more."""
    events = dict(known.select("hour", "events").iter_rows())
    digests = acknowledged.digests(sorted(events)) if events else {}
    found: dict[datetime, pl.DataFrame] = {}
    for day, of_day in groupby(sorted(digests), key=day_of):
        found |= client.aggregates.hours(day, {hour: digests[hour] for hour in of_day})
    return {hour: facts for hour, facts in found.items() if facts["events"].sum() >= events[hour]}


def _stretches(hours: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Hours that follow on one another, as one query reads them."""
    for _, places in groupby(enumerate(hours), key=lambda place: place[1] - AN_HOUR * place[0]):
        yield [hour for _, hour in places]
