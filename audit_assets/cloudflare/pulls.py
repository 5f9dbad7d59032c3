"""Builds one pull of a stream: takes pages, returns whole hours and the evidence that they are whole.

Entries are sorted into hours by their own time, half-open [start, end), whatever Cloudflare's `since` and `before`
mean at their very ends, which is not documented (docs/facts/cloudflare.md, 2.3).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.cloudflare.compressed_hours import CompressedHour
from audit_assets.cloudflare.entries import Normalizer, Quarantined
from audit_assets.cloudflare.page_parser import Page
from audit_assets.config.errors import Incomplete

OVERLAP = timedelta(minutes=5)
"""Requested beyond both ends of a window and dropped here. A judgement."""

SLACK = timedelta(seconds=1)
"""How far an entry may lie outside of the requested window: a service may compare whole seconds."""

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class PullWindow:
    """Whole hours [start, end), and the wider window that is requested to get them for certain."""

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
        """The requested start, on a whole second."""
        return (self.start - OVERLAP).replace(microsecond=0)

    @property
    def before(self) -> datetime:
        """The requested end, on a whole second."""
        return (self.end + OVERLAP + timedelta(seconds=1) - MICROSECOND).replace(microsecond=0)

    def check_times(self, times: Iterable[datetime], since: datetime) -> None:
        """Raise `Incomplete` for an entry before `since`, where a request began, or after the window: the service
        misunderstood the request."""
        for time in times:
            if not since - SLACK <= time <= self.before + SLACK:
                raise Incomplete(f"an entry of {time:%Y-%m-%d %H:%M:%S} lies outside of the requested window")

    def clamp(self, time: datetime) -> datetime:
        """The time, or the nearer end of the window if it lies outside."""
        return max(self.start, min(time, self.end - MICROSECOND))


@dataclass(frozen=True)
class PullEvidence:
    """What shows that a pull is whole. `started_at` is by Cloudflare's clock; `body_bytes` are decompressed.

    `bodies_sha256` is the hash over the hashes of the pages' bodies in their order: two pulls with the same hash got
    the same bytes. `seconds`: how long it took.
    """

    stream: str
    started_at: datetime
    pages: int
    received: int
    kept: int
    quarantined: int
    body_bytes: int
    bodies_sha256: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Pull:
    """Every entry of a stream in a window, and the quarantined, each with a time: its own (`dated`) or an estimate."""

    hours: Mapping[datetime, CompressedHour]
    quarantined: list[dict[str, Any]]
    evidence: PullEvidence

    def entries_of(self, hour: datetime) -> pl.LazyFrame:
        """The entries of that hour, in ENTRY_SCHEMA, by time. A large hour is best used lazily."""
        return (self.hours.get(hour) or CompressedHour()).entries()


class PullBuilder:
    """Collects the pages of a pull."""

    def __init__(self, stream: str, account_id: str, window: PullWindow) -> None:
        self.stream = stream
        self.window = window
        self.newest: datetime | None = None
        self._normalizer = Normalizer(stream, account_id)
        self._hours: defaultdict[datetime, CompressedHour] = defaultdict(CompressedHour)
        self._quarantined: dict[tuple[str, str], Quarantined] = {}
        self._pages: list[Page] = []
        self._received = 0

    @property
    def pages(self) -> int:
        """How many pages were added."""
        return len(self._pages)

    def add(self, page: Page, since: datetime) -> int:
        """Add a page of a list that begins at `since`; how many of its entries were new. Raises `Incomplete` for one
        outside of what was requested."""
        self._pages.append(replace(page, entries=[], cursor=None))
        self._received += len(page.entries)
        frame, quarantined = self._normalizer.normalize(page.entries)
        if not frame.is_empty():
            oldest, newest = frame.select(pl.col("time").min(), pl.col("time").max().alias("newest")).row(0)
            self.window.check_times((oldest, newest), since)
            self.newest = max(newest, self.newest or newest)
            self._add_by_hour(frame, oldest, newest)
        known = len(self._quarantined)
        for each in quarantined:
            self.window.check_times([each.time] if each.time else [], since)
            self._quarantined.setdefault((each.reason, each.raw), each)
        return frame.height + len(self._quarantined) - known

    def build(self, seconds: float = 0.0) -> Pull:
        """The pull, limited to the window, once its pages were added; it took so many `seconds`."""
        quarantined = self._quarantine_records()
        evidence = PullEvidence(
            self.stream,
            started_at=self._pages[0].server_time,
            pages=len(self._pages),
            received=self._received,
            kept=sum(hour.height for hour in self._hours.values()),
            quarantined=len(quarantined),
            body_bytes=sum(page.body_bytes for page in self._pages),
            bodies_sha256=hashlib.sha256(b"".join(page.body_sha256 for page in self._pages)).hexdigest(),
            seconds=seconds,
        )
        return Pull(self._hours, quarantined, evidence)

    def _add_by_hour(self, frame: pl.DataFrame, oldest: datetime, newest: datetime) -> None:
        """Add what lies in the window. Most pages lie in one hour, and need not be taken apart."""
        first, last = (time.replace(minute=0, second=0, microsecond=0) for time in (oldest, newest))
        if first == last and self.window.start <= oldest and newest < self.window.end:
            self._hours[first].add(frame)
            return
        inside = frame.filter(pl.col("time").is_between(self.window.start, self.window.end, closed="left"))
        hour = pl.col("time").dt.truncate("1h").alias("hour")
        by_hour = inside.with_columns(hour).partition_by("hour", as_dict=True, include_key=False, maintain_order=True)
        for (start,), entries in by_hour.items():
            self._hours[start].add(entries)

    def _quarantine_records(self) -> list[dict[str, Any]]:
        """The quarantined of the window; one that is not `dated` gets the time of the entry before it."""
        dated = [
            (each, each.time or self.window.clamp(each.after or self.window.start))
            for each in self._quarantined.values()
        ]
        return [
            {**each.record(), "time": time, "dated": each.time is not None}
            for each, time in dated
            if self.window.start <= time < self.window.end
        ]
