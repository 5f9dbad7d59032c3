"""What an hour and account costs, after so many days and with so many accounts on one instance, beside its bounds.

    python -m audit_assets_tests.benchmarks.scale [--days 30 90 300] [--accounts 1 10 50] [--hours 2]

The real job and the project's own sensors, on the sandbox, an S3 server and Dagster's storage on SQLite, or on an empty
PostgreSQL database with --postgres; all at the sandbox's time. What the tables call `computed` follows from measured
figures: how often an hour is run comes from the planner alone, over hundreds of hours with entries that come late at
the rates of dagster_storage.py, and a year is 8,760 hours. Take processor times on a machine that does nothing else.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from audit_assets_tests.benchmarks import scale_accounts, scale_planner
from audit_assets_tests.benchmarks.axiom_rows import PER_ACTOR, PER_ENTRY
from audit_assets_tests.benchmarks.costs import GIGABYTE, bytes_of_an_event
from audit_assets_tests.benchmarks.dagster_storage import ENTRIES, HOURS_A_YEAR
from audit_assets_tests.benchmarks.hour import table_of
from audit_assets_tests.benchmarks.scale_accounts import Instance
from audit_assets_tests.benchmarks.scale_life import Life, live
from audit_assets_tests.benchmarks.scale_month import requests_of_a_month
from audit_assets_tests.benchmarks.scale_planner import Planned
from audit_assets_tests.faults.company import COLLEAGUES
from audit_assets_tests.storage.test_requests import MOST_OF_A_MONTH, MOST_OF_AN_HOUR

MOST_RUNS, MOST_KILOBYTES = 1.5, 60
MOST_ROWS = PER_ENTRY * ENTRIES + PER_ACTOR * len(COLLEAGUES)

LOOKS_EVERY, AN_HOUR, CORES = 60, 3_600, 2
"""Seconds; and the cores of the machine that is asked about."""

GROWN = 1.05
"""By no more than this factor is the same."""

SERVICES = {"cloudflare": "Cloudflare", "axiom": "Axiom", "linear": "Linear", "s3": "the object store"}


@dataclass(frozen=True)
class Row:
    """A figure, how it is taken of each column, and at most how much it may be."""

    name: str
    of: Callable[[Life], float]
    most: float | None = None
    form: str = "{:,.0f}"


def of_days(lives: Sequence[Life], planned: Planned, month: int) -> Table:
    """A column for each history."""
    table = table_of("an hour and account", *(f"after {life.days} days" for life in lives), "at most", "")
    for row in rows_of(planned):
        found = [row.of(life) for life in lives]
        most = "" if row.most is None else f"{row.most:,g}"
        table.add_row(row.name, *map(row.form.format, found), most, verdict(found, row.most))
    figures = [life.of_an_hour_run("rows") for life in lives]
    table.add_row(
        "  the same after each", *("" for _ in lives), f"{GROWN:g} times", verdict([max(figures) / min(figures)], GROWN)
    )
    table.add_row(
        "S3: of a month's summary",
        *(str(month) for _ in lives),
        str(MOST_OF_A_MONTH),
        verdict([month], MOST_OF_A_MONTH),
    )
    return table


def rows_of(planned: Planned) -> list[Row]:
    """What is printed of each history."""
    again = planned.judged_again

    def asked(service: str, name: str) -> Row:
        return Row(f"{name} an hour", lambda life: life.an_hour(service, again))

    return [
        Row("runs (computed)", lambda _: planned.runs, MOST_RUNS, "{:.2f}"),
        Row("kB of Dagster's storage", lambda life: kilobytes(life, planned)[0]),
        Row("  after retention", lambda life: kilobytes(life, planned)[1], MOST_KILOBYTES),
        Row("S3: most requests of an hour-run", lambda life: life.of_an_hour_run("s3"), MOST_OF_AN_HOUR),
        Row("  objects read twice", lambda life: len(life.read_twice()), 0),
        asked("s3", "  requests"),
        Row("  of these by sensors", lambda life: life.of_looks("s3")),
        Row("rows read by Axiom: most of an hour-run", lambda life: life.of_an_hour_run("rows"), MOST_ROWS),
        asked("rows", "  rows"),
        asked("axiom", "requests to Axiom"),
        asked("queries", "  of these queries"),
        asked("cloudflare", "requests to Cloudflare"),
        asked("linear", "requests to Linear"),
        Row("processor seconds of a run: loading", lambda life: life.process["loading"], form="{:.1f}"),
        Row("  the hour itself", lambda life: life.process["run"], form="{:.1f}"),
        Row("  peak memory of it, MB", lambda life: life.process["peak"]),
        Row("  of a look of missing_hours", lambda life: life.look["missing_hours"]["cpu"], form="{:.2f}"),
        Row("processor seconds an hour (computed)", lambda life: seconds_an_hour(life, planned)),
    ]


def kilobytes(life: Life, planned: Planned) -> tuple[float, float]:
    """Of Dagster's storage, by hours that have as many runs as is planned."""
    share = planned.runs / (len(life.runs) / life.hours)
    return life.kilobytes[0] * share, life.kilobytes[1] * share


def seconds_an_hour(life: Life, planned: Planned) -> float:
    """Processor time of one account alone: its runs, each a process, and its sensors."""
    looks = {name: life.look[name]["cpu"] for name in ("missing_hours", "pipeline_watchdog", "ticket_verdicts")}
    of_looks = 60 * looks["missing_hours"] + 12 * looks["pipeline_watchdog"] + 2 * looks["ticket_verdicts"]
    return planned.runs * (life.process["loading"] + life.process["run"]) + of_looks


