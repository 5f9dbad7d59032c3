"""Whether Axiom holds of each hour what was pulled: baselines are read there, and anyone with an ingest token can
write one.

Of each hour Axiom must hold every event that it acknowledged, and none that the hour store does not hold. In between
lies what another run has pulled and not ingested yet. Reading thousands of hours of the store each time would be too
slow, so the table `axiom_record` keeps what was found right, and only what differs from it is looked up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.config.errors import Incomplete
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import hour_of, key_of
from audit_assets.storage.tables import AXIOM_RECORD, ENTRIES, QUARANTINE
from audit_assets.tickets.formatting import listed, pluralize

RECORD = pl.Schema({"hour": pl.Datetime("us", "UTC"), "events": pl.Int64})
"""How many events of an hour Axiom holds or has acknowledged, all of which were pulled."""

SEND_AGAIN = "Run the job `history` for these hours"

START_ANEW = (
    "if it stays so, somebody else writes into the dataset: revoke the other ingest tokens, set AXIOM_DATASET to a new "
    "dataset and run `history` for all hours"
)


@dataclass(frozen=True)
class Acknowledged:
    """What Dagster knows of the hours that Axiom has acknowledged: which (`hours`), how many events of some of them
    (`count_events`, by partition key), and by which digests the aggregates of some of them are known (`digests`)."""

    hours: Collection[datetime] = ()
    count_events: Callable[[Sequence[datetime]], Mapping[str, Any]] = lambda _: {}
    digests: Callable[[Sequence[datetime]], Mapping[datetime, str]] = lambda _: {}


NOT_KNOWN = Acknowledged()
"""Where no instance of Dagster's is at hand: what was acknowledged since the record was written is not missed then."""


@dataclass(frozen=True)
class RecordComparison:
    """`held`: how many events the hours hold (hour, held). `found_right`: RECORD of what is not recorded so yet.
    `more`, `fewer`: the hours that hold too much or too little (columns of RECORD, and what is `held`). `showed_late`:
    some held too little at first, and enough after a while."""

    dataset: str
    held: pl.DataFrame
    found_right: pl.DataFrame
    more: pl.DataFrame
    fewer: pl.DataFrame
    showed_late: bool

    @property
    def problem(self) -> str | None:
        """What is wrong and what to do, in sentences; None if nothing is."""
        found = [
            _describe("more than were pulled", self.more.with_columns(differ=pl.col("held") - pl.col("events"))),
            _describe("fewer than it took", self.fewer.with_columns(differ=pl.col("events") - pl.col("held"))),
        ]
        differences = "; ".join(filter(None, found))
        remedy = f"{SEND_AGAIN}{f'; {START_ANEW}' if not self.more.is_empty() else ''}."
        return f"Axiom dataset '{self.dataset}' holds {differences}. {remedy}" if differences else None


def verify_record(
    store: HourStore,
    client: AxiomClient,
    start: datetime,
    end: datetime,
    acknowledged: Acknowledged,
    held: pl.DataFrame | None = None,
) -> RecordComparison:
    """Compare [start, end), and keep what is right. Call it after reading what is to be believed, and before use; if
    something showed late, read again. `held`: what was read already (EVENTS_BY_HOUR_SCHEMA).

    Raises `Incomplete` with the hours that are not right, `StoreError`, and as `AxiomClient` does.
    """
    compared = compare_record(store, client, start, end, acknowledged, held)
    write_record(store, compared.found_right)
    if compared.problem:
        raise Incomplete(compared.problem)
    return compared


def write_record(store: HourStore, right: pl.DataFrame) -> None:
    """Keep of these hours that Axiom holds so many events (RECORD) or more, as they were pulled."""
    before = _read_record(store)
    record = pl.concat([before, right]).group_by("hour").agg(pl.col("events").max()).sort("hour")
    if not record.equals(before):
        store.write(AXIOM_RECORD, None, record)


