"""What an hour and account costs in runs and in Dagster's own database, and how much of that stays after retention.

    python -m audit_assets_tests.benchmarks.dagster_storage [--hours 24] [--postgres [URL]]

A small company's hours at the sandbox's time. The first three days are caught up on, a day a run, so that the last
pulls of earlier hours are due as well, and retention deletes what it can of them. Then the sensor is evaluated each
hour when the newest one is due, until nothing is left to do, and retention comes again. Entries come late at the rates
of LATE_HOURS. On PostgreSQL: `dagster-postgres`, and an empty database, or none for a server of the benchmark's own.
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
from audit_assets.defs.automation.retention import delete_from_dagster
from audit_assets.storage.pull_history import REPEATS, SETTLING
from audit_assets_tests.benchmarks.hour import table_of
from audit_assets_tests.faults.company import COLLEAGUES, FIRST, Scenario, company
from audit_assets_tests.faults.daemon import Daemon
from audit_assets_tests.pipeline import HOUR, v2_entry
from audit_assets_tests.servers.postgres import running_postgres

ENTRIES = 35
"""An hour: 25,000 a month, the small organisation of costs.py."""

LATE_HOURS = dict(zip(REPEATS, (0.05, 0.02, 0.01, 0.003), strict=True))
"""In so many hours an entry is first listed just before this pull. An assumption: of Cloudflare's lateness no more than
some minutes is known (docs/facts/cloudflare.md, 2.6)."""

HOURS_BEFORE = REPEATS[-1] // HOUR + 2
"""After so many hours each hour costs the same."""

HOURS_A_YEAR = 365 * 24

MOST_RUNS, MOST_KB = 1.5, 60
"""An hour and account: of runs, and of what stays of it in Dagster's database."""

EVENTS_WITH_BYTES = (
    "SELECT coalesce(dagster_event_type, 'log lines'), count(*), sum(length(event)) FROM event_logs GROUP BY 1"
)

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


def events_of(postgres: str | None, folder: Path) -> dict[str, tuple[int, int]]:
    """How many events there are of each kind, and their length: on SQLite those of the runs' files."""
    found: dict[str, tuple[int, int]] = {}
    runs = [file for file in folder.rglob("history/runs/*.db") if file.name != "index.db"]
    for address in [postgres] if postgres else [f"sqlite:///{file}" for file in runs]:
        engine = sql.create_engine(address or "")
        with engine.connect() as connection:
            for kind, number, length in connection.execute(sql.text(EVENTS_WITH_BYTES)):
                before = found.get(kind, (0, 0))
                found[kind] = (before[0] + number, before[1] + length)
        engine.dispose()
    return found


def run_hours(daemon: Daemon, first: int, last: int) -> Counter[str]:
    """The hours of these numbers, each when it is due. How many runs there were, by why they were requested."""
    runs = Counter[str]()
    for number in range(first, last):
        runs += run_until(daemon, number)
    return runs


def run_until(daemon: Daemon, number: int) -> Counter[str]:
    """Everything that is due when the hour of that number is."""
    clock, runs = daemon.sandbox.shared.clock, Counter[str]()
    clock.advance(FIRST + HOUR * (number + 1) + SETTLING + GRACE - clock.now())
    while made := daemon.tick():
        runs.update(each.request.tags["audit/reason"] for each in made)
        if not all(each.success for each in made):
            raise RuntimeError("a run failed")
    return runs


def retain(instance: dg.DagsterInstance) -> Counter[str]:
    """What the job `retention` deletes in Dagster, as if all runs were old enough for it."""
    return Counter(delete_from_dagster(instance, max(FIRST, datetime.now(UTC)) + timedelta(days=400)))


def report(hours: int, postgres: str | None) -> None:
    """Measure and print."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), Path(name) / "dagster"
        with (
            company(folder / "world", scenario(HOURS_BEFORE + hours)) as daemon,
            instance_on(postgres, home) as instance,
        ):
            daemon.close()
            daemon.instance = instance
            run_until(daemon, HOURS_BEFORE - 1)
            retain(instance)
            before, events_before = sizes_of(postgres, home), events_of(postgres, home)
            runs = run_hours(daemon, HOURS_BEFORE, HOURS_BEFORE + hours)
            after, events_after = sizes_of(postgres, home), events_of(postgres, home)
            deleted = retain(instance)
            retained = sizes_of(postgres, home)
            daemon.instance = dg.DagsterInstance.ephemeral()
    database = "PostgreSQL" if postgres else "SQLite"
    kinds = table_of(f"{database}, an hour and account: events", "number", "bytes as JSON")
    for kind, (number, length) in sorted(events_after.items(), key=lambda each: -each[1][1]):
        known = events_before.get(kind, (0, 0))
        kinds.add_row(kind, f"{(number - known[0]) / hours:.1f}", f"{(length - known[1]) / hours:,.0f}")
    console.print(kinds)
    tables = table_of(f"{database}, an hour and account: bytes with indexes", "before retention", "after it")
    for table, size in (after - before).most_common():
        tables.add_row(table, f"{size / hours:,.0f}", f"{(retained[table] - before[table]) / hours:,.0f}")
    written, stays = [(each.total() - before.total()) / hours / 1_000 for each in (after, retained)]
    tables.add_row("together", f"{written * 1_000:,.0f}", f"{stays * 1_000:,.0f}", style="bold")
    console.print(tables)
    console.print(
        f"In {hours} hours, each: {runs.total() / hours:.2f} runs (goal: under {MOST_RUNS}; "
        f"{', '.join(f'{n} {why}' for why, n in runs.most_common())}); {written:,.0f} kB within "
        f"AUDIT_ASSETS_KEEP_RUNS_DAYS, {stays:,.0f} kB after it (goal: {MOST_KB}). Retention: "
        f"{', '.join(f'{n} {what}' for what, n in deleted.items())}. "
        f"A year: {stays * HOURS_A_YEAR / 1e6:.2f} GB, {written * HOURS_A_YEAR / 1e6:.2f} GB without retention."
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets_tests.benchmarks.dagster_storage",
        description="Measure what an hour costs in runs and in Dagster's database.",
    )
    parser.add_argument("--hours", type=int, default=24, help="measured, after three days that are caught up on")
    parser.add_argument(
        "--postgres", nargs="?", const="", help="URL of an empty database; without one, a server is made"
    )
    options = parser.parse_args()
    if options.postgres == "":
        with running_postgres() as server:
            report(options.hours, server.url)
    else:
        report(options.hours, options.postgres)


if __name__ == "__main__":
    main()