def of_accounts(instances: Sequence[Instance], planned: Planned) -> Table:
    """A column for each number of accounts."""
    table = table_of("accounts on one instance", *(f"{each.accounts}" for each in instances), "at most", "")

    def row(name: str, of: Callable[[Instance], float], most: float | None = None, form: str = "{:,.1f}") -> None:
        found = [of(each) for each in instances]
        table.add_row(name, *map(form.format, found), f"{most:,g}" if most else "", verdict(found, most))

    row("loading the definitions, processor s", lambda each: each.looks["loading"])
    row("  MB", lambda each: each.looks["memory"], form="{:,.0f}")
    row("peak of a process that looks as all sensors do, MB", lambda each: each.looks["peak"], form="{:,.0f}")
    row("looks of all sensors, processor s a minute", lambda each: each.looks_a_minute, LOOKS_EVERY)
    row("  of an account", lambda each: each.looks_a_minute / each.accounts, form="{:.2f}")
    row("a run of an hour, processor s", lambda each: run_of(each, "loading") + run_of(each, "run"))
    row("  of these the hour itself", lambda each: run_of(each, "run"))
    row("  peak memory, MB", lambda each: run_of(each, "peak"), form="{:,.0f}")
    row("processor s an account-hour (computed)", lambda each: an_account_hour(each, planned))
    row(f"of {CORES} cores all accounts take (computed)", lambda each: share_of_cores(each, planned), 1, "{:.1%}")
    row(
        "account-hours an hour on them (computed)",
        lambda each: CORES * AN_HOUR / an_account_hour(each, planned),
        form="{:,.0f}",
    )
    return table


def run_of(instance: Instance, what: str) -> float:
    """The mean of the runs that were measured."""
    return sum(run[what] for run in instance.runs) / len(instance.runs)


def an_account_hour(instance: Instance, planned: Planned) -> float:
    """Processor seconds of an account's hour: its runs and its share of the sensors' looks."""
    of_runs = planned.runs * (run_of(instance, "loading") + run_of(instance, "run"))
    return of_runs + LOOKS_EVERY * instance.looks_a_minute / instance.accounts


def share_of_cores(instance: Instance, planned: Planned) -> float:
    """Of the time of all cores."""
    return instance.accounts * an_account_hour(instance, planned) / (CORES * AN_HOUR)


def of_a_year(life: Life, instances: Sequence[Instance], planned: Planned) -> Table:
    """A column for an account, and for as many as were measured."""
    counts = sorted({1, *(each.accounts for each in instances)})
    table = table_of("a year (computed)", *(f"{count} account{'s' * (count > 1)}" for count in counts))

    def row(name: str, an_hour: float, form: str = "{:,.0f}") -> None:
        table.add_row(name, *(form.format(an_hour * HOURS_A_YEAR * count) for count in counts))

    for service, name in SERVICES.items():
        row(f"requests to {name}", life.an_hour(service, planned.judged_again))
    row("rows read by Axiom", life.an_hour("rows", planned.judged_again))
    row("GB into Axiom, uncompressed", bytes_of_an_event() * ENTRIES / GIGABYTE, "{:,.2f}")
    before, after = kilobytes(life, planned)
    row("GB of Dagster's storage", before / 1e6, "{:,.2f}")
    row("  after retention", after / 1e6, "{:,.2f}")
    by_accounts = {each.accounts: an_account_hour(each, planned) for each in instances}
    by_accounts.setdefault(1, seconds_an_hour(life, planned))
    table.add_row(
        "hours of a processor", *(f"{by_accounts[each] * each * HOURS_A_YEAR / AN_HOUR:,.0f}" for each in counts)
    )
    return table


def verdict(found: Sequence[float], most: float | None) -> str:
    """Whether a bound holds."""
    return "" if most is None else "holds" if max(found) <= most else "does not hold"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets_tests.benchmarks.scale",
        description="Print what an hour and account costs beside what it may cost.",
    )
    parser.add_argument("--days", type=int, nargs="*", default=[30, 90, 300], help="of history")
    parser.add_argument("--accounts", type=int, nargs="*", default=[1, 10, 50], help="on one instance")
    parser.add_argument("--hours", type=int, default=2, help="that are measured after each history, at least two")
    parser.add_argument("--planned-hours", type=int, default=scale_planner.HOURS, help="of the planner alone")
    parser.add_argument("--postgres", help="URL of an empty database, for the first history; SQLite otherwise")
    options = parser.parse_args()
    console = Console(width=140)
    planned = scale_planner.plan(1, options.planned_hours)
    lives = [
        live(days, options.hours, options.postgres if place == 0 else None) for place, days in enumerate(options.days)
    ]
    if lives:
        console.print(of_days(lives, planned, requests_of_a_month()))
    instances = [scale_accounts.measure(count) for count in options.accounts]
    if instances:
        console.print(of_accounts(instances, planned))
    if lives:
        console.print(of_a_year(lives[-1], instances, planned))
    console.print(
        f"{ENTRIES} entries an hour. Late entries at the assumed rates: {planned.runs:.2f} runs an hour, in which an "
        f"hour is judged {planned.judged:.2f} times."
    )


if __name__ == "__main__":
    main()
