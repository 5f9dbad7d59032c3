"""Finds out whether Axiom holds every expected entry of some hours, a part of them at a time.

A large hour is more than a query returns and more than fits into memory beside everything else. Each part is a stretch
of time with so many expected entries that one query can list it; what the parts do not settle by themselves, an entry
that lies in another part than expected, is settled at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise

import polars as pl

from audit_assets.axiom.ingest_receipts import PROVED_HOURS_SCHEMA, Proof

PROVED_AT_ONCE = 20_000
"""Expected entries of a part: fewer than half of the rows that a query may return (queries/entries_held.apl), so that
it is one query even where half of them are there twice under other ids."""

ONE = ["entry_id", "hour"]
"""What makes two events one entry."""

Held = Callable[[datetime, datetime], pl.DataFrame]
"""What is visible in [start, end): ENTRIES_HELD_SCHEMA."""


def prove_entries(expected: pl.DataFrame, held: Held, pauses: Iterable[float], sleep: Callable[[float], None]) -> Proof:
    """Compare the expected entries (entry_id, time) with what is held in the hours of their times. Parts that lack
    something are looked at again after each of the pauses."""
    expected_ids = _with_hours(expected)
    parts = [_Part(start, end, ids) for start, end, ids in _parts(expected_ids)]
    hours = expected_ids.select("hour").unique()
    for part in parts:
        part.look(held, hours)
    for pause in pauses:
        elsewhere = pl.concat([part.extra for part in parts])
        lacking = [part for part in parts if not part.missing.join(elsewhere, on=ONE, how="anti").is_empty()]
        if not lacking:
            break
        sleep(pause)
        for part in lacking:
            part.look(held, hours)
    return _proof(expected_ids, parts)


class _Part:
    """The expected entries of [start, end), what is missing of them, and what else was found there."""

    def __init__(self, start: datetime, end: datetime, expected_ids: pl.DataFrame) -> None:
        self.start = start
        self.end = end
        self._expected_ids = expected_ids
        self.missing = self.extra = pl.DataFrame()
        self.rows = 0

    def look(self, held: Held, hours: pl.DataFrame) -> None:
        """Compare with what can be seen now."""
        seen = held(self.start, self.end).join(hours, on="hour", how="semi").group_by(ONE).agg(pl.col("copies").sum())
        self.rows = int(seen["copies"].sum())
        self.missing = self._expected_ids.join(seen, on=ONE, how="anti").select(ONE)
        self.extra = seen.join(self._expected_ids, on=ONE, how="anti").select(ONE)


def _with_hours(expected: pl.DataFrame) -> pl.DataFrame:
    """The expected entries, each once, by time: entry_id, time, hour."""
    ids = expected["entry_id"]
    once = expected if ids.hash().n_unique() == len(ids) else expected.unique("entry_id")
    in_order = once if once["time"].is_sorted() else once.sort("time")
    return in_order.select("entry_id", "time", hour=pl.col("time").dt.truncate("1h"))


def _parts(expected_ids: pl.DataFrame) -> Iterator[tuple[datetime, datetime, pl.DataFrame]]:
    """Whole seconds [start, end) that together cover the hours of the expected entries, and the entries of each."""
    times = expected_ids["time"]
    first, last = expected_ids["hour"][0], expected_ids["hour"].dt.offset_by("1h")[-1]
    inner = times.gather_every(PROVED_AT_ONCE).dt.truncate("1s")[1:].unique().sort()
    bounds = [first, *(bound for bound in inner if bound > first), last]
    for start, end in pairwise(bounds):
        begin, stop = (int(times.search_sorted(bound)) for bound in (start, end))
        yield start, end, expected_ids.slice(begin, stop - begin)


def _proof(expected_ids: pl.DataFrame, parts: list[_Part]) -> Proof:
    missing, extra = (pl.concat(frames).unique() for frames in zip(*((p.missing, p.extra) for p in parts), strict=True))
    missing = missing.join(extra, on=ONE, how="anti")
    unexpected = extra.join(expected_ids, on=ONE, how="anti") if len(extra) else extra
    by_hour = (frame.group_by("hour").agg(pl.len()) for frame in (expected_ids, missing, unexpected))
    expected_of, missing_of, unexpected_of = by_hour
    hours = (
        expected_of.rename({"len": "expected"})
        .join(missing_of.rename({"len": "missing"}), on="hour", how="left")
        .join(unexpected_of.rename({"len": "unexpected"}), on="hour", how="left")
        .with_columns(pl.col("missing", "unexpected").fill_null(0))
        .with_columns(found=pl.col("expected") - pl.col("missing"))
        .select(pl.col(name).cast(dtype) for name, dtype in PROVED_HOURS_SCHEMA.items())
        .sort("hour")
    )
    found, rows = len(expected_ids) - len(missing), sum(part.rows for part in parts)
    return Proof(
        expected=len(expected_ids),
        found=found,
        missing=len(missing),
        unexpected=len(unexpected),
        rows=rows,
        copies=rows - found - len(unexpected),
        hours=hours,
    )
