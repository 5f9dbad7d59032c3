"""What one pull of a stream has brought: pages in, whole hours and the evidence of their wholeness out.

Entries are filed by their own time and cut half-open here, whatever Cloudflare's `since` and `before` mean at their
very ends, which is not documented (docs/facts/cloudflare.md, 2.3).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.cloudflare.entries import ENTRY_SCHEMA, Normaliser, Quarantined
from audit_assets.cloudflare.packed_hours import PackedHour
from audit_assets.config.errors import Incomplete

OVERLAP = timedelta(minutes=5)
"""Asked for beyond both ends of a window and cut off here."""

SLACK = timedelta(seconds=1)
"""By so much may an entry miss the window that was asked for: a service may compare whole seconds."""

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """Whole hours [start, end), and what is asked for to have them for certain."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError("a window has an aware start before its aware end")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    @property
    def since(self) -> datetime:
        """The start that is asked for, on a whole second."""
        return (self.start - OVERLAP).replace(microsecond=0)

    @property
    def before(self) -> datetime:
        """The end that is asked for, on a whole second."""
        return (self.end + OVERLAP + timedelta(seconds=1) - MICROSECOND).replace(microsecond=0)

    def refuse_outsiders(self, times: Iterable[datetime]) -> None:
        """Raise `Incomplete` for an entry that was not asked for: what else did the service misunderstand?"""
        for time in times:
            if not self.since - SLACK <= time <= self.before + SLACK:
                raise Incomplete(f"an entry of {time:%Y-%m-%d %H:%M:%S} lies outside of the window that was asked for")

    def clipped(self, time: datetime) -> datetime:
        """The time, or the end of the window that is nearer to it."""
        return max(self.start, min(time, self.end - MICROSECOND))


@dataclass(frozen=True)
class PullEvidence:
    """What shows that a pull is whole. `started_at` is by Cloudflare's clock; `body_bytes` are decompressed.

    `bodies_sha256` is the hash over the hashes of the pages' bodies in their order: two pulls with the same one were
    answered alike, word by word.
    """

    stream: str
    started_at: datetime
    pages: int
    received: int
    kept: int
    quarantined: int
    body_bytes: int
    bodies_sha256: str


@dataclass(frozen=True)
class Pull:
    """Every entry of a stream in a window, and the quarantined, each with a time, its own (`dated`) or a likely one."""

    hours: Mapping[datetime, PackedHour]
    quarantined: list[dict[str, Any]]
    evidence: PullEvidence

    def entries_of(self, hour: datetime) -> pl.LazyFrame:
        """The entries of the hour that begins then, in ENTRY_SCHEMA, by time. A large hour is best used lazily."""
        return (self.hours.get(hour) or PackedHour()).entries()

    @property
    def entries(self) -> pl.DataFrame:
        """All entries in one frame in ENTRY_SCHEMA, by time."""
        return pl.concat([ENTRY_SCHEMA.to_frame().lazy(), *map(self.entries_of, sorted(self.hours))]).collect()


class Collection:
    """Takes in pages until they are a pull."""

    def __init__(self, stream: str, account_id: str, window: Window) -> None:
        self.stream = stream
        self.window = window
        self.newest: datetime | None = None
        self._normaliser = Normaliser(stream, account_id)
        self._hours: defaultdict[datetime, PackedHour] = defaultdict(PackedHour)
        self._quarantined: dict[tuple[str, str], Quarantined] = {}
        self._started_at: datetime | None = None
        self._pages = self._received = self._body_bytes = 0
        self._bodies = hashlib.sha256()

    def add(self, entries: Sequence[Any], *, dated: datetime, body_bytes: int, body_sha256: bytes) -> int:
        """Take a page in; how many of its members were new. Raises `Incomplete` for one outside of the window."""
        self._started_at = self._started_at or dated
        self._pages += 1
        self._received += len(entries)
        self._body_bytes += body_bytes
        self._bodies.update(body_sha256)
        frame, quarantined = self._normaliser.normalised(entries)
        if not frame.is_empty():
            oldest, newest = frame.select(pl.col("time").min(), pl.col("time").max().alias("newest")).row(0)
            self.window.refuse_outsiders((oldest, newest))
            self.newest = max(newest, self.newest or newest)
            self._file(frame.filter(pl.col("time").is_between(self.window.start, self.window.end, closed="left")))
        known = len(self._quarantined)
        for each in quarantined:
            self.window.refuse_outsiders([each.time] if each.time else [])
            self._quarantined.setdefault((each.reason, each.raw), each)
        return frame.height + len(self._quarantined) - known

    def pull(self) -> Pull:
        """What came, cut to the window. Raises `Incomplete` if no page came at all."""
        if self._started_at is None:
            raise Incomplete("no page came")
        quarantined = self._records()
        evidence = PullEvidence(
            self.stream,
            self._started_at,
            self._pages,
            self._received,
            sum(hour.height for hour in self._hours.values()),
            len(quarantined),
            self._body_bytes,
            self._bodies.hexdigest(),
        )
        return Pull(self._hours, quarantined, evidence)

    def _file(self, frame: pl.DataFrame) -> None:
        hour = pl.col("time").dt.truncate("1h").alias("hour")
        by_hour = frame.with_columns(hour).partition_by("hour", as_dict=True, include_key=False, maintain_order=True)
        for (begins,), entries in by_hour.items():
            self._hours[begins].add(entries)

    def _records(self) -> list[dict[str, Any]]:
        """The quarantined of the window, and whether each is `dated`: one without a time of its own happened after the
        entry before it."""
        dated = [
            (each, each.time or self.window.clipped(each.after or self.window.start))
            for each in self._quarantined.values()
        ]
        return [
            {**each.record(), "time": time, "dated": each.time is not None}
            for each, time in dated
            if self.window.start <= time < self.window.end
        ]
