"""The machine is down for an hour, a day or a month, while entries go on and many come late; then it is back.

    python -m audit_assets_tests.faults.downtime

Planners that are wrong on purpose, as shipped collectors are (docs/facts/reliability.md, 0.8), must be caught by the same
scenario.
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

from audit_assets.defs.assets.flagged_actor_summary import SUMMARY
from audit_assets.defs.assets.flagged_actors import FLAGGED
from audit_assets.defs.assets.raw_audit_entries import ENTRIES
from audit_assets.defs.automation import ledger
from audit_assets.defs.automation.hour_planner import Plan
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import REPEATS, last_began
from audit_assets_tests.faults.company import FIRST, Life, company, life
from audit_assets_tests.faults.daemon import Daemon, end_of_day
from audit_assets_tests.faults.holdings import holdings, twice
from audit_assets_tests.faults.verdict import Violations, as_words
from audit_assets_tests.faults.world import SCRATCH
from audit_assets_tests.pipeline import HOUR

DOWNTIMES = {"1 hour": HOUR, "1 day": HOUR * 24, "30 days": HOUR * 24 * 30}

HOURS_BEFORE = 5
"""That the machine has worked before it goes down; it is back at the same minute."""

DUE = timedelta(minutes=20)

LOOKED_BACK = HOUR * 6


def look_back_from_now(**known: Any) -> Plan:
    """Only the last hours are looked at, whatever came before."""
    return _right(**{**known, "first": max(known["first"], known["now"] - LOOKED_BACK)})


def high_water_mark(**known: Any) -> Plan:
    """Only hours after the newest that is done are looked at."""
    return _right(**{**known, "first": max([known["first"], *(hour + HOUR for hour in known["done"])])})


_right = ledger.plan_hours
WRONG: Mapping[str, Callable[..., Plan]] = {
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
    """Go down after a few hours, be back after `length`, and stay until the last pull of the last hour: a wrong
    planner only until it has nothing more to do."""
    hours = HOURS_BEFORE + length // HOUR
    lived = life(hours, seed)
    seam = patch.object(ledger, "plan_hours", WRONG[planner]) if planner else nullcontext()
    with (
        tempfile.TemporaryDirectory(prefix="faults-", dir=SCRATCH) as folder,
        company(Path(folder), lived) as daemon,
        seam,
    ):
        clock = daemon.sandbox.stage.clock
        clock.advance(FIRST + HOUR * HOURS_BEFORE + DUE - clock.now())
        daemon.settle(clock.now())
        clock.advance(FIRST + HOUR * hours + DUE - clock.now())
        newest = FIRST + HOUR * (hours - 1)
        back = daemon.settle(clock.now())
        for step in () if planner else (REPEATS[1], REPEATS[-1]):
            clock.advance(newest + HOUR + step + DUE - clock.now())
            daemon.settle(clock.now(), before=end_of_day(newest))
        first_run = back[0].hours if back and back[0].success else frozenset()
        found = wrong(daemon, lived, [FIRST + HOUR * number for number in range(hours)])
        found.add("hours_missing", first_run != {newest}, "the newest hour was not judged first")
        return Back(newest, first_run, found, daemon.counts["requests"], daemon.counts["runs"])


def wrong(daemon: Daemon, lived: Life, hours: list[datetime]) -> Violations:
    """What is wrong when all is over, for that life."""
    found, left, store = Violations(), holdings(daemon, hours), HourStore(str(daemon.hours))
    undone = [hour for hour in hours if store.read_json(SUMMARY, hour) is None]
    found.add("hours_missing", len(undone), "hours that were never judged")
    began = {hour: last_began(store.evidence(ENTRIES, hour) or {}) for hour in hours}
    unsettled = [hour for hour, at in began.items() if at is None or at < hour + HOUR + REPEATS[-1]]
    found.add("hours_missing", len(unsettled), "hours that were not pulled for the last time")
    found.add("entries_lost", len(lived) - len(left.all_entries()), "entries that are not in a Parquet hour")
    found.add("entries_lost", len(left.all_entries() - Counter(left.held.keys())), "entries that are not in Axiom")
    found.add("entries_twice", twice(left.all_entries().values()), "entries twice in Parquet hours")
    for hour, actor in lived.action_summaries:
        flags = store.read(FLAGGED, hour, ["actor"])
        found.add("flags_wrong", flags is None or actor not in flags["actor"], f"{actor} is not flagged at {hour}")
    found.add("tickets_twice", twice(left.tickets.values()), "tickets too many")
    found.add("tickets_lost", len(left.untold()), f"findings under the budget that no digest tells of: {left.untold()}")
    found.add("notes_wrong", twice([*left.told.values(), *left.comments.values()]), "an hour is told twice on a ticket")
    return found


def main() -> int:
    """Each downtime, a line each; exit 1 if anything was missed."""
    missed = False
    for name, length in DOWNTIMES.items():
        began = time.perf_counter()
        back = downtime(length)
        missed |= bool(back.found)
        told = as_words(back.found) if back.found else "every hour settled, the newest judged first"
        print(f"down for {name}: {told}; {back.runs} runs, {time.perf_counter() - began:.0f} s", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
