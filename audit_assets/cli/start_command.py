"""`audit-assets start`: goes live. History first, then what it would have brought, then judging and tickets."""

import os
import shlex
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from audit_assets.cli.account_option import AnyAccount, chosen_accounts
from audit_assets.cli.console import output, progress
from audit_assets.cli.dagster_home import DEV_HOME, dagster_home
from audit_assets.cli.home_lock import HomeError, locked_home
from audit_assets.cli.invented_entries import keep_apart
from audit_assets.cli.progress_line import describe_time, progress_line
from audit_assets.config.accounts import Account, working_for
from audit_assets.config.accounts_file import check_all_sources
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.settings import paths
from audit_assets.storage.hours import AN_HOUR, hours_between
from audit_assets.tickets.formatting import pluralize
from audit_assets.transport.untrusted_text import visible

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from audit_assets.cli.history_loader import HistoryLoader, LoadedHistory

CONFIGURATION = (
    *("Settings", "Policy", "Storage", "Files", "Cloudflare", "Axiom", "Linear", "Webhook", "Channels", "Geography"),
    "Triage",
)
"""The subjects of `doctor` that must be right before the first hour: how the hours are doing comes later."""

RECORD = ("Axiom", "record")
"""What the doctor finds where Axiom holds other hours than were pulled here, as a new machine does with a dataset that
was there before: loading them mends it."""

DAEMON_BEATS = 120.0
"""Seconds: a daemon that runs shows it every 30 (docs/facts/dagster.md, B13)."""

SHOWN_DAYS = timedelta(days=30)


def start(
    home: Annotated[Path, typer.Option(help="Folder for Dagster's history, as `dev` takes it.")] = DEV_HOME,
    account: AnyAccount = None,
) -> None:
    """Go live: check the settings, load the history, show what it would have brought, turn on judging and tickets.

    Nothing is judged and no ticket is opened before all of the history is there. Interrupted, it continues when it is
    started again. Of several accounts, one after the other: what keeps one back keeps back no other. Afterwards
    `audit-assets dev` runs what it has turned on.

    Example: audit-assets start
    """
    load_env_file()
    check_all_sources()
    os.environ.update(paths())
    accounts, kept_back = chosen_accounts(account), []
    for each in accounts:
        if len(accounts) > 1:
            output.rule(escape(f"{each.name} ({each.key})"), align="left")
        try:
            with working_for(each):
                _start(home, each)
        except typer.Exit:
            kept_back.append(each)
        except HomeError:
            raise  # it is the home of all
        except AuditAssetsError as error:
            if len(accounts) == 1:
                raise
            output.print(Text(str(error), "red"))
            kept_back.append(each)
    if kept_back:
        if len(accounts) > 1:
            _print(f"Not turned on, for the reasons above: {', '.join(each.name for each in kept_back)}.")
        raise typer.Exit(1)


def _start(home: Path, account: Account) -> None:
    """Go live with one account. Raises `typer.Exit` after a sentence if it can't."""
    advice = _stop_on_problems("Nothing was loaded.", RECORD)
    more = f"; {pluralize(advice, 'piece')} of advice: `audit-assets doctor`" if advice else ""
    _print(f"The settings are right, and the services let us in{more}.")
    with locked_home(home):
        keep_apart(home, ())
        os.environ["DAGSTER_HOME"] = str(dagster_home(os.environ, home))
        _go_live(home, account)


def _stop_on_problems(consequence: str, *mended: tuple[str, str]) -> int:
    """Print what doctor finds in the way, but for what is `mended` afterwards, and exit with 1. Returns how many pieces
    of advice there are if there is nothing."""
    from audit_assets.cli.doctor_checks import diagnose
    from audit_assets.cli.doctor_results import DoctorRun

    results = diagnose(DoctorRun(datetime.now(UTC))).results
    found = [(of, each) for of, each in results if each.status == "problem"]
    in_the_way = [(of, each) for of, each in found if of in CONFIGURATION or each.check == "disk"]
    problems = [(of, each) for of, each in in_the_way if (of, each.check) not in mended]
    for subject, result in problems:
        output.print(Text(f"{subject}: {visible(result.text)}", "red"))
        if result.next_step:
            output.print(Text(f"  → {visible(result.next_step)}"))
    if problems:
        _print(f"{consequence} Correct this, then run `audit-assets start` again.")
        raise typer.Exit(1)
    return sum(result.status == "advice" for _, result in results)


def _go_live(home: Path, account: Account) -> None:
    from audit_assets.cli.automation_state import AUTOMATION
    from audit_assets.cli.automation_switch import turn_on_automation
    from audit_assets.cli.job_runs import open_instance
    from audit_assets.defs.steps.history_coverage import is_enough

    with open_instance() as instance:
        refuse_beside_daemon(instance, datetime.now(UTC))
        loaded = _load_history(instance)
        if not is_enough(loaded.loaded, loaded.total):
            _print(
                f"{loaded.loaded:,} of {pluralize(loaded.total, 'hour')} are there, too few to judge others by: "
                "judging is not turned on. Correct the reasons above, then run `audit-assets start` again: it loads "
                "what is missing."
            )
            raise typer.Exit(1)
        if loaded.problems:
            _print(
                "While judging is on, these hours are tried again. To load them at once, run the job `history` for "
                "them, or `audit-assets start` again."
            )
        _stop_on_problems("Nothing was turned on.")
        _show_what_it_would_have_brought()
        turn_on_automation(instance, account)
        runs_while = what_runs_it(instance, home)
    _print(
        f"Judging, tickets and alerts about the pipeline are turned on: {', '.join(map(account.named, AUTOMATION))}. "
        f"They run while {runs_while}"
    )


