"""What the checks of Cloudflare share: the client, and an hour or more of entries that are a while old.

Everything here reads. The entries are asked for once; the cursor of the first short page is kept, to see at the very
end of a probe whether it is still good.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit_assets.cloudflare.audit_log_client import LARGEST_PAGE, CloudflareClient
from audit_assets.cloudflare.entry_fields import ORGANIZATION
from audit_assets.cloudflare.log_answers import ListedEntry, LogAnswer
from audit_assets.cloudflare.paging import PageRequest
from audit_assets.config.errors import Incomplete
from audit_assets.storage.hour_store import HourStore

SAMPLED = (timedelta(days=1), timedelta(days=7), timedelta(days=31))
"""The entries come from the shortest of these that holds ENOUGH of them."""

STILL = timedelta(hours=1)
"""So long before now the sample ends: entries that arrive while a probe runs would look like a list that changes."""

ENOUGH = 8
PARTS = 4
"""A sample is also listed in about so many pages."""

FEW = 4
"""Fewer entries show nothing of pages."""

V1, V2 = "v1", "v2"
SIZES = {"v2": "limit", "v1": "per_page", ORGANIZATION: "limit"}

NO_ENTRY = "no entry of the last 31 days was listed: run the probe again when there are some"
FEW_ENTRIES = "fewer than 4 entries of the last 31 days were listed: run the probe again when there are more"

ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Sample:
    """The first page of a window, oldest entries first, as large as a pull asks for. `page_size` divides it in some
    pages."""

    request: PageRequest
    answer: LogAnswer
    entries: list[ListedEntry]

    @property
    def page_size(self) -> int:
        """Entries of a page, if the sample is listed in PARTS of them or one more."""
        return max(1, len(self.entries) // PARTS)

    @property
    def one(self) -> ListedEntry | None:
        """An entry to look for, of a whole second if there is one."""
        whole = [entry for entry in self.entries if not entry.time.microsecond]
        return next(iter([*whole, *self.entries]), None)


@dataclass(frozen=True)
class HeldCursor:
    """A cursor, the request that it belongs to, and when it came (monotonic seconds)."""

    request: PageRequest
    cursor: str
    came_at: float


@dataclass
class CloudflareScene:
    """One account's log."""

    client: CloudflareClient
    store: HourStore
    held_cursor: HeldCursor | None = None
    _samples: dict[str, Sample] = field(default_factory=dict)

    def now(self) -> datetime:
        """The time of day."""
        return self.client.clock.now()

    def ask(self, stream: str, since: datetime | str, before: datetime | str, **more: str | int) -> LogAnswer:
        """A page of a window, oldest first, of at most as many entries as a pull asks for."""
        window = {"since": written(since), "before": written(before)}
        return self.client.ask(stream, {**window, "direction": "asc", SIZES[stream]: LARGEST_PAGE, **more})

    def sample(self, stream: str) -> Sample:
        """The entries that are compared. Raises `Incomplete` if no list came."""
        if stream not in self._samples:
            self._samples[stream] = self._take_sample(stream)
        return self._samples[stream]

    def _take_sample(self, stream: str) -> Sample:
        *shorter, longest = SAMPLED
        samples = (self._sample_of(stream, length) for length in shorter)
        enough = next((sample for sample in samples if len(sample.entries) >= ENOUGH), None)
        return enough or self._sample_of(stream, longest)

    def _sample_of(self, stream: str, length: timedelta) -> Sample:
        end = (self.now() - STILL).replace(microsecond=0)
        window = {"since": written(end - length), "before": written(end)}
        request = {**window, "direction": "asc", SIZES[stream]: LARGEST_PAGE}
        answer = listed_page(self.client.ask(stream, request))
        return Sample(request, answer, answer.entries)


def listed_page(answer: LogAnswer) -> LogAnswer:
    """The answer, if it is a page of entries. Raises `Incomplete`."""
    if not answer.is_list:
        raise Incomplete(f"Cloudflare answered HTTP {answer.status} in place of a list of its log {answer.stream}.")
    return answer


def written(time: datetime | str) -> str:
    """A time as a pull writes it; a text as it is."""
    return time if isinstance(time, str) else f"{time:%Y-%m-%dT%H:%M:%SZ}"
