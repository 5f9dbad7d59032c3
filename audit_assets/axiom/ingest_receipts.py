"""What the client of Axiom reports: what was sent, and what is in the dataset. Plain values; frames are by hour."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from audit_assets.axiom.events import TIME
from audit_assets.axiom.query_runner import UTC_TIME

PROVED_HOURS_SCHEMA = {"hour": UTC_TIME, "expected": pl.Int64, "found": pl.Int64, "unexpected": pl.Int64}
INGESTED_HOURS_SCHEMA = {"hour": UTC_TIME, "offered": pl.Int64, "already_there": pl.Int64}


@dataclass(frozen=True)
class IngestReceipt:
    """What became of the events of one ingest: `offered` = `already_there` + `sent`."""

    offered: int
    already_there: int
    sent: int
    batches: int
    sent_again: int
    """Events sent once more because they did not become visible. They may surface twice; queries drop the second."""

    hours: pl.DataFrame
    """INGESTED_HOURS_SCHEMA, an hour a row."""


def ingested_hours(marked: pl.DataFrame) -> pl.DataFrame:
    """INGESTED_HOURS_SCHEMA of events whose column `there` is null where Axiom did not hold them."""
    by_hour = marked.group_by(hour=pl.col(TIME).dt.truncate("1h"))
    counts = by_hour.agg(offered=pl.len(), already_there=pl.col("there").count())
    return counts.select(pl.col(name).cast(dtype) for name, dtype in INGESTED_HOURS_SCHEMA.items()).sort("hour")


@dataclass(frozen=True)
class Proof:
    """Whether Axiom holds every expected entry; numbers of distinct entry_ids, except `rows`."""

    expected: int
    found: int
    missing: int
    unexpected: int
    """Ids in the same hours that were not expected: from a pull that listed more, or from another sender."""

    rows: int
    """Physical rows of those hours: more than ids where a batch was sent twice."""

    copies: int
    """Rows beyond the first of an entry_id."""

    hours: pl.DataFrame
    """PROVED_HOURS_SCHEMA, an expected hour a row; `found` counts the expected ids that are there."""

    @property
    def holds(self) -> bool:
        """Whether nothing is missing."""
        return self.missing == 0


@dataclass(frozen=True)
class DatasetLimits:
    """The limits of a dataset, as far as this token may read them; else None."""

    retention_days: int | None
    """None also if the dataset has no period of its own: what then applies is not documented."""

    fields: int | None
    """How many it has, of the 256 or 1,024 that the plan allows."""


@dataclass(frozen=True)
class DatasetFacts:
    """What `doctor` reports on a dataset."""

    limits: DatasetLimits
    rows: int
    """Of the last year, copies included."""

    incomplete: int
    """Events that lack a field which every event has when it is sent."""

    oldest: datetime | None
