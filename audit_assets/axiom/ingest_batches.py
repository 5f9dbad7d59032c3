"""Turns events into the bodies of ingest requests: compressed NDJSON, oldest first, each of one day and within limits.

Rows leave the frame a slice at a time, so that 200,000 events are never in memory as text at once.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl
from isal import igzip

from audit_assets.axiom.events import TIME

MOST_EVENTS = 5_000
"""Axiom takes 10,000 (docs/facts/axiom.md, 2.1)."""

MOST_BYTES = 2_000_000
"""Uncompressed. Axiom's limit is unpublished, so this is a judgement; counted as Axiom counts processed bytes."""

COMPRESSION = 2
"""Of isal's 0 to 3, as measured on events: 3 takes twice the time for the same bytes, 0 a third more bytes in the same
time. Python's own gzip takes twice the time for nearly as many bytes."""

ENCODED_AT_ONCE = 1_000
"""Events that are written as text at a time: some 2 MB, which stay in the processor's cache until they are joined."""

NULL_FIELD = '"{}":null,'
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


def batches_ahead(events: pl.DataFrame, identity: str = "entry_id") -> Iterator[Batch]:
    """As `batches`; the next one is made while the one before is sent."""
    made = batches(events, identity)
    with ThreadPoolExecutor(1, "next-batch") as worker:
        following = worker.submit(next, made, None)
        while (batch := following.result()) is not None:
            following = worker.submit(next, made, None)
            yield batch


def json_lines(events: pl.DataFrame) -> pl.Series:
    """Each event as a JSON object: times in RFC 3339, fields without a value left out."""
    stamped = events.with_columns(pl.col(TIME).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    parts = [_encoded(part) for part in stamped.iter_slices(ENCODED_AT_ONCE)]
    return pl.concat([pl.Series("line", [], pl.String), *parts])


def _encoded(events: pl.DataFrame) -> pl.Series:
    nulls = {column.name: column.null_count() for column in events}
    whole = pl.struct(name for name, count in nulls.items() if count < events.height).struct.json_encode()
    for name in [name for name, count in nulls.items() if 0 < count < events.height]:
        whole = whole.str.replace_all(NULL_FIELD.format(name), "", literal=True)
    return events.select(line=whole)["line"]


def _within_bytes(events: pl.DataFrame) -> Iterator[Batch]:
    """Cut where a multiple of the budget is passed; a line may straddle it, hence a budget of one line less."""
    lines = json_lines(events)
    sizes = lines.str.len_bytes().cast(pl.Int64) + 1
    budget = max(1, MOST_BYTES - int(sizes.max() or 0))  # type: ignore[arg-type] - whole numbers
    number = ((sizes.cum_sum() - sizes) // budget).rename("number")
    start = 0
    for length in number.rle().struct.field("len"):
        yield Batch(events.slice(start, length), _compressed(lines.slice(start, length)))
        start += length


def _compressed(lines: pl.Series) -> bytes:
    """The lines in gzip, without a last line end."""
    return igzip.compress(lines.str.join("\n").item().encode(), COMPRESSION, mtime=0)
