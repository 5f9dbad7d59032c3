"""The machine is down for an hour, a day or a month, while entries continue and many are late; then it is back.

    python -m audit_assets_tests.faults.downtime

Planners that are wrong on purpose, as shipped collectors are (docs/facts/reliability.md, 0.8), must be caught by the
same scenario.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from audit_assets.defs.automation import ledger
from audit_assets.defs.automation.hour_planner import Plan
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import REPEATS, last_began
from audit_assets.storage.tables import ENTRIES, FLAGGED, SUMMARY
from audit_assets_tests.faults.company import FIRST, Scenario, build_scenario, company
from audit_assets_tests.faults.daemon import Daemon, end_of_day
from audit_assets_tests.faults.end_state import Violations, describe
from audit_assets_tests.faults.holdings import read_holdings, twice
from audit_assets_tests.faults.world import SCRATCH
from audit_assets_tests.pipeline import HOUR

DOWNTIMES = {"1 hour": HOUR, "1 day": HOUR * 24, "30 days": HOUR * 24 * 30}

HOURS_BEFORE = 5
"""Hours that the machine works before it goes down; it is back at the same minute."""

DUE = timedelta(minutes=20)

LOOKED_BACK = HOUR * 6


def look_back_from_now(**known: Any) -> Plan:
    """Only the last hours are planned, whatever is missing before."""
    return _right(**{**known, "first": max(known["first"], known["now"] - LOOKED_BACK)})


def high_water_mark(**known: Any) -> Plan:
    """Only hours after the newest finished one are planned."""
    return _right(**{**known, "first": max([known["first"], *(hour + HOUR for hour in known["done"])])})


_right = ledger.plan_hours
WRONG_PLANNERS: Mapping[str, Callable[..., Plan]] = {
    "look-back from now": look_back_from_now,
    "high-water mark": high_water_mark,
}


@dataclass(frozen=True)
class Back:
    """What the machine did when it was back. `first_run`: the hours of its first run after the downtime."""

    newest: datetime
    first_run: frozenset[datetime]
    found: Violations
    requests: int
    runs: int


def downtime(length: timedelta, *, seed: int = 0, planner: str | None = None) -> Back:
    """Go down after a few hours, be back after `length`, and stay until the last pull of the last hour; with a wrong
    planner only until it has nothing left to do."""
    hours = HOURS_BEFORE + length // HOUR
    scenario = build_scenario(hours, seed)
    seam = patch.object(ledger, "plan_hours", WRONG_PLANNERS[planner]) if planner else nullcontext()
    with (
        tempfile.TemporaryDirectory(prefix="faults-", dir=SCRATCH) as folder,
        company(Path(folder), scenario) as daemon,
        seam,
    ):
        clock = daemon.sandbox.shared.clock
        clock.advance(FIRST + HOUR * HOURS_BEFORE + DUE - clock.now())
        daemon.settle(clock.now())
        clock.advance(FIRST + HOUR * hours + DUE - clock.now())
        newest = FIRST + HOUR * (hours - 1)
        back = daemon.settle(clock.now())
        for step in () if planner else (REPEATS[1], REPEATS[-1]):
            clock.advance(newest + HOUR + step + DUE - clock.now())
            daemon.settle(clock.now(), before=end_of_day(newest))
        first_run = back[0].hours if back and back[0].success else frozenset()
        found = find_violations(daemon, scenario, [FIRST + HOUR * number for number in range(hours)])
        found.add("hours_missing", first_run != {newest}, "the newest hour was not judged first")
        return Back(newest, first_run, found, daemon.counts["requests"], daemon.counts["runs"])


def find_violations(daemon: Daemon, scenario: Scenario, hours: list[datetime]) -> Violations:
    """What is find_violations at the end of a scenario."""
    found, left, store = Violations(), read_holdings(daemon, hours), HourStore(str(daemon.hours))
    undone = [hour for hour in hours if store.read_json(SUMMARY, hour) is None]
    found.add("hours_missing", len(undone), "hours that were never judged")
    began = {hour: last_began(store.metadata(ENTRIES, hour) or {}) for hour in hours}
    unsettled = [hour for hour, at in began.items() if at is None or at < hour + HOUR + REPEATS[-1]]
    found.add("hours_missing", len(unsettled), "hours that were not pulled for the last time")
    found.add("entries_lost", len(scenario) - len(left.all_entries()), "entries that are not in a Parquet hour")
    found.add("entries_lost", len(left.all_entries() - Counter(left.held.keys())), "entries that are not in Axiom")
    found.add("entries_twice", twice(left.all_entries().values()), "entries twice in Parquet hours")
    for hour, actor in scenario.must_be_flagged:
        flags = store.read(FLAGGED, hour, ["actor"])
        found.add("flags_wrong", flags is None or actor not in flags["actor"], f"{actor} is not flagged at {hour}")
    found.add("tickets_twice", twice(left.tickets.values()), "tickets too many")
    found.add(
        "tickets_lost",
        len(left.missing_from_digests()),
        f"findings below the threshold that are in no digest: {left.missing_from_digests()}",
    )
    found.add(
        "notes_wrong", twice([*left.hours_on_tickets.values(), *left.comments.values()]), "an hour is on a ticket twice"
    )
    return found


def main() -> int:
    """Each downtime, a line each; exit 1 if anything was missed."""
    missed = False
    for name, length in DOWNTIMES.items():
        began = time.perf_counter()
        back = downtime(length)
        missed |= bool(back.found)
        outcome = describe(back.found) if back.found else "every hour settled, the newest judged first"
        print(f"down for {name}: {outcome}; {back.runs} runs, {time.perf_counter() - began:.0f} s", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