def what_runs_it(instance: "DagsterInstance", home: Path) -> str:
    """What has to run for the sensors to be asked: a deployment's daemon, or the command that starts one here."""
    from audit_assets.cli.doctor_instance import OF_THE_CODE_SERVER, launcher_name

    is_local = type(instance.event_log_storage).__module__.startswith("dagster._core.storage")
    if launcher_name(instance) not in OF_THE_CODE_SERVER or not is_local:
        return "Dagster's daemon runs: start it, if it was stopped."
    command = "audit-assets dev" + ("" if home == DEV_HOME else f" --home {shlex.quote(str(home))}")
    return f"this runs: {command}"


def refuse_beside_daemon(instance: "DagsterInstance", now: datetime) -> None:
    """Raises `HomeError` if Dagster's daemon runs on this instance, with a launcher that takes the runs of this command
    for dead: they have no container (docs/facts/dagster.md, B13)."""
    from audit_assets.cli.doctor_instance import OF_THE_CODE_SERVER, launcher_name

    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    silent = now.timestamp() - max(beats, default=0.0)
    if launcher_name(instance) in OF_THE_CODE_SERVER or silent > DAEMON_BEATS:
        return
    raise HomeError(
        f"Dagster's daemon gave a sign of life {silent:.0f} s ago, and takes the runs of this command for dead, since "
        f"they have no container: stop it (it counts as stopped {DAEMON_BEATS:.0f} s after its last sign) until this "
        "has ended, or turn on the sensor missing_hours in the UI instead, which loads the same history."
    )


def _load_history(instance: "DagsterInstance") -> "LoadedHistory":
    """Load what is missing of the hours that exist, 31 days at most, and report what could not be loaded."""
    from audit_assets.cli.history_loader import HistoryLoader, LoadedHistory, end_left_runs
    from audit_assets.defs.automation.ledger import LOOKED_BACK, loaded_hours
    from audit_assets.storage.first_start import remember_first_hour
    from audit_assets.storage.pull_history import newest_settled_hour

    newest = newest_settled_hour(datetime.now(UTC))
    hours = hours_between(max(remember_first_hour(), newest - LOOKED_BACK), newest)
    end_left_runs(instance)
    there = loaded_hours(instance)
    missing = [hour for hour in hours if hour not in there]
    if not missing:
        _print(f"The history is there: {pluralize(len(hours), 'hour')}.")
        return LoadedHistory(len(hours), len(hours))
    loader = HistoryLoader(lambda line: progress.print(Text(visible(line), "yellow")))
    with progress_line(partial(_describe_progress, loader, len(hours) - len(missing), time.monotonic())):
        try:
            loaded = loader.load(missing, known=len(hours) - len(missing))
        except KeyboardInterrupt:
            end_left_runs(instance)  # of the days that SIGTERM ended
            there = loader.progress
            progress.print(f"{there.loaded:,} of {there.total:,} hours are there: `audit-assets start` continues.")
            raise
    for hour, problem in sorted(loaded.problems.items()):
        output.print(Text(f"not loaded, from {hour:%Y-%m-%d-%H:00} on: {visible(problem)}", "red"))
    return loaded


def _describe_progress(loader: "HistoryLoader", known: int, started: float) -> str:
    """`History: 312 of 744 h, 42 s, about 58 s left`."""
    loaded, took = loader.progress, time.monotonic() - started
    text = f"History: {loaded.loaded:,} of {loaded.total:,} h, {describe_time(took)}"
    if (done := loaded.loaded - known) and loaded.missing:
        text = f"{text}, about {describe_time(took / done * loaded.missing)} left"
    return f"{text}; {pluralize(len(loaded.problems), 'failure')}" if loaded.problems else text


def _show_what_it_would_have_brought() -> None:
    from audit_assets.cli.backtest_command import read_what_axiom_holds
    from audit_assets.reports.backtest import backtest_policy, run_backtest
    from audit_assets.reports.backtest_input import BacktestError
    from audit_assets.reports.backtest_summary import summarize_backtest
    from audit_assets.reports.going_live import describe_budgets
    from audit_assets.storage.pull_history import newest_settled_hour

    until, policy = newest_settled_hour(datetime.now(UTC)) + AN_HOUR, backtest_policy(None, None)
    try:
        data = read_what_axiom_holds(until - SHOWN_DAYS, until)
    except BacktestError as error:
        _print(f"What it would have brought is not known. {error}")
        return
    for line in describe_budgets(summarize_backtest(run_backtest(data, policy), data, policy)):
        output.print(Text(line), soft_wrap=True)
    _print("The first of these days had little history to be compared with, so expect fewer from now on.")


def _print(sentence: str) -> None:
    output.print(Text(sentence), soft_wrap=True)
