"""What a month costs in requests and in data: the hours of a small, a middling and a large organisation, measured.

    python -m audit_assets_tests.benchmarks.costs

All assets of `hourly_audit` run against the sandbox, whose services count their requests. A month is 720 hours, each
run once, of which 30 are the first of their day, pulled again four times in passing, and 0.8 times run again for late
entries, its own or those of earlier hours; 30 tickets; and a look at the
verdicts every half hour. Bytes are those of the events as JSON, before they are compressed.
"""

import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path

from rich.console import Console

from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_batches import json_lines
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.defs.resources import CloudflareResource
from audit_assets.defs.steps.late_entries import pull_again
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.pull_history import REPEATS
from audit_assets_tests.benchmarks.hour import table_of
from audit_assets_tests.benchmarks.hour_world import HISTORY, judged_hour, quiet_hour
from audit_assets_tests.cloudflare.samples import ACCOUNT, AN_HOUR, HOUR
from audit_assets_tests.pipeline import Pipeline
from audit_assets_tests.support import JumpingClock

SIZES = {"small": 35, "middling": 350, "large": 3_500}
"""Entries an hour: 25,000, 250,000 and 2,500,000 a month."""

HOURS, DAYS, TICKETS = 720, 30, 30
"""Of a month."""

RUN_AGAIN = 0.8
"""So often an hour is run again where entries come late at the rates of dagster_storage.py: an upper bound of what that
costs, since most are run together."""

LOOKS = 48 * DAYS
"""The sensor of the verdicts looks every half hour."""

GIGABYTE = 10**9

SERVICES = ("cloudflare", "axiom", "linear")


@dataclass(frozen=True)
class Month:
    """The requests of a month by service, those of a ticket, and the gigabytes that Axiom takes in."""

    requests: dict[str, int]
    queries: int
    of_a_ticket: int
    gigabytes: float


def measure(entries: int) -> Month:
    """The month of an organisation with so many entries an hour."""
    with pipeline_of(entries) as pipeline:
        first, usual, again = (requests_of(pipeline, hour, open_tickets="never") for hour in (0, 1, 1))
        pulled = requests_of_a_pull(pipeline)
        with_tickets = requests_of(pipeline, 2, open_tickets="always")
        tickets = len(pipeline.tickets())
        verdicts = requests_of(pipeline, None)
    if not tickets:
        raise RuntimeError("the hour with the attack opened no ticket")

    def of_month(count: Counter[tuple[str, str]], *names: str) -> int:
        return sum(number for (service, call), number in count.items() if service in names or call in names)

    def total(*names: str) -> int:
        at_first = of_month(first, *names) - of_month(usual, *names)
        later = RUN_AGAIN * of_month(again, *names) + len(REPEATS) * of_month(pulled, *names)
        return round(HOURS * (of_month(usual, *names) + later) + DAYS * at_first)

    of_a_ticket = math.ceil(of_month(with_tickets, "linear", "storage") / tickets)
    requests = {name: total(name) for name in SERVICES}
    requests["linear"] += TICKETS * of_a_ticket + LOOKS * of_month(verdicts, "linear")
    return Month(requests, total("query"), of_a_ticket, bytes_of_an_event() * entries * HOURS / GIGABYTE)


@contextmanager
def pipeline_of(entries: int) -> Iterator[Pipeline]:
    """Two hours of so many entries and one with an attack, after a fortnight."""
    past = chain.from_iterable(quiet_hour(place, 6) for place in range(-(HISTORY // AN_HOUR), 0))
    hours = [*quiet_hour(0, entries), *quiet_hour(1, entries), *judged_hour(2, entries, abuse=True)]
    clock = SandboxClock(HOUR + 3 * AN_HOUR + timedelta(minutes=20))
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder) / "sandbox", clock=clock)
        sandbox.cloudflare.add("v2", hours)
        with serve_sandbox(sandbox):
            os.environ.update({**sandbox.environment(), "AUDIT_ASSETS_FIRST_HOUR": f"{HOUR - HISTORY:%Y-%m-%d-%H:%M}"})
            os.environ["AUDIT_ASSETS_STORAGE"] = str(Path(folder) / "hours")
            pipeline = Pipeline(sandbox, JumpingClock(clock), Path(folder) / "hours")
            pipeline.remember([*past])
            yield pipeline
            pipeline.instance.dispose()


def requests_of(pipeline: Pipeline, place: int | None, open_tickets: str = "auto") -> Counter[tuple[str, str]]:
    """What a run of an hour requests; without one, what a look at the verdicts does."""
    before = pipeline.sandbox.shared.call_counts()
    if place is None:
        result = pipeline.read_verdicts()
    else:
        result = pipeline.run(HOUR + AN_HOUR * place, open_tickets=open_tickets)
    if not result.success:
        raise RuntimeError("a run failed")
    return pipeline.sandbox.shared.call_counts() - before


def requests_of_a_pull(pipeline: Pipeline) -> Counter[tuple[str, str]]:
    """What it takes to pull an hour again in passing."""
    before, cloudflare = pipeline.sandbox.shared.call_counts(), CloudflareResource(pipeline.clock)
    with closing(cloudflare.client()) as client:
        (found,) = pull_again(client, cloudflare.streams(), pipeline.store, [HOUR + AN_HOUR], {})
    assert not isinstance(found, str), found
    return pipeline.sandbox.shared.call_counts() - before


def bytes_of_an_event() -> float:
    """The mean size of an event as it is sent, uncompressed."""
    frame = normalize_entries([*quiet_hour(0, 1_000)], "v2", ACCOUNT)[0]
    return (json_lines(events_from(frame)).str.len_bytes().cast(int) + 1).mean()  # type: ignore[return-value]


def main() -> None:
    """Measure and print."""
    columns = ("Cloudflare", "Axiom", "of it queries", "GB into Axiom", "Linear", "of it a ticket")
    table = table_of("a month: requests", *columns)
    for name, entries in SIZES.items():
        month = measure(entries)
        figures = [month.requests["cloudflare"], month.requests["axiom"], month.queries]
        cells = [*(f"{figure:,}" for figure in figures), f"{month.gigabytes:.2f}"]
        table.add_row(
            f"{name}, {entries * HOURS:,} entries", *cells, f"{month.requests['linear']:,}", f"{month.of_a_ticket}"
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
