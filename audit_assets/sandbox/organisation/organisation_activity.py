"""The organisation's activity as two streams of audit entries: ordinary days, and incidents."""

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

from audit_assets.exports.timed_entries import parsed_time
from audit_assets.sandbox.cloudflare.access_control import ACCOUNT_ID
from audit_assets.sandbox.organisation.daily_activity import day_of
from audit_assets.sandbox.organisation.entry_formats import Act, entry
from audit_assets.sandbox.organisation.organisation_incidents import Truth, make_incidents, make_visit
from audit_assets.sandbox.organisation.organisation_members import make_members

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Activity:
    """Entries as Cloudflare's API returns them, each stream in the order of time, and the truth of the incidents."""

    v2: list[dict[str, Any]]
    v1: list[dict[str, Any]]
    truths: list[Truth]


class Organisation:
    """The same organisation, entry for entry, for the same seed and `today`, whichever hours are generated."""

    def __init__(self, seed: int, today: date, account_id: str = ACCOUNT_ID) -> None:
        self._seed = seed
        self._account_id = account_id
        self._members = make_members(seed, today)

    def ordinary_activity(self, start: datetime, end: datetime) -> Activity:
        """The ordinary activity in [start, end)."""
        day, happened = (start - DAY).date(), []
        while day <= (end + DAY).date():  # days begin at other times in other offices
            for actor in chain(self._members.people, self._members.machines):
                acts = day_of(actor, day, self._members, self._seed)
                happened += self._entries_of(acts, f"{actor.label}/{actor.id}/{day}")
            day += DAY
        return _streams(((act, entry) for act, entry in happened if start <= act.time < end), [])

    def incidents(self, until: datetime) -> Activity:
        """The incidents in the six closed hours before `until`."""
        acts, truths = make_incidents(self._members, until, self._seed)
        return _streams(self._entries_of(acts, f"incidents/{until.isoformat()}"), truths)

    def visit(self, seed_of_visitor: int, until: datetime) -> Activity:
        """The incident in which somebody of another organisation has a part, in the six closed hours before `until`."""
        of_visitor = make_members(seed_of_visitor, until.date())
        acts, truths = make_visit(of_visitor, self._members, until, self._seed)
        return _streams(self._entries_of(acts, f"visit/{until.isoformat()}"), truths)

    def _entries_of(self, acts: Iterable[Act], name: str) -> list[tuple[Act, dict[str, Any]]]:
        rng = random.Random(f"{self._seed}/written/{name}")  # noqa: S311 - no secret
        return [(act, entry(act, self._account_id, rng)) for act in acts]


def _streams(happened: Iterable[tuple[Act, dict[str, Any]]], truths: list[Truth]) -> Activity:
    activity = Activity([], [], truths)
    for act, written in sorted(happened, key=lambda pair: pair[0].time):
        (activity.v1 if act.kind.v1_words else activity.v2).append(written)
    return activity


def generate_activity(seed: int, until: datetime, days: int, account_id: str = ACCOUNT_ID) -> Activity:
    """The `days` before `until` with the incidents in their last six closed hours."""
    until = until.astimezone(UTC)
    organisation = Organisation(seed, until.date(), account_id)
    ordinary = organisation.ordinary_activity(until - days * DAY, until)
    incidents = organisation.incidents(until)
    v2 = sorted(ordinary.v2 + incidents.v2, key=lambda entry: parsed_time(entry["action"]["time"]))
    v1 = sorted(ordinary.v1 + incidents.v1, key=lambda entry: parsed_time(entry["when"]))
    return Activity(v2, v1, incidents.truths)


def visibility_delay(entry: object) -> timedelta:
    """How long after its time an entry becomes visible: mostly seconds, sometimes minutes, always below 15 minutes."""
    fraction = zlib.crc32(repr(entry).encode()) / 2**32
    return timedelta(seconds=5 + 85 * fraction if fraction < 0.98 else 90 + 600 * (fraction - 0.98) / 0.02)
