"""Weeks in which 10 % of all requests fail and 12 % of all runs are killed, compared with the same weeks undisturbed.

    python -m audit_assets_tests.faults.long_run [--hours 720] [--seed 0]

The same scenario runs twice, each time with its own sandbox, store and Dagster. The daemon ticks at uneven intervals,
so that hours are run alone and in stretches, and entries are up to 70 hours late. Afterwards both must have left the
same Parquet hours, ids in Axiom, flags, and tickets with the same hours on them.
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
from audit_assets_tests.faults.company import FIRST, build_scenario, company
from audit_assets_tests.faults.daemon import POINTS_IN_A_RUN, Daemon
from audit_assets_tests.faults.downtime import DUE, find_violations
from audit_assets_tests.faults.end_state import Violations, describe
from audit_assets_tests.faults.holdings import Holdings, read_holdings
from audit_assets_tests.faults.kinds import random_faults
from audit_assets_tests.faults.world import SCRATCH
from audit_assets_tests.pipeline import HOUR

FAILING = 0.10
"""Of the requests of every kind."""

KILLED = 0.12
"""Of the runs so many are to be killed; some end before they reach the point."""

STEPS = (1, 1, 2, 3, 6, 12, 24)
"""Hours between two ticks of the daemon."""

MOST_REQUESTS = 3.0
"""Times those of the undisturbed run."""


@dataclass
class CompanyRun:
    """What a scenario left behind, and what it took."""

    holdings: Holdings
    found: Violations
    counts: Counter[str]
    seconds: float


@dataclass
class Comparison:
    """Both runs of a scenario, and their differences in words."""

    undisturbed: CompanyRun
    disturbed: CompanyRun
    differences: list[str] = field(default_factory=list)

    @property
    def requests(self) -> float:
        """Those of the disturbed run, as a multiple of the other's."""
        return self.disturbed.counts["requests"] / self.undisturbed.counts["requests"]


def run_company(hours: int, seed: int, *, disturbed: bool) -> CompanyRun:
    """Run so many hours, and on until the last pull of the last one."""
    logging.disable(logging.ERROR)  # of the sandbox's server, which hangs up on purpose
    began, scenario = time.perf_counter(), build_scenario(hours, seed)
    steps = random.Random(seed)  # noqa: S311 - no secret depends on it
    with (
        tempfile.TemporaryDirectory(prefix="faults-", dir=SCRATCH) as folder,
        company(Path(folder), scenario) as daemon,
    ):
        if disturbed:
            daemon.plan_faults = _fault_planner(daemon, random.Random(seed + 1))  # noqa: S311
        clock, end = daemon.sandbox.shared.clock, FIRST + HOUR * hours
        at = FIRST + HOUR + DUE
        while at < end + REPEATS[-1] + HOUR:
            _advance_to(daemon, at)
            at += HOUR * steps.choice(STEPS)
            daemon.settle(at - DUE)
        daemon.plan_faults = None
        _advance_to(daemon, max(clock.now(), end + REPEATS[-1] + HOUR))
        daemon.settle(clock.now() + HOUR * 12)
        every_hour = [FIRST + HOUR * number for number in range(hours)]
        found = find_violations(daemon, scenario, every_hour)
        return CompanyRun(read_holdings(daemon, every_hour), found, daemon.counts, time.perf_counter() - began)


def _advance_to(daemon: Daemon, at: datetime) -> None:
    clock = daemon.sandbox.shared.clock
    clock.advance(max(at - clock.now(), timedelta(0)))


def _fault_planner(daemon: Daemon, rng: random.Random) -> Callable[[dg.RunRequest], int | None]:
    """A function that decides for each run which of its requests fail, and at which point it is killed, if at all."""

    def plan(_: dg.RunRequest) -> int | None:
        for fault in random_faults(rng, FAILING):
            daemon.sandbox.faults.add(fault)
        return rng.randrange(POINTS_IN_A_RUN) if rng.random() < KILLED else None

    return plan


def compare_runs(hours: int, seed: int, *, workers: int = 2) -> Comparison:
    """Both runs, in parallel processes."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        undisturbed, disturbed = (pool.submit(run_company, hours, seed, disturbed=each) for each in (False, True))
        both = Comparison(undisturbed.result(), disturbed.result())
    one, other = both.undisturbed.holdings, both.disturbed.holdings
    compared: list[tuple[str, Mapping[Any, Any], Mapping[Any, Any]]] = [
        ("Parquet hours", one.entries, other.entries),
        ("ids in Axiom", dict.fromkeys(one.held), dict.fromkeys(other.held)),
        ("hours' flags", _flags(one), _flags(other)),
        ("hours' numbers behind the flags", one.flags, other.flags),
        ("tickets", one.tickets, other.tickets),
        ("hours on tickets", one.hours_on_tickets, other.hours_on_tickets),
    ]
    for what, undisturbed_values, disturbed_values in compared:
        keys = undisturbed_values.keys() | disturbed_values.keys()
        differ = sum(undisturbed_values.get(key) != disturbed_values.get(key) for key in keys)
        both.differences += [f"{differ:,} {what}"] if differ else []
    return both


def _flags(held: Holdings) -> dict[datetime, set[tuple[str, ...]]]:
    """Who is flagged in each hour, for what, and what became of it."""
    return {
        hour: {tuple(str(row[name]) for name in ("actor_key", "kind", "resource_type", "disposition")) for row in rows}
        for hour, rows in ((hour, json.loads(text)) for hour, text in held.flags.items())
    }


def main() -> int:
    """The command. Exit 1 if anything differs."""
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets_tests.faults.long_run",
        description="Weeks with failing requests and killed runs, compared with undisturbed weeks.",
    )
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="number of parallel processes: 2 for both runs at once")
    options = parser.parse_args()
    both = compare_runs(options.hours, options.seed, workers=options.workers)
    for name, each in (("undisturbed", both.undisturbed), ("with faults", both.disturbed)):
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(each.counts.items()))
        print(f"{options.hours:,} hours {name}: {counts}; {describe(each.found)}; {each.seconds:.0f} s")
    print(f"{both.requests:.2f} times the requests; different: {', '.join(both.differences) or 'nothing'}")
    too_many_requests = both.requests > MOST_REQUESTS
    return 1 if both.differences or both.undisturbed.found or both.disturbed.found or too_many_requests else 0


if __name__ == "__main__":
    sys.exit(main())
