"""The organisation's life as two streams of audit entries: ordinary days, and the incidents among them."""

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

from audit_assets.sandbox.cloudflare.gate import ACCOUNT_ID
from audit_assets.sandbox.cloudflare.log import parsed_time
from audit_assets.sandbox.organisation.cast import cast
from audit_assets.sandbox.organisation.habits import day_of
from audit_assets.sandbox.organisation.incidents import Truth, incidents
from audit_assets.sandbox.organisation.writing import Act, entry

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Life:
    """Entries as Cloudflare's API gives them, each stream in the order of time, and what was amiss."""

    v2: list[dict[str, Any]]
    v1: list[dict[str, Any]]
    truths: list[Truth]


class Organisation:
    """The same organisation, entry for entry, for the same seed and the same `today`, whichever hours are asked for."""

    def __init__(self, seed: int, today: date, account_id: str = ACCOUNT_ID) -> None:
        self._seed = seed
        self._cast = cast(seed, today)
        self._account_id = account_id

    def days(self, start: datetime, end: datetime) -> Life:
        """What ordinarily happens in [start, end)."""
        day, happened = (start - DAY).date(), []
        while day <= (end + DAY).date():  # people's days begin elsewhere on the globe
            for actor in chain(self._cast.people, self._cast.machines):
                acts = day_of(actor, day, self._cast, self._seed)
                happened += self._written(acts, f"{actor.label}/{actor.id}/{day}")
            day += DAY
        return _streams(((act, entry) for act, entry in happened if start <= act.time < end), [])

    def incidents(self, until: datetime) -> Life:
        """What is amiss in the six closed hours before `until`."""
        acts, truths = incidents(self._cast, until, self._seed)
        return _streams(self._written(acts, f"incidents/{until.isoformat()}"), truths)

    def _written(self, acts: Iterable[Act], name: str) -> list[tuple[Act, dict[str, Any]]]:
        rng = random.Random(f"{self._seed}/written/{name}")  # noqa: S311 - no secret
        return [(act, entry(act, self._account_id, rng)) for act in acts]


def _streams(happened: Iterable[tuple[Act, dict[str, Any]]], truths: list[Truth]) -> Life:
    life = Life([], [], truths)
    for act, written in sorted(happened, key=lambda pair: pair[0].time):
        (life.v1 if act.kind.v1_words else life.v2).append(written)
    return life


def generate(seed: int, until: datetime, days: int, account_id: str = ACCOUNT_ID) -> Life:
    """The `days` before `until` with the incidents in their last six closed hours.

    Raises ValueError for a time without a zone.
    """
    if until.tzinfo is None:
        raise ValueError("until needs a time zone")
    until = until.astimezone(UTC)
    organisation = Organisation(seed, until.date(), account_id)
    ordinary, amiss = organisation.days(until - days * DAY, until), organisation.incidents(until)
    v2 = sorted(ordinary.v2 + amiss.v2, key=lambda entry: parsed_time(entry["action"]["time"]))
    v1 = sorted(ordinary.v1 + amiss.v1, key=lambda entry: parsed_time(entry["when"]))
    return Life(v2, v1, amiss.truths)


def delay(entry: object) -> timedelta:
    """How long after its time an entry shows: mostly seconds, now and then minutes, never a quarter of an hour."""
    luck = zlib.crc32(repr(entry).encode()) / 2**32
    return timedelta(seconds=5 + 85 * luck if luck < 0.98 else 90 + 600 * (luck - 0.98) / 0.02)
