"""What an hour and account costs in runs and in Dagster's own database, and how much of that retention gives back.

    python -m audit_assets_tests.benchmarks.dagster_storage [--days 4] [--postgres postgresql://user@host:port/database]

A small company's hours at the sandbox's time: the sensor is evaluated each hour when the newest one is due, until
nothing is left to do. Entries come late at the rates of LATE_HOURS. Measured are the hours after the first three days,
when the last pulls of earlier hours are due as well. PostgreSQL needs `dagster-postgres` and an empty database.
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import dagster as dg
import sqlalchemy as sql
from rich.console import Console

from audit_assets.defs.automation.hour_planner import GRACE
from audit_assets.storage.pull_history import REPEATS, SETTLING
from audit_assets_tests.benchmarks.hour import table_of
from audit_assets_tests.faults.company import COLLEAGUES, FIRST, Scenario, company
from audit_assets_tests.faults.daemon import QUIET, Daemon
from audit_assets_tests.pipeline import HOUR, v2_entry

ENTRIES = 35
"""An hour: 25,000 a month, the small organisation of costs.py."""

LATE_HOURS = dict(zip(REPEATS, (0.05, 0.02, 0.01, 0.003), strict=True))
"""In so many hours an entry is first listed just before this pull. An assumption: of Cloudflare's lateness no more than
some minutes is known (docs/facts/cloudflare.md, 2.6)."""

HOURS_BEFORE = REPEATS[-1] // HOUR + 2
"""After so many hours each hour costs the same."""

HOURS_A_DAY, HOURS_A_YEAR = 24, 365 * 24

SQLITE_TABLES = "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1"
POSTGRES_TABLES = (
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)

Sizes = Counter[str]
"""Bytes in use, by table with its indexes."""


def scenario(hours: int, seed: int = 0) -> Scenario:
    """So many hours of six colleagues at their work."""
    rng, made = random.Random(seed), Scenario()  # noqa: S311 - no secret depends on it
    for hour in (FIRST + HOUR * number for number in range(hours)):
        times = [hour + HOUR * turn / ENTRIES for turn in range(ENTRIES)]
        of_hour = [
            v2_entry(time, actor=COLLEAGUES[turn % len(COLLEAGUES)], number=turn) for turn, time in enumerate(times)
        ]
        made.v2 += of_hour
        for step, share in LATE_HOURS.items():
            if rng.random() < share:
                turn = rng.randrange(ENTRIES)
                made.delays[of_hour[turn]["id"]] = hour + HOUR + step - timedelta(minutes=10) - times[turn]
    return made


@contextmanager
def instance_on(postgres: str | None, folder: Path) -> Iterator[dg.DagsterInstance]:
    """As the shipped dagster.yaml has it, on SQLite or in that database."""
    folder.mkdir()
    shipped = (files("audit_assets.config") / "dagster.yaml").read_text()
    block = f"\nstorage:\n  postgres:\n    postgres_url: {postgres}\n" if postgres else ""
    (folder / "dagster.yaml").write_text(shipped + block)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def sizes_of(postgres: str | None, folder: Path) -> Sizes:
    """Of each table what is in use: free pages are used again, so PostgreSQL is vacuumed before."""
    sizes: Sizes = Counter()
    for address in [postgres] if postgres else [f"sqlite:///{file}" for file in sorted(folder.rglob("*.db"))]:
        engine = sql.create_engine(address or "", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if postgres:
                connection.execute(sql.text("VACUUM FULL"))
            for table, size in connection.execute(sql.text(POSTGRES_TABLES if postgres else SQLITE_TABLES)):
                is_of_a_run = "/history/runs/" in str(address) and not str(address).endswith("/index.db")
                sizes["a file for each run" if is_of_a_run else table] += size
        engine.dispose()
    return sizes


def run_hours(daemon: Daemon, first: int, last: int) -> Counter[str]:
    """The hours of these numbers, each when it is due. How many runs there were, by why they were requested."""
    clock, runs = daemon.sandbox.shared.clock, Counter[str]()
    for number in range(first, last):
        clock.advance(FIRST + HOUR * (number + 1) + SETTLING + GRACE - clock.now())
        while made := daemon.tick():
            runs.update(each.request.tags["audit/reason"] for each in made)
            if not all(each.success for each in made):
                raise RuntimeError("a run failed")
    return runs


def retain(daemon: Daemon) -> None:
    """The job `retention`, once all runs are old enough for it. Dagster dates them by the clock of this machine."""
    clock = daemon.sandbox.shared.clock
    clock.advance(max(clock.now(), datetime.now(UTC)) + timedelta(days=400) - clock.now())
    daemon.defs.resolve_job_def("retention").execute_in_process(run_config=QUIET, instance=daemon.instance)


def report(days: int, postgres: str | None) -> None:
    """Measure and print."""
    measured = days * HOURS_A_DAY - HOURS_BEFORE
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), Path(name) / "dagster"
        with company(folder / "world", scenario(days * HOURS_A_DAY)) as daemon, instance_on(postgres, home) as instance:
            daemon.close()
            daemon.instance = instance
            run_hours(daemon, 0, HOURS_BEFORE)
            before = sizes_of(postgres, home)
            runs = run_hours(daemon, HOURS_BEFORE, days * HOURS_A_DAY)
            after = sizes_of(postgres, home)
            all_runs = instance.get_runs_count()
            retain(daemon)
            retained, kept_runs = sizes_of(postgres, home), instance.get_runs_count() - 1
            daemon.instance = dg.DagsterInstance.ephemeral()
    table = table_of(
        f"{'PostgreSQL' if postgres else 'SQLite'}, an hour and account", "bytes", "of all before", "after"
    )
    share = retained.total() / after.total()
    for name, size in (after - before).most_common():
        table.add_row(name, f"{size / measured:,.0f}", f"{after[name]:,}", f"{retained[name]:,}")
    an_hour = (after - before).total() / measured
    table.add_row("together", f"{an_hour:,.0f}", f"{after.total():,}", f"{retained.total():,}", style="bold")
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{runs.total() / measured:.2f} runs an hour ({', '.join(f'{n} {why}' for why, n in runs.most_common())} in "
        f"{measured} hours); {an_hour / 1_000:,.0f} kB before retention, {an_hour * share / 1_000:,.0f} kB after it, "
        f"which kept {kept_runs} of {all_runs} runs. A year: {an_hour * HOURS_A_YEAR / 1e9:.2f} GB and "
        f"{an_hour * share * HOURS_A_YEAR / 1e9:.2f} GB."
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets_tests.benchmarks.dagster_storage",
        description="Measure what an hour costs in runs and in Dagster's database.",
    )
    parser.add_argument("--days", type=int, default=4, help="simulated, at least four")
    parser.add_argument("--postgres", help="URL of an empty database; SQLite otherwise")
    options = parser.parse_args()
    report(options.days, options.postgres)


if __name__ == "__main__":
    main()
