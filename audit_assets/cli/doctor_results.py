"""What a check of the doctor finds, and what its checks share."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from audit_assets.defs.resources import StorageResource
from audit_assets.reports.health_facts import HOURS_IN_WINDOW
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.pull_history import lateness, pulls_of
from audit_assets.storage.tables import ENTRIES
from audit_assets.transport.http import HttpLimits

Status = Literal["ok", "advice", "problem"]

IMPATIENT = HttpLimits(attempts=1, attempt_seconds=30)
"""A person waits for the answer: a service that is down is reported at once."""


@dataclass(frozen=True)
class CheckResult:
    """One thing that was found. `check` is its stable name within its subject; `next_step` is what a person should do
    about it, if anything."""

    check: str
    status: Status
    text: str
    next_step: str = ""


HOURS_LOOKED_AT = 24
"""Of an object store: each hour is a request."""


@dataclass(frozen=True)
class StoredHours:
    """The hours of the window that the hour store has: how many, and the entries of the newest (`looked_at` of them) by
    how late the pull was that found them."""

    count: int
    late: Counter[timedelta]
    looked_at: int


class DoctorRun:
    """What the checks of one run of the doctor share: the time, and the stored hours, read once."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @property
    def this_hour(self) -> datetime:
        """The hour that has not ended yet."""
        return self.now.replace(minute=0, second=0, microsecond=0)

    @cached_property
    def store(self) -> HourStore:
        """The hour store. Raises `StoreError` or `SettingError`."""
        return StorageResource().open()

    @cached_property
    def stored(self) -> StoredHours:
        """The stored hours of the window. Raises `StoreError` or `SettingError`."""
        hours = [self.this_hour - AN_HOUR * back for back in range(1, HOURS_IN_WINDOW + 1)]
        there = self.store.hours_of([ENTRIES], hours[-1], hours[0])[ENTRIES]
        stored = [hour for hour in hours if hour in there]
        looked_at = stored if self.store.is_folder else stored[:HOURS_LOOKED_AT]
        late: Counter[timedelta] = Counter()
        for hour in looked_at:
            late += lateness(hour, pulls_of(self.store.metadata(ENTRIES, hour) or {}))
        return StoredHours(len(stored), late, len(looked_at))
