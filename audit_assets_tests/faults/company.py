"""A small company over weeks: six colleagues at their work, entries that come late, and some who must be flagged."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.faults.daemon import Daemon, running_daemon
from audit_assets_tests.faults.world import ROW_DELAY
from audit_assets_tests.pipeline import DAY, HOUR, remember, v1_entry, v2_burst, v2_entry

FIRST = datetime(2026, 6, 1, tzinfo=UTC)
"""The first hour that exists. Far enough back that no clock of a machine is before it."""

COLLEAGUES = tuple(f"{name}@example.com" for name in ("alice", "bob", "carol", "dave", "erin", "frank"))
DAYS_BEFORE = 15

LONGEST_DELAY = timedelta(hours=70)
LATE = 0.15
"""Of the entries so many come late: most of them by an hour or two, some by days."""

HOURS_BETWEEN_FLAGGED = 9
"""Hours between two bursts or new resource types that must be flagged."""


@dataclass
class Scenario:
    """Entries, by how much each is late, and who must be flagged for them."""

    v2: list[dict[str, Any]] = field(default_factory=list)
    v1: list[dict[str, Any]] = field(default_factory=list)
    delays: dict[str, timedelta] = field(default_factory=dict)
    must_be_flagged: list[tuple[datetime, str]] = field(default_factory=list)
    """Hours and actors that must be flagged."""

    def __len__(self) -> int:
        return len(self.v2) + len(self.v1)

    def show(self, sandbox: Sandbox) -> None:
        """Add the entries to the sandbox's Cloudflare."""
        for stream, entries in (("v2", self.v2), ("v1", self.v1)):
            sandbox.cloudflare.logs[stream].add(entries, delay=self._delay)

    def _delay(self, entry: Any) -> timedelta:
        return self.delays.get(entry["id"], timedelta(0))


def build_scenario(hours: int, seed: int, first: datetime = FIRST) -> Scenario:
    """So many hours from `first` on."""
    rng, scenario = random.Random(seed), Scenario()  # noqa: S311 - no secret depends on it
    for number in range(hours):
        hour = first + HOUR * number
        scenario.v2 += _ordinary(hour, rng)
        scenario.v1 += [v1_entry(hour + HOUR / 2, actor=rng.choice(COLLEAGUES))] if number % 4 == 0 else []
        if number % HOURS_BETWEEN_FLAGGED == HOURS_BETWEEN_FLAGGED // 2:
            actor = rng.choice(COLLEAGUES)
            scenario.v2 += _unusual_changes(hour, number, actor)
            scenario.must_be_flagged.append((hour, actor))
    for entry in (*scenario.v2, *scenario.v1):
        if rng.random() < LATE:
            scenario.delays[entry["id"]] = min(timedelta(hours=rng.expovariate(1 / 4)) + HOUR / 4, LONGEST_DELAY)
    return scenario


def _ordinary(hour: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    for place, actor in enumerate(COLLEAGUES):
        if rng.random() < 0.2:
            yield from v2_burst(hour + timedelta(minutes=9 * place), rng.randrange(1, 4), actor=actor)


def _unusual_changes(hour: datetime, number: int, actor: str) -> list[dict[str, Any]]:
    start = hour + timedelta(minutes=5)
    if number % 2:
        return v2_burst(start, 90, actor=actor, action="delete", resource_type="zones")
    return [v2_entry(start, actor=actor, resource_type=f"api_tokens_{number}", action="delete")]


def _days_before(first: datetime) -> list[dict[str, Any]]:
    return [
        entry
        for day in range(1, DAYS_BEFORE)
        for place, actor in enumerate(COLLEAGUES)
        for entry in v2_burst(first - DAY * day + timedelta(hours=9, minutes=place), 3 + day % 3, actor=actor)
    ]


@contextmanager
def company(folder: Path, *scenarios: Scenario, first: datetime = FIRST) -> Iterator[Daemon]:
    """Its services, a fortnight of the past in Axiom, and the machine that runs the pipeline; at the first hour."""
    sandbox = Sandbox(folder / "sandbox", clock=SandboxClock(first + timedelta(minutes=1)))
    sandbox.axiom.behaviour.row_delay = sandbox.axiom.behaviour.field_delay = ROW_DELAY
    for scenario in scenarios:
        scenario.show(sandbox)
    with serve_sandbox(sandbox), running_daemon(sandbox, folder / "hours", first) as daemon:
        remember(HourStore(str(daemon.hours)), _days_before(first), daemon.clock)
        yield daemon
