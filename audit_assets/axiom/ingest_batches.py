"""Turns events into the bodies of ingest requests: compressed NDJSON, oldest first, each of one day and within limits.

Rows leave the frame a slice at a time, so that 200,000 events are never in memory as text at once.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from audit_assets.axiom.events import TIME

MOST_EVENTS = 5_000
"""Axiom takes 10,000 (docs/facts/axiom.md, 2.1)."""

MOST_BYTES = 2_000_000
"""Uncompressed. Axiom's limit is unpublished, so this is a judgement; counted as Axiom counts processed bytes."""

COMPRESSION = 3
"""Of gzip's 1 to 9: for JSON within a few per cent of the default's size, in a third of its time."""

NULL_FIELD = r'"[a-z0-9_]+":null,'
"""A field without a value. Inside a JSON string every quote follows a backslash, so both quotes here are those of a
key, whatever the strings hold."""


@dataclass(frozen=True)
class Batch:
    """Events of one UTC day that are sent together."""

    events: pl.DataFrame
    body: bytes


def batches(events: pl.DataFrame, identity: str = "entry_id") -> Iterator[Batch]:
    """Every event (a frame in EVENT_SCHEMA, or of another `identity`) in exactly one batch, by time."""
    ordered = events.sort(TIME, identity)
    for _, day in ordered.group_by(pl.col(TIME).dt.date(), maintain_order=True):
        for part in day.iter_slices(MOST_EVENTS):
            yield from _within_bytes(part)


def json_lines(events: pl.DataFrame) -> pl.Series:
    """Each event as a JSON object: times in RFC 3339, fields without a value left out."""
    stamped = events.with_columns(pl.col(TIME).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    whole = pl.struct(pl.all()).struct.json_encode()
    return stamped.select(whole.str.replace_all(NULL_FIELD, "").alias("line"))["line"]


def _within_bytes(events: pl.DataFrame) -> Iterator[Batch]:
    """Cut where a multiple of the budget is passed; a line may straddle it, hence a budget of one line less."""
    lines = json_lines(events)
    sizes = lines.str.len_bytes().cast(pl.Int64) + 1
    budget = max(1, MOST_BYTES - max(sizes.to_list(), default=0))
    number = ((sizes.cum_sum() - sizes) // budget).rename("number")
    start = 0
    for length in number.rle().struct.field("len"):
        body = "\n".join(lines.slice(start, length)).encode()
        yield Batch(events.slice(start, length), gzip.compress(body, COMPRESSION, mtime=0))
        start += length
