"""Any events in any order: a stateful model of hours, late entries, re-runs and tickets.

    python -m audit_assets_tests.faults.model [--runs 500] [--workers 2]

What must always be true is checked after every step; what is promised for the end, once the machine was undisturbed
until the last hour's last pull. Of tickets it checks only what holds however long they live: an actor never has two
that are open, an hour is never on tickets twice, and a day never has two digests.
"""

import argparse
import logging
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets.storage.pull_history import REPEATS, newest_settled_hour
from audit_assets.storage.tables import ENTRIES, SUMMARY, TICKETS
from audit_assets_tests.faults.company import COLLEAGUES, FIRST, company
from audit_assets_tests.faults.daemon import POINTS_IN_A_RUN, Daemon, end_of_day
from audit_assets_tests.faults.holdings import Holdings, read_holdings, twice
from audit_assets_tests.faults.kinds import failures_of
from audit_assets_tests.faults.world import SCRATCH
from audit_assets_tests.pipeline import HOUR, v2_burst

DUE = timedelta(minutes=20)
SKEW = timedelta(minutes=2)
AT_LAST = REPEATS[-1] + HOUR + DUE
LATEST = timedelta(hours=71)
"""After its time an entry is shown at last: within three days, with some minutes for clocks that differ."""

SERVICES = ("cloudflare", "axiom", "linear")
ACTORS = st.sampled_from(COLLEAGUES[:3])