def compare_record(
    store: HourStore,
    client: AxiomClient,
    start: datetime,
    end: datetime,
    acknowledged: Acknowledged = NOT_KNOWN,
    held: pl.DataFrame | None = None,
) -> RecordComparison:
    """Compare the hours [start, end). Writes nothing; raises `StoreError`, and as `AxiomClient` does."""
    record = _read_record(store)
    known = pl.concat([record, _newly_acknowledged(record, start, end, acknowledged)])
    found = (client.events_by_hour(start, end) if held is None else held).rename({"events": "held"})
    in_window = known.filter(pl.col("hour").is_between(start, end, closed="left"))
    both = in_window.join(found, on="hour", how="full", coalesce=True).with_columns(
        pl.col("events", "held").fill_null(0)
    )
    # The store is read after Axiom: what was pulled meanwhile is in it
    stored = _count_stored(store, both.filter(pl.col("held") > pl.col("events"))["hour"])
    beyond = stored.join(both, on="hour").with_columns(events=pl.max_horizontal("events", "stored"))
    more = beyond.filter(pl.col("held") > pl.col("events")).select(both.columns)
    lacking = fewer = both.filter(pl.col("held") < pl.col("events"))
    if not lacking.is_empty():
        fewer = client.hours_lacking(lacking.select(RECORD.names()))
    right = both.join(more, on="hour", how="anti").select("hour", events=pl.max_horizontal("events", "held"))
    found_right = right.join(record, on=RECORD.names(), how="anti")
    showed_late = fewer.height < client.still_kept(lacking).height
    return RecordComparison(client.dataset, found, found_right, more.sort("hour"), fewer.sort("hour"), showed_late)


def known_events(
    store: HourStore, start: datetime, end: datetime, acknowledged: Acknowledged, *, counted_since: datetime
) -> pl.DataFrame:
    """RECORD of the hours [start, end) as far as they are known: of hours before `counted_since` what is recorded, of
    later ones what Axiom acknowledged since, too."""
    record = _read_record(store)
    recorded = set(record["hour"])
    hours = sorted(h for h in acknowledged.hours if start <= h < end and (h >= counted_since or h not in recorded))
    counted = acknowledged.count_events(hours).items() if hours else []
    newer = pl.DataFrame([(hour_of(key), events) for key, events in counted], schema=RECORD, orient="row")
    known = pl.concat([record.filter(pl.col("hour").is_between(start, end, closed="left")), newer])
    return known.group_by("hour").agg(pl.col("events").max()).sort("hour")


def recorded_hours(store: HourStore) -> set[datetime]:
    """The hours that Axiom was seen to hold as they were pulled, whatever Dagster still knows of them."""
    return {*_read_record(store)["hour"]}


def _read_record(store: HourStore) -> pl.DataFrame:
    record = store.read(AXIOM_RECORD, None, RECORD.names())
    return pl.DataFrame(schema=RECORD) if record is None else record


def _newly_acknowledged(
    record: pl.DataFrame, start: datetime, end: datetime, acknowledged: Acknowledged
) -> pl.DataFrame:
    """RECORD of the hours that are not in the record yet."""
    recorded = set(record["hour"])
    new = sorted(hour for hour in acknowledged.hours if start <= hour < end and hour not in recorded)
    counted = acknowledged.count_events(new).items() if new else []
    return pl.DataFrame([(hour_of(key), events) for key, events in counted], schema=RECORD, orient="row")


def _count_stored(store: HourStore, hours: pl.Series) -> pl.DataFrame:
    """How many events the stored entries and quarantine of these hours are: hour, stored."""
    counts = [store.counts(table, hours) for table in (ENTRIES, QUARANTINE)]
    stored = [sum(count.get(hour, 0) for count in counts) for hour in hours]
    return pl.DataFrame({"hour": hours, "stored": pl.Series(stored, dtype=pl.Int64)})


def _describe(difference: str, hours: pl.DataFrame) -> str:
    """`19 events more than were pulled, in 2 hours: 2026-11-21-09:00 and 2026-11-21-10:00`; nothing of no hours."""
    if hours.is_empty():
        return ""
    named = listed([key_of(hour) for hour in hours["hour"]])
    events, count = pluralize(int(hours["differ"].sum()), "event"), pluralize(hours.height, "hour")
    return f"{events} {difference}, in {count}: {named}"
