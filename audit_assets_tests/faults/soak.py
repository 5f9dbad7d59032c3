"""Weeks of bad luck beside the same weeks without any: 10 % of all requests fail, 10 % of all runs are killed.

    python -m audit_assets_tests.faults.soak [--hours 720] [--seed 0]

A company lives twice, each time with its own sandbox, store and Dagster: the machine looks after it in uneven steps, so
that hours come alone and in stretches, and entries come up to 70 hours late. Afterwards both must have left the same:
Parquet hours, ids in Axiom, what was flagged, and tickets with the hours that they tell of.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dagster as dg

from audit_assets.storage.pull_history import REPEATS
from audit_assets_tests.faults.company import FIRST, company, life
from audit_assets_tests.faults.daemon import POINTS_IN_A_RUN, Daemon
from audit_assets_tests.faults.downtime import DUE, wrong
from audit_assets_tests.faults.holdings import Holdings, holdings
from audit_assets_tests.faults.kinds import misfortune
from audit_assets_tests.faults.verdict import Violations, as_words
from audit_assets_tests.faults.world import SCRATCH
from audit_assets_tests.pipeline import HOUR

FAILING = 0.10
"""Of the requests of every kind."""

KILLED = 0.12
"""Of the runs so many are to be killed; some end before they reach the point."""

STEPS = (1, 1, 2, 3, 6, 12, 24)
"""Hours between two looks of the machine."""

MOST_REQUESTS = 3.0
"""Times those of the life without misfortune."""


@dataclass
class Lived:
    """What a life left behind, and what it took."""

    holdings: Holdings
    found: Violations
    counts: Counter[str]
    seconds: float


@dataclass
class Soaked:
    """Both lives, and what differs. `apart` says it in words."""

    lucky: Lived
    unlucky: Lived
    apart: list[str] = field(default_factory=list)

    @property
    def requests(self) -> float:
        """Those of the unlucky life, in times those of the other."""
        return self.unlucky.counts["requests"] / self.lucky.counts["requests"]


def lived(hours: int, seed: int, *, unlucky: bool) -> Lived:
    """Live so many hours, and then until the last pull of the last one."""
    logging.disable(logging.ERROR)  # of the sandbox's server, which hangs up on purpose
    began, happened = time.perf_counter(), life(hours, seed)
    steps = random.Random(seed)  # noqa: S311 - no secret depends on it
    with (
        tempfile.TemporaryDirectory(prefix="faults-", dir=SCRATCH) as folder,
        company(Path(folder), happened) as daemon,
    ):
        if unlucky:
            daemon.fate = _misfortunes(daemon, random.Random(seed + 1))  # noqa: S311
        clock, end = daemon.sandbox.stage.clock, FIRST + HOUR * hours
        at = FIRST + HOUR + DUE
        while at < end + REPEATS[-1] + HOUR:
            _come_to(daemon, at)
            at += HOUR * steps.choice(STEPS)
            daemon.settle(at - DUE)
        daemon.fate = None
        _come_to(daemon, max(clock.now(), end + REPEATS[-1] + HOUR))
        daemon.settle(clock.now() + HOUR * 12)
        every_hour = [FIRST + HOUR * number for number in range(hours)]
        found = wrong(daemon, happened, every_hour)
        return Lived(holdings(daemon, every_hour), found, daemon.counts, time.perf_counter() - began)


def _come_to(daemon: Daemon, at: datetime) -> None:
    clock = daemon.sandbox.stage.clock
    clock.advance(max(at - clock.now(), timedelta(0)))


def _misfortunes(daemon: Daemon, dice: random.Random) -> Callable[[dg.RunRequest], int | None]:
    """Decides for each run which of its requests fail, and at which point it is killed, if at all."""

    def befalls(_: dg.RunRequest) -> int | None:
        for fault in misfortune(dice, FAILING):
            daemon.sandbox.faults.add(fault)
        return dice.randrange(POINTS_IN_A_RUN) if dice.random() < KILLED else None

    return befalls


def soaked(hours: int, seed: int, *, workers: int = 2) -> Soaked:
    """Both lives, side by side in processes of their own."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        lucky, unlucky = (pool.submit(lived, hours, seed, unlucky=unlucky) for unlucky in (False, True))
        both = Soaked(lucky.result(), unlucky.result())
    one, other = both.lucky.holdings, both.unlucky.holdings
    compared: list[tuple[str, Mapping[Any, Any], Mapping[Any, Any]]] = [
        ("Parquet hours", one.entries, other.entries),
        ("ids in Axiom", dict.fromkeys(one.held), dict.fromkeys(other.held)),
        ("hours' flags", _flags(one), _flags(other)),
        ("hours' numbers behind the flags", one.flags, other.flags),
        ("tickets", one.tickets, other.tickets),
        ("hours on tickets", one.told, other.told),
    ]
    for what, mine, theirs in compared:
        differ = sum(mine.get(key) != theirs.get(key) for key in mine.keys() | theirs.keys())
        both.apart += [f"{differ:,} {what}"] if differ else []
    return both


def _flags(held: Holdings) -> dict[datetime, set[tuple[str, ...]]]:
    """Who is flagged in each hour, for what, and whether it rings."""
    return {
        hour: {tuple(str(row[name]) for name in ("actor_key", "kind", "resource_type", "disposition")) for row in rows}
        for hour, rows in ((hour, json.loads(text)) for hour, text in held.flags.items())
    }


def main() -> int:
    """The command. Exit 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m audit_assets_tests.faults.soak", description="Weeks of bad luck.")
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes: 2 live both lives side by side")
    asked = parser.parse_args()
    both = soaked(asked.hours, asked.seed, workers=asked.workers)
    for name, each in (("without misfortune", both.lucky), ("with misfortune", both.unlucky)):
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(each.counts.items()))
        print(f"{asked.hours:,} hours {name}: {counts}; {as_words(each.found)}; {each.seconds:.0f} s")
    print(f"{both.requests:.2f} times the requests; different: {', '.join(both.apart) or 'nothing'}")
    wrong_at_all = both.apart or both.lucky.found or both.unlucky.found or both.requests > MOST_REQUESTS
    return 1 if wrong_at_all else 0


if __name__ == "__main__":
    sys.exit(main())
