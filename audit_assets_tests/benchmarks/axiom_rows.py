"""How many rows Axiom reads for a run of an hour, after 30, 90 and 300 days of history.

    python -m audit_assets_tests.benchmarks.axiom_rows [--days 30 90 300] [--entries 40]

All assets of `hourly_audit` run against the sandbox, whose Axiom counts as read all rows of the dataset within the time
range of a query, whatever the query filters. The history was ingested before there were aggregates, so that the day
before the measured ones reads its entries, once; that is shown too. Axiom's own unit is GB·ms, and how it follows from
rows is published nowhere (docs/facts/axiom.md, 2.2 and 8), so that none is printed but as unknown.
"""

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console

from audit_assets.sandbox.axiom.axiom_service import Scan
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.benchmarks.hour import table_of
from audit_assets_tests.benchmarks.hour_world import quiet_hour
from audit_assets_tests.cloudflare.samples import AN_HOUR
from audit_assets_tests.cloudflare.samples import HOUR as PLACE_0
from audit_assets_tests.pipeline import DAY, Pipeline
from audit_assets_tests.support import JumpingClock

TODAY = PLACE_0.replace(hour=0)

PER_ENTRY, PER_ACTOR = 4, 1_000
"""At most so many rows for each entry of the hour, and for each actor that is active in it."""


@dataclass(frozen=True)
class HourRun:
    """A run of an hour: how many entries and active actors the hour has, and what was read for it."""

    name: str
    entries: int
    actors: int
    scans: Sequence[Scan]

    @property
    def bound(self) -> int:
        """How many rows may be read."""
        return PER_ENTRY * self.entries + PER_ACTOR * self.actors

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return sum(scan.rows_examined for scan in self.scans)

    def by_query(self) -> Counter[str]:
        """The same by the first sentence of each query file."""
        counted: Counter[str] = Counter()
        for scan in self.scans:
            counted[scan.apl.partition("\n")[0].removeprefix("// ").partition(".")[0]] += scan.rows_examined
        return counted


def measure(days: int, entries: int) -> list[HourRun]:
    """The runs of some hours after so many days of history, with so many entries in each hour."""
    with pipeline_after(days, entries) as pipeline:
        yesterday = TODAY - DAY
        first = _measured(pipeline, "the first run of all", yesterday)
        _load(pipeline, yesterday + AN_HOUR, TODAY - AN_HOUR)
        runs = [_measured(pipeline, "a day's first hour", TODAY), _measured(pipeline, "its second", TODAY + AN_HOUR)]
        _load(pipeline, TODAY + 2 * AN_HOUR, TODAY + 22 * AN_HOUR)
        last = TODAY + 23 * AN_HOUR
        runs.append(_measured(pipeline, "its last", last))
        runs.append(_measured(pipeline, "the same, run again", last))
        pipeline.sandbox.cloudflare.add("v2", late_entry(TODAY - 20 * AN_HOUR))
        _load(pipeline, TODAY - 20 * AN_HOUR, TODAY - 20 * AN_HOUR)
        runs.append(_measured(pipeline, "after a late entry of yesterday", last))
        return [first, *runs]


def late_entry(hour: datetime) -> list[dict[str, Any]]:
    """One more entry of an hour."""
    (entry,) = quiet_hour((hour - PLACE_0) // AN_HOUR, 1)
    return [{**entry, "id": f"late-{hour:%Y%m%d%H}"}]


@contextmanager
def pipeline_after(days: int, entries: int) -> Iterator[Pipeline]:
    """So many days before yesterday, straight in Axiom; yesterday and today in Cloudflare's log."""
    places = range((TODAY - DAY - PLACE_0) // AN_HOUR, (TODAY + DAY - PLACE_0) // AN_HOUR)
    clock = SandboxClock(TODAY + DAY + timedelta(minutes=20))
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder) / "sandbox", clock=clock)
        sandbox.axiom.behaviour.retention_days = 400
        sandbox.cloudflare.add("v2", chain.from_iterable(quiet_hour(place, entries) for place in places))
        with serve_sandbox(sandbox):
            os.environ.update(sandbox.environment())
            os.environ["AUDIT_ASSETS_FIRST_HOUR"] = f"{TODAY - DAY * (days + 1):%Y-%m-%d-%H:%M}"
            os.environ["AUDIT_ASSETS_STORAGE"] = str(Path(folder) / "hours")
            pipeline = Pipeline(sandbox, JumpingClock(clock), Path(folder) / "hours")
            for back in range(days + 1, 1, -10):
                stretch = range(max(-24 * back, -24 * (days + 1)), min(-24 * (back - 10), -24))
                at = (TODAY - PLACE_0) // AN_HOUR
                pipeline.remember([*chain.from_iterable(quiet_hour(at + place, entries) for place in stretch)])
            yield pipeline
            pipeline.instance.dispose()


def _load(pipeline: Pipeline, first: datetime, last: datetime) -> None:
    if not pipeline.run(first, last, job="history").success:
        raise RuntimeError("hours could not be loaded")


def _measured(pipeline: Pipeline, name: str, hour: datetime) -> HourRun:
    scans = pipeline.sandbox.axiom.scans
    before = len(scans)
    if not pipeline.run(hour, open_tickets="never").success:
        raise RuntimeError("a run failed")
    entries = pipeline.store.require("raw_audit_entries", hour, ["actor_key"])
    return HourRun(name, entries.height, entries["actor_key"].n_unique(), scans[before:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Print how many rows Axiom reads for a run of an hour.")
    parser.add_argument("--days", type=int, nargs="+", default=[30, 90, 300], help="of history")
    parser.add_argument("--entries", type=int, default=40, help="in each hour")
    options = parser.parse_args()
    console = Console(width=160)
    for days in options.days:
        runs = measure(days, options.entries)
        table = table_of(f"rows read after {days} days of history", *(run.name for run in runs))
        for query in sorted({query for run in runs for query in run.by_query()}):
            table.add_row(query, *(f"{run.by_query()[query]:,}" for run in runs))
        table.add_row("together", *(f"{run.rows:,}" for run in runs))
        table.add_row("at most", *(f"{run.bound:,}" for run in runs))
        table.add_row("in Axiom's GB·ms", *("unknown" for _ in runs))
        console.print(table)


if __name__ == "__main__":
    main()
