"""The fault suite in full, with a table at its end. Exit 1 if anything was lost, double, missing or wrong.

    python -m audit_assets_tests.faults [--times 100] [--workers 2] [--seed 0] [--only PART] [--servers]

Runs are killed at each of the named points, while 5 % of the requests to every service fail. Then each request of a
run fails in each way, and so does each step of each of its files. With `--servers` Dagster's storage is PostgreSQL and
the hours are on an S3 server, which fails too. The other parts are commands or tests of their own.
A short form runs in pytest. If kills or failures are interrupted, the tables show what was tried.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from audit_assets_tests.faults.attempts import (
    Attempt,
    Result,
    become_worker,
    bench_on,
    carry_out,
    failures,
    kills,
    required_kills,
)
from audit_assets_tests.faults.end_state import Violations, describe
from audit_assets_tests.faults.places import OneMachine, Place, Servers
from audit_assets_tests.faults.world import Past
from audit_assets_tests.servers.postgres import missing, running_postgres
from audit_assets_tests.servers.s3 import running_s3

COLUMNS = ("entries_lost", "entries_twice", "hours_missing", "tickets_twice", "proofs_wrong")
"""The violations that have a column; the others share one."""

WIDTH = 150
"""Of the table where there is no terminal."""

DISTURBED = ("kills", "failures")
OTHERS = {
    **{part: [f"audit_assets_tests.faults.{part}"] for part in ("long_run", "downtime", "hostile", "model")},
    **{
        part: ["pytest", "-n0", f"audit_assets_tests/faults/test_{part}.py"]
        for part in ("canaries", "bombs", "wrong_protocols")
    },
}
"""The other parts, with their commands."""

TURNS = 5
"""Times that points are tried again at which runs were killed too rarely."""

SHOWN = 40
"""Attempts with something wrong that are printed."""


class Workers:
    """Processes that try attempts side by side, until somebody interrupts."""

    def __init__(self, number: int, past: Path, place: Place) -> None:
        self._number = number
        self._past = past
        self.place = place
        self.interrupted = False

    def tried(self, attempts: Sequence[Attempt]) -> list[Result]:
        """Their results, or those of as many as there was time for."""
        results: list[Result] = []
        with (
            ProcessPoolExecutor(self._number, get_context("spawn"), become_worker, (self._past, self.place)) as pool,
            suppress(KeyboardInterrupt),
        ):
            trying = [pool.submit(carry_out, attempt) for attempt in attempts]
            handle_interruptions(signal.default_int_handler)
            self.interrupted = True
            try:
                done = as_completed(trying)
                for future in track(done, total=len(attempts), console=Console(stderr=True), description="trying"):
                    results.append(future.result())
                self.interrupted = False
            finally:
                handle_interruptions(signal.SIG_IGN)
                for worker in active_children():
                    worker.kill()  # Dagster takes SIGTERM as a request to end the run
        return results


def killed(workers: Workers, points: Sequence[str], times: int, seed: int) -> list[Result]:
    """Kill as often as required at every point: in rows at first, then one by one where a failing request or the work
    of an earlier run led past a point."""
    due = required_kills(points, workers.place.named, times)
    results = workers.tried([*kills(points, due, f"{seed}")])
    for turn in range(TURNS):
        missing = due - kills_of(results)
        if workers.interrupted or not missing:
            break
        results += workers.tried([*kills(points, missing, f"{seed} again {turn}", in_a_row=1)])
    return results


def kills_of(results: Iterable[Result]) -> Counter[str]:
    """How often each point was killed at."""
    return Counter(chain.from_iterable(result.killed for result in results))


def handle_interruptions(handler: Any) -> None:
    """Let that handle the signals that ask this process to end."""
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
    numbers = [len(results), sum(result.hit for result in results), kills_of(results).total()]
    numbers += [found.pop(name) for name in COLUMNS]
    numbers += [sum(found.values()), round(sum(result.seconds for result in results))]
    return (f"{number:,}" for number in numbers)


def table_of_kills(points: Sequence[str], named: Sequence[str], results: Sequence[Result]) -> Table:
    """How often each of the named points was killed at, and the others together."""
    at = kills_of(results)
    others = [at[point] for point in points if point not in named]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("killed at", no_wrap=True)
    table.add_column("times", justify="right")
    for point in sorted(named, key=points.index):
        table.add_row(point, f"{at[point]:,}")
    table.add_row(f"{len(others):,} other points, each", f"{min(others):,} to {max(others):,}")
    return table


def disturbed(options: argparse.Namespace, console: Console) -> bool:
    """Kills and failures, as far as they are requested, and their tables; whether anything was wrong, or less was tried
    than requested."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        past = Path(folder) / "past"
        place = stack.enter_context(_servers()) if options.servers else OneMachine()
        Past(past, place).build()
        bench = bench_on(past, place, stack)
        points, workers, results = bench.trials.points, Workers(options.workers, past, place), list[Result]()
        if options.only != "failures":
            results += killed(workers, points, options.times, options.seed)
            console.print(table_of_kills(points, place.named, results), "")
        if options.only != "kills" and not workers.interrupted:
            results += workers.tried([*failures(bench)])
    console.print(table_of(results))
    spent = time.perf_counter() - began
    console.print(f"{len(results) / spent * 60:.0f} trials a minute, {spent:.0f} s")
    wrong = [result for result in results if result.found]
    for result in wrong[:SHOWN]:
        console.print(f"{result.what}: {describe(result.found)}", markup=False, highlight=False)
    due = (
        Counter[str]()
        if options.only == "failures" or workers.interrupted
        else required_kills(points, place.named, options.times)
    )
    too_few = due - kills_of(results)
    for point, times in too_few.items():
        console.print(f"killed {times:,} times too rarely at '{point}'", markup=False, highlight=False)
    return bool(wrong or too_few or workers.interrupted)


@contextmanager
def _servers() -> Iterator[Servers]:
    """PostgreSQL and an S3 server, which all workers share."""
    if reason := missing():
        raise SystemExit(reason)
    with running_postgres() as postgres, running_s3() as s3:
        yield Servers(postgres, s3)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets_tests.faults",
        description="Kill runs, let requests and files fail, and check that each hour comes out the same.",
    )
    parser.add_argument("--times", type=int, default=100, help="how often runs are killed at each named point")
    parser.add_argument("--workers", type=int, default=2, help="number of parallel processes")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random failures while runs are killed")
    parser.add_argument(
        "--servers", action="store_true", help="kills and failures on PostgreSQL and an S3 server, and nothing else"
    )
    parser.add_argument("--only", choices=[*DISTURBED, *OTHERS], help="run one part only")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    wrong = disturbed(options, console) if options.only in (None, *DISTURBED) else False
    for part, command in () if options.servers else OTHERS.items():
        if options.only in (None, part):
            console.rule(part, align="left", style="dim")
            sys.stdout.flush()
            wrong |= subprocess.run([sys.executable, "-m", *command], check=False).returncode != 0  # noqa: S603 - our own
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