class Hours(RuleBasedStateMachine):
    """The machine that runs the pipeline, and everything around it."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="faults-", dir=SCRATCH))
        self.daemon: Daemon = self._open.enter_context(company(Path(folder)))
        self.clock = self.daemon.sandbox.shared.clock
        self.clock.advance(FIRST + HOUR + DUE - self.clock.now())
        self.shown: list[dict[str, Any]] = []
        self.unreadable = 0
        self.seen = Holdings()
        self.number = 0

    @initialize()
    def the_first_hour(self) -> None:
        """So that there is something to disturb."""
        self.entries_come("alice@example.com", count=70, ago=timedelta(minutes=50), late=timedelta(0), new=False)
        self.the_sensor_ticks()

    @rule(
        actor=ACTORS,
        count=st.sampled_from([1, 3, 70]),
        ago=st.timedeltas(timedelta(0), timedelta(hours=9)),
        late=st.sampled_from([timedelta(0), HOUR, HOUR * 5, HOUR * 20, LATEST]),
        new=st.booleans(),
    )
    def entries_come(self, actor: str, count: int, ago: timedelta, late: timedelta, new: bool) -> None:
        """On time or late; of a resource type that nobody has touched, or not."""
        self.number += 1
        now = self.clock.now()
        time = max(FIRST, (now - ago).replace(microsecond=0))
        kind = f"secret_{self.number}" if new else "dns_records"
        entries = v2_burst(time, count, actor=actor, resource_type=kind, zone={"id": f"{self.number:032x}"})
        for entry in entries:
            entry["id"] = f"{self.number:016x}{entry['id'][16:]}"
        self.daemon.sandbox.cloudflare.add("v2", entries, visible_at=max(now, time + late))
        self.shown += entries

    @precondition(lambda self: self.shown)
    @rule(which=st.integers(0, 10_000), late=st.sampled_from([timedelta(0), HOUR, HOUR * 30]))
    def an_entry_comes_again(self, which: int, late: timedelta) -> None:
        """Cloudflare lists it twice, from now on or later."""
        again = self.shown[which % len(self.shown)]
        self.daemon.sandbox.cloudflare.add("v2", [again], visible_at=self.clock.now() + late)

    @rule(minute=st.integers(1, 50))
    def something_unreadable_comes(self, minute: int) -> None:
        """It has a place in the log, but no time of its own."""
        self.unreadable += 1
        text = f'{{"id": {self.unreadable}, "action": "no time"}}'
        time = self.clock.now().replace(minute=0, second=0, microsecond=0) - HOUR + timedelta(minutes=minute)
        self.daemon.sandbox.cloudflare.add_text("v2", text, max(FIRST, time))

    @rule(hours=st.sampled_from([1, 1, 2, 5, 26]))
    def time_passes(self, hours: int) -> None:
        """Up to a day and more: then the machine was down."""
        self.clock.advance(HOUR * hours)

    @rule()
    def the_sensor_ticks(self) -> None:
        """And the runs that it requests are made."""
        self.daemon.tick()

    @rule(service=st.sampled_from(SERVICES), number=st.integers(1, 12), way=st.integers(0, 100))
    def the_sensor_ticks_and_a_request_fails(self, service: str, number: int, way: int) -> None:
        """The N-th to that service, in one of the ways that the service knows for any call."""
        ways = [each for each in failures_of(service, "*") if not each.slow]
        self.daemon.sandbox.faults.add(ways[way % len(ways)].at(service, number))
        self.daemon.tick()
        self.daemon.sandbox.faults.clear()

    @rule(point=st.integers(0, POINTS_IN_A_RUN))
    def the_sensor_ticks_and_a_run_is_killed(self, point: int) -> None:
        """The first that is requested; the others are made."""
        self.daemon.tick(kill_at=point)

    @rule(ago=st.integers(0, 30))
    def a_person_runs_an_hour_again(self, ago: int) -> None:
        """One that has settled; every hour may be run again at any time."""
        newest = newest_settled_hour(self.clock.now() - SKEW)
        if newest >= FIRST:
            self.daemon.run(dg.RunRequest(partition_key=key_of(max(FIRST, newest - HOUR * ago))))

    @precondition(lambda self: self.daemon.sandbox.linear.issues())
    @rule(which=st.integers(0, 100), state=st.sampled_from(["Done", "Canceled", "In Progress"]))
    def a_person_moves_a_ticket(self, which: int, state: str) -> None:
        """Closes it, cancels it, or takes it up."""
        issues = self.daemon.sandbox.linear.issues()
        self.daemon.sandbox.linear.move(issues[which % len(issues)]["identifier"], state)

    @rule()
    def the_home_of_dagster_is_deleted(self) -> None:
        """With everything that Dagster knew."""
        self.daemon.delete_dagster_home()

    @rule(skew=st.sampled_from([-SKEW, timedelta(0), SKEW]))
    def our_clock_is_set(self, skew: timedelta) -> None:
        """Off Cloudflare's by two minutes at most."""
        self.daemon.clock.skew = skew

    @invariant()
    def nothing_disappears_and_nothing_is_there_twice(self) -> None:
        """At any time."""
        now = self._look()
        for hour, entries in self.seen.entries.items():
            assert not entries - now.entries[hour], f"entries of {hour} have disappeared"
        for hour, quarantined in self.seen.quarantined.items():
            assert not quarantined - now.quarantined[hour], f"{hour} has lost what was in quarantine"
        for quarantined in now.quarantined.values():
            assert not twice(quarantined.values()), "something is in quarantine twice"
        assert not twice(now.all_entries().values()), "an entry is in Parquet hours twice"
        assert not twice(now.open_tickets.values()), f"two open tickets of one actor: {now.open_tickets}"
        assert not now.digests_twice(), f"two digests of one day: {now.tickets}"
        assert not twice(now.hours_on_tickets.values()), f"an hour is on tickets twice: {now.hours_on_tickets}"
        assert not twice(now.comments.values()), "a comment was written twice"
        self.seen = now

    def teardown(self) -> None:
        """Leave the machine undisturbed, then check that everything is done."""
        with self._open:
            self.daemon.clock.skew = timedelta(0)
            last = self.clock.now()
            for step in (timedelta(0), HOUR * 7, AT_LAST):
                self.clock.advance(last + step - self.clock.now())
                self.daemon.settle(self.clock.now() + HOUR / 2, before=end_of_day(last))
            self.nothing_disappears_and_nothing_is_there_twice()
            self._all_is_done(last)

    def _all_is_done(self, last: datetime) -> None:
        store, held = HourStore(str(self.daemon.hours)), read_holdings(self.daemon, self._hours()).held
        pulled: Counter[str] = Counter()
        for hour in self._hours():
            if hour + HOUR <= last:
                assert store.read_json(SUMMARY, hour) is not None, f"{hour} was never judged"
            entries = store.read(ENTRIES, hour, ["native_id", "entry_id"])
            if entries is not None:
                pulled.update(entries["native_id"])
                assert set(entries["entry_id"]) <= held.keys(), f"entries of {hour} are not in Axiom"
        missing = {each["id"] for each in self.shown} - pulled.keys()
        assert not missing, f"{len(missing)} entries are in no Parquet hour"
        unreadable = sum(len(quarantined) for quarantined in self.seen.quarantined.values())
        assert unreadable == self.unreadable, f"{self.unreadable} unreadable entries, {unreadable} in quarantine"
        for actor, hour in self.seen.alerting - set(self.seen.hours_on_tickets):
            outcomes = store.require(TICKETS, datetime.fromisoformat(hour)).filter(pl.col("outcome") == "failed")
            assert outcomes.is_empty(), f"{actor} was flagged in {hour}, and no run tried to add it to a ticket"
        assert not self.seen.missing_from_digests(), (
            f"findings below the threshold that are in no digest: {self.seen.missing_from_digests()}"
        )

    def _hours(self) -> list[datetime]:
        newest = newest_settled_hour(self.clock.now())
        return [FIRST + HOUR * number for number in range((newest - FIRST) // HOUR + 1)] or [FIRST]

    def _look(self) -> Holdings:
        return read_holdings(self.daemon, self._hours(), in_axiom=False)


def run_sequences(runs: int) -> None:
    """Run so many sequences; the first that breaks a promise ends it, with the steps that lead there."""
    logging.disable(logging.ERROR)  # of the sandbox's server, which hangs up on purpose
    many = settings(
        max_examples=runs,
        stateful_step_count=12,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Hours, settings=many)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets_tests.faults.model",
        description="Run random sequences of events, and check what must always be true.",
    )
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2, help="number of parallel processes")
    options = parser.parse_args()
    began = time.perf_counter()
    shares = [len(range(first, options.runs, options.workers)) for first in range(options.workers)]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        for ended in as_completed([pool.submit(run_sequences, share) for share in shares if share]):
            ended.result()
    print(f"{options.runs:,} sequences without a counter-example, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
