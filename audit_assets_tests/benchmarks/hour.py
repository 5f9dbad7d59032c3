"""How long an hour takes inside Dagster, how much of that is ours, and how much memory a very large one needs.

    python -m audit_assets_tests.benchmarks.hour [--entries 83000,500000]

All assets and checks of `hourly_audit`, in the in-process executor, against the sandbox in a process of its own. Ours
is the time inside the bodies of our assets and checks; all the rest is Dagster's: its events, its storage, and its
answer which hours are materialised. Waits are skipped and listed separately.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from audit_assets.cli.dagster_home import instance_home

MOST_MEMORY = 600
"""MB that an hour of 500,000 entries may take in all."""

ORDINARY_HOURS, ORDINARY_ENTRIES = 10, 50

IMPORT = "\n".join(
    [
        "import audit_assets.definitions",
        "from audit_assets_tests.benchmarks.process_memory import peak_memory",
        "print(peak_memory())",
    ]
)

Hour = Mapping[str, Any]
"""Its `seconds`, and its `bodies`: each a `hour_runs.Body` as JSON."""


@contextmanager
def world(*arguments: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A sandbox in a process of its own: its address, and the environment of a pipeline with a new home."""
    command = [sys.executable, "-m", "audit_assets_tests.benchmarks.hour_world", *arguments]
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603 - our own command
    ):
        try:
            started = json.loads(process.stdout.readline() if process.stdout else "{}")
            places = {
                "DAGSTER_HOME": str(instance_home(Path(home))),
                "AUDIT_ASSETS_STORAGE": str(Path(home) / "hours"),
            }
            yield started["url"], {**os.environ, **started["settings"], **places}
        finally:
            process.terminate()


def run(address: str, environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """The measurements of a process with nothing but the pipeline."""
    command = [sys.executable, "-m", "audit_assets_tests.benchmarks.hour_runs", *arguments, "--world", address]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own
    return json.loads(ended.stdout)


def imported() -> tuple[float, float]:
    """Seconds and MB of a process that imports the definitions and does nothing."""
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own
    return time.perf_counter() - began, float(ended.stdout)


def total(hour: Hour, what: str, name: str | None = None) -> float:
    """One of the figures of all bodies of an hour together, or of the body with that name."""
    return sum(body[what] for body in hour["bodies"] if name in (None, body["name"]))


def ordinary_table(took: Mapping[str, Sequence[Hour]]) -> Table:
    """A column for each instance, a row for each part of an hour: medians, and their share in the whole."""
    table = table_of(f"{ORDINARY_ENTRIES} entries, Dagster's instance", *took)

    def row(name: str, seconds: Callable[[Hour], float], style: str = "") -> None:
        cells: list[str] = []
        for hours in took.values():
            share = median(seconds(hour) / hour["seconds"] for hour in hours)
            cells.append(f"{median(map(seconds, hours)) * 1000:,.0f} ms  {share:4.0%}")
        table.add_row(name, *cells, style=style)

    row("whole hour", lambda hour: hour["seconds"], "bold")
    row("Dagster", lambda hour: hour["seconds"] - total(hour, "seconds"))
    row("ours, computing", lambda hour: total(hour, "computing"))
    row("ours, waiting for answers and disk", lambda hour: total(hour, "seconds") - total(hour, "computing"))
    for body in next(iter(took.values()))[0]["bodies"]:
        row(f"  {body['name']}", partial(total, what="seconds", name=body["name"]), "dim")
    return table


def full_table(hour: Hour, entries: int) -> Table:
    """A row for each body: time, waits, and memory."""
    table = table_of(f"{entries:,} entries, on SQLite", "time", "computing", "waits", "MB before", "MB most")
    for body in hour["bodies"]:
        table.add_row(
            body["name"],
            f"{body['seconds']:.2f} s",
            f"{body['computing']:.2f} s",
            f"{body['waited']:.0f} s" if body["waited"] else "",
            f"{body['memory_before']:,.0f}",
            f"{body['memory_peak']:,.0f}",
        )
    table.add_row("Dagster", f"{hour['seconds'] - total(hour, 'seconds'):.2f} s")
    table.add_row("whole hour", f"{hour['seconds']:.2f} s", style="bold")
    return table


def table_of(what: str, *columns: str) -> Table:
    """A table whose first column names things and whose others hold figures."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(what, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def report(sizes: Sequence[int]) -> None:
    """Measure and print."""
    console = Console()
    seconds, alone = imported()
    with world("--hours", str(ORDINARY_HOURS), "--entries", str(ORDINARY_ENTRIES)) as (address, environment):
        took = run(address, environment, "ordinary", "--hours", str(ORDINARY_HOURS))
    console.print(ordinary_table(took))
    waited = median(total(hour, "waited") for hours in took.values() for hour in hours)
    console.print(
        f"Besides, {waited:.0f} s of waiting until the sandbox's Axiom shows new rows (Axiom itself: some 10 to "
        f"20 s), and {seconds:.1f} s for a process that imports the definitions.\n"
    )
    for entries in sizes:
        with world("--hours", "1", "--entries", str(entries), "--abuse") as (address, environment):
            run(address, environment, "history")
            hour = run(address, environment, "full")
        console.print(full_table(hour, entries))
        console.print(
            f"Peak memory of the hour of {entries:,} entries: {hour['peak']:,.0f} MB (bound: {MOST_MEMORY} MB); "
            f"of a process that only imports audit_assets.definitions: {alone:,.0f} MB.\n"
        )
    console.print("Waits, for Cloudflare's pace and Axiom's visibility, are skipped and not in the time.")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="How long an hour takes inside Dagster, and how much memory.")
    parser.add_argument("--entries", default="83000,500000", help="of the very large hours")
    report([int(size) for size in parser.parse_args().entries.split(",")])


if __name__ == "__main__":
    main()
