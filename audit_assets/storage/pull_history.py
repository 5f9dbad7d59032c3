"""The pull history of an hour: what each of its pulls brought, and with that how late its entries were.

It is the metadata of the hour's own Parquet file, so that entries and history are written at once. A pull in passing
that brings nothing is in Dagster's record alone, unless it is the last one: an object store would get two requests. All
times are by Cloudflare's clock. Nothing here reads or writes: the history comes in and goes out as JSON.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from audit_assets.storage.hours import AN_HOUR

SETTLING = timedelta(minutes=15)
"""An hour is first pulled so long after its end: entries reach the log some minutes late (docs/facts/cloudflare.md,
2.6)."""

REPEATS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(hours=72))
"""And again so long after its end: Cloudflare promises no bound of their lateness."""

SETTLED = timedelta(hours=24)
"""An hour is settled when its last complete pull began so long after its end, or later."""

PULLS, QUARANTINED = "pulls", "quarantined"
AT_ONCE = 20_000

ID_LENGTH = 32
"""So much of a fingerprint is enough to tell the contents of one hour apart: 128 bits."""


def newest_settled_hour(now: datetime) -> datetime:
    """The latest hour that ended long enough ago to be pulled."""
    return (now - SETTLING).astimezone(UTC).replace(minute=0, second=0, microsecond=0) - AN_HOUR


@dataclass(frozen=True)
class HourPull:
    """A complete pull, as one hour saw it. `began`: the earliest over the streams.

    `added`: entries that the hour did not hold before. `no_longer_listed`: entries that it held and that the pull did
    not list, though it covered their stream; they stay.
    """

    began: datetime
    added: int
    no_longer_listed: int = 0


@dataclass(frozen=True)
class KnownPull:
    """The newest pull of an hour that Dagster's record has: when it began, and what the hour held then
    (`content_of`)."""

    began: datetime
    content: str | None

    def is_confirmed_by(self, listed: pl.Series) -> bool:
        """Whether a pull that lists these entry ids of the hour lists all that it held, and nothing else. Not if an
        entry was missing then: that it is back is to be recorded."""
        held = self.content or ""
        return held.endswith("/0") and held.startswith(f"{_fingerprint(listed)[:ID_LENGTH]}/")


def pulls_of(history: Mapping[str, Any]) -> list[HourPull]:
    """The pulls that made an hour what it is, oldest first; none if it was written before they were recorded."""
    return [HourPull(**{**each, "began": datetime.fromisoformat(each["began"])}) for each in history.get(PULLS, ())]


def last_began(history: Mapping[str, Any]) -> datetime | None:
    """When the hour's last complete pull began, if it was recorded."""
    pulls = pulls_of(history)
    return pulls[-1].began if pulls else None


def content_of(history: Mapping[str, Any]) -> str | None:
    """What the judgement and the checks of an hour rest on, in one word: a pull after which it is the same brought
    nothing new. It names the entries, how many could not be understood, and how many the last pull did not list. None
    if that was not recorded."""
    if QUARANTINED not in history or not (pulls := pulls_of(history)):
        return None
    return f"{history['entry_ids_sha256'][:ID_LENGTH]}/{history[QUARANTINED]}/{pulls[-1].no_longer_listed}"


def with_pull(
    history: Mapping[str, Any] | None,
    streams: Mapping[str, Mapping[str, Any]],
    held: pl.DataFrame,
    listed: pl.Series,
    in_passing: datetime | None = None,
) -> dict[str, Any]:
    """The pull history of an hour after one more pull.

    `history`: that of before, None for an hour that was never written. `streams`: what is known of the pull, by stream.
    `held`: entry_id and stream of what the hour held before. `listed`: the entry ids of the pull that are the hour's.
    `in_passing`: when the newest pull in passing began that Dagster's record has: one that brought nothing is recorded
    with this one.
    """
    came = listed.filter(~listed.is_in(held["entry_id"].implode()))
    covered = held.filter(pl.col("stream").is_in(list(streams)))["entry_id"]
    gone = covered.filter(~covered.is_in(listed.implode()))
    now = HourPull(_began(streams), came.len(), gone.len())
    pulls = _recorded(history, held.height)
    if in_passing and pulls and pulls[-1].began < in_passing < now.began:
        pulls.append(HourPull(in_passing, 0))
    pulls.append(now)
    return {
        **streams,
        PULLS: [{**asdict(each), "began": each.began.isoformat()} for each in pulls],
        "entry_ids_sha256": _fingerprint(pl.concat([held["entry_id"], came])),
    }


def _recorded(history: Mapping[str, Any] | None, held: int) -> list[HourPull]:
    """The pulls so far. An hour that is older than their record knows its last one, and holds what that left."""
    if not history:
        return []
    streams = {name: pull for name, pull in history.items() if isinstance(pull, Mapping) and "started_at" in pull}
    return pulls_of(history) or [HourPull(_began(streams), held)]


def _began(streams: Mapping[str, Mapping[str, Any]]) -> datetime:
    return min(datetime.fromisoformat(pull["started_at"]) for pull in streams.values())


def _fingerprint(entry_ids: pl.Series) -> str:
    """The hash of the sorted ids, a line each: two hours with the same one hold the same entries."""
    digest = hashlib.sha256()
    for ids in entry_ids.sort().to_frame("entry_id").iter_slices(AT_ONCE):
        digest.update(ids.select(pl.col("entry_id") + "\n").to_series().str.join().item().encode())
    return digest.hexdigest()


def lateness(hour: datetime, pulls: Sequence[HourPull]) -> Counter[timedelta]:
    """How many entries came with the first pull (0), and with later ones: by the last of REPEATS before those began."""
    late: Counter[timedelta] = Counter()
    for number, pull in enumerate(pulls):
        since = pull.began - (hour + AN_HOUR)
        late[max((step for step in REPEATS if number and step <= since), default=timedelta(0))] += pull.added
    return late


def added_when_settled(hour: datetime, pulls: Sequence[HourPull]) -> int:
    """How many entries came after a pull that should have listed them all: it had begun when the hour was settled."""
    settled = hour + AN_HOUR + SETTLED
    return sum(later.added for earlier, later in pairwise(pulls) if earlier.began >= settled)
