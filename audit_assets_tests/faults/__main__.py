"""The fault suite in full, with a table at its end. Exit 1 if anything was lost, twice, missing or wrong.

    python -m audit_assets_tests.faults [--times 100] [--workers 2] [--seed 0] [--only PART]

Each of the named points is killed at so many times, while 5 % of the requests to every service fail; then each request
of a run fails in each way, and each step of each of its files; then the other parts, each a command or a test of its
own. In pytest a short form of it runs. When kills and failures are interrupted, the table tells of what was tried.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from itertools import chain
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from audit_assets_tests.faults.attempts import Attempt, Result, attempted, become_worker, bench_on, failures, kills
from audit_assets_tests.faults.verdict import Violations, as_words
from audit_assets_tests.faults.world import Past

COLUMNS = ("entries_lost", "entries_twice", "hours_missing", "tickets_twice", "proofs_wrong")
"""The violations that have a column; the others share one."""

WIDTH = 150
"""Of the table where there is no terminal."""

DISTURBED = ("kills", "failures")
OTHERS = {
    **{part: [f"audit_assets_tests.faults.{part}"] for part in ("soak", "downtime", "hostile", "model")},
    **{
        part: ["pytest", "-n0", f"audit_assets_tests/faults/test_{part}.py"]
        for part in ("canaries", "bombs", "wrong_protocols")
    },
}
"""The other parts, with their commands."""

SHOWN = 40
"""Attempts with something wrong that are told."""


def tried(attempts: Sequence[Attempt], workers: int, past: Path) -> list[Result]:
    """Try all of them, or as many as there is time for until somebody interrupts."""
    results: list[Result] = []
    spawned = ProcessPoolExecutor(workers, get_context("spawn"), become_worker, (past,))
    with spawned as pool, suppress(KeyboardInterrupt):
        trying = [pool.submit(attempted, attempt) for attempt in attempts]
        hear(signal.default_int_handler)
        try:
            done = as_completed(trying)
            for future in track(done, total=len(attempts), console=Console(stderr=True), description="trying"):
                results.append(future.result())
        finally:
            hear(signal.SIG_IGN)
            for worker in active_children():
                worker.kill()  # Dagster hears SIGTERM as a wish to end the run
    return results


def hear(handler: Any) -> None:
    """Let that handle the wishes to end this process."""
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, handler)


def table_of(results: Sequence[Result]) -> Table:
    """A row for each kind of attempt, and their sum."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("test", no_wrap=True)
    for name in ("trials", "hit", "kills", *COLUMNS, "else", "seconds"):
        table.add_column(name.replace("_", " "), justify="right")
    for row in sorted({result.row for result in results}):
        table.add_row(row, *_cells([result for result in results if result.row == row]))
    table.add_row("all", *_cells(results), style="bold")
    return table


def _cells(results: Sequence[Result]) -> Iterable[str]:
    found = sum((result.found for result in results), Violations()).counts()
    numbers = [len(results), sum(result.hit for result in results), sum(result.killed for result in results)]
    numbers += [found.pop(name) for name in COLUMNS]
    numbers += [sum(found.values()), round(sum(result.seconds for result in results))]
    return (f"{number:,}" for number in numbers)


def disturbed(asked: argparse.Namespace, console: Console) -> bool:
    """Kills and failures, as far as they are asked for, and their table; whether anything was wrong."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        past = Path(folder) / "past"
        Past(past).live()
        bench = bench_on(past, stack)
        first = () if asked.only == "failures" else kills(bench, asked.times, asked.seed)
        second = () if asked.only == "kills" else failures(bench)
        attempts = [*chain(first, second)]
        random.Random(asked.seed).shuffle(attempts)  # noqa: S311 - an interrupted run has tried a bit of everything
        results = tried(attempts, asked.workers, past)
    console.print(table_of(results))
    spent = time.perf_counter() - began
    console.print(f"{len(bench.trials.points)} points in a run; {len(results) / spent * 60:.0f} trials a minute")
    wrong = [result for result in results if result.found]
    for result in wrong[:SHOWN]:
        console.print(f"{result.what}: {as_words(result.found)}", markup=False, highlight=False)
    return bool(wrong)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m audit_assets_tests.faults", description="Hours survive faults.")
    parser.add_argument("--times", type=int, default=100, help="that each named point is killed at")
    parser.add_argument("--workers", type=int, default=2, help="processes that try side by side")
    parser.add_argument("--seed", type=int, default=0, help="of the misfortune while runs are killed")
    parser.add_argument("--only", choices=[*DISTURBED, *OTHERS], help="one part alone")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    wrong = disturbed(asked, console) if asked.only in (None, *DISTURBED) else False
    for part, command in OTHERS.items():
        if asked.only in (None, part):
            console.rule(part, align="left", style="dim")
            sys.stdout.flush()
            wrong |= subprocess.run([sys.executable, "-m", *command], check=False).returncode != 0  # noqa: S603 - our own
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
