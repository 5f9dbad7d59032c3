"""The whole job on this machine: start the sandbox, pull and ingest its history, judge the last hours.

It runs the same assets as production, with settings that point to the sandbox; nothing here knows how an hour is
audited. Definitions read the first hour when they are imported, so they are imported after the settings are made.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import RunFailureReason
from rich.text import Text

from audit_assets.cli.console import HoursDone, progress, step
from audit_assets.cli.dagster_home import instance_home
from audit_assets.cli.demo_accounts import account_settings
from audit_assets.cli.demo_home import check_home, empty_home, existing_result, keep_result, stored_hours
from audit_assets.cli.demo_progress import count_done
from audit_assets.cli.home_lock import locked_home
from audit_assets.cli.invented_entries import describe_unused_store, without_receivers
from audit_assets.cli.job_runs import failures_of, open_instance, run_hours
from audit_assets.cli.sandbox_extra import check_entries, start_sandbox
from audit_assets.cli.tickets_page import write_page
from audit_assets.config.accounts import Account, working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.secret_files import FILE
from audit_assets.config.settings import setting
from audit_assets.config.settings_table import ACCOUNTS, HOUR_FORMAT, SETTINGS
from audit_assets.defs.account_keys import INGEST, asset_key
from audit_assets.reports.stored_summaries import load_digests
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.tables import ENTRIES, QUARANTINE, SUMMARY
from audit_assets.tickets.formatting import pluralize

if TYPE_CHECKING:
    from audit_assets.sandbox.sandbox_history import SandboxHistory
    from audit_assets.sandbox.server import Sandbox

HISTORY_DAYS = 30
"""Of the invented organisation: the window of a baseline."""

MOST_DAYS = 90
"""So many of the newest days of a file are taken."""

TICKETS_A_DAY = "3"
"""The default of the demo: a first look shows a little more than the preset's one ticket."""

SERVICES = ("CLOUDFLARE_", "AXIOM_", "LINEAR_")


class DemoError(AuditAssetsError):
    """The demo can't run."""


def run_demo(
    *,
    history_days: int | None,
    judge_hours: int,
    seed: int,
    home: Path,
    entries: Path | None = None,
    fresh: bool = False,
    accounts: int = 1,
) -> dict[str, Any]:
    """Run the whole job once, on the organisation that `seed` generates or on the file `entries`. Returns the object
    that `audit-assets demo --json` prints; of several `accounts`, each with an organisation, one of each by its key.

    `history_days`: without it, 30 of the organisation, and of a file all up to its newest 90 days. A demo that is in
    `home` already is deleted if `fresh`; otherwise what it found is returned again if it had the same
    options. Raises `AuditAssetsError` with one sentence if it fails, before anything is touched if it can't begin.
    Changes this process's environment.
    """
    if entries is not None:
        if accounts > 1:
            raise DemoError(
                "--accounts invents organisations, and a file of --entries is one account's: leave one out."
            )
        check_entries(entries)
    check_home(home, entries)
    if unused := describe_unused_store(home / "hours", "a demo is complete in its own folder"):
        progress.print(Text(unused))
    options = {
        "history_days": history_days,
        "judge_hours": judge_hours,
        "seed": seed,
        "entries": str(entries.absolute()) if entries else None,
        **({"accounts": accounts} if accounts > 1 else {}),
    }
    with locked_home(home):
        if not fresh and (found := existing_result(home, options)):
            progress.print(Text(f"{home} holds this demo already: its result again. --fresh runs it anew."))
            return found
        empty_home(home)
        try:
            days = days_to_take(history_days, entries)
            choice = {"seed": seed, "days": days, "entries": entries, "accounts": accounts}
            summary = _run(choice, judge_hours=judge_hours, home=home)
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        keep_result(home, options, summary)
    return summary


@contextmanager
def opened_demo(home: Path) -> Iterator[None]:
    """The services of the demo in this folder, and the settings with which this process uses them, until the block
    ends. Raises `HomeError` if there is no demo or it is in use."""
    stored_hours(home)
    with locked_home(home), ExitStack() as stack:
        sandbox, world = start_sandbox(stack, home / "sandbox")
        apply_settings(sandbox.environment() | account_settings(sandbox, home), home, world.first)
        yield


def days_to_take(history_days: int | None, entries: Path | None) -> int:
    """How many days the sandbox holds: one more than of history, so that the first judged hour has all of it."""
    if entries is not None:
        return min((history_days or MOST_DAYS) + 1, MOST_DAYS)
    return (history_days or HISTORY_DAYS) + 1


def _run(choice: Mapping[str, Any], *, judge_hours: int, home: Path) -> dict[str, Any]:
    """`choice`: what the sandbox serves."""
    with ExitStack() as stack:
        with step("Starting the sandbox", Counter):
            sandbox, world = start_sandbox(stack, home / "sandbox", **choice)
        apply_settings(sandbox.environment() | account_settings(sandbox, home), home, world.first)
        instance = stack.enter_context(open_instance())
        accounts, found = [*all_accounts()], {}
        for account in accounts:
            of = f"{account.name}: " if len(accounts) > 1 else ""
            with working_for(account):
                found[account.key] = _run_account(account, sandbox, world, instance, judge_hours=judge_hours, of=of)
        write_page(home, sandbox.linear.tickets_file(sandbox.url))
        named = {key: {"name": account.name, **found[key]} for key, account in zip(found, accounts, strict=True)}
        return {"accounts": named} if len(accounts) > 1 else next(iter(found.values()))


def _run_account(
    account: Account,
    sandbox: "Sandbox",
    world: "SandboxHistory",
    instance: dg.DagsterInstance,
    *,
    judge_hours: int,
    of: str,
) -> dict[str, Any]:
    judged = _hours(max(world.first, world.until - AN_HOUR * judge_hours), world.until)
    history = _hours(world.first, judged[0])
    results = []
    if history:
        text = f"{of}Pulling and ingesting {pluralize(len(history), 'hour')} of history"
        stored = Path(setting("AUDIT_ASSETS_STORAGE"))
        done = HoursDone(len(history), count_done(stored, sandbox, setting("AXIOM_DATASET"), history))
        with step(text, sandbox.shared.call_counts, done):
            results.append(_run_job(account.named("history"), history, instance))
    with step(f"{of}Judging the last {pluralize(len(judged), 'hour')}", sandbox.shared.call_counts):
        op = asset_key("opened_tickets", account).to_python_identifier()
        config = {"ops": {op: {"config": {"open_tickets": "always"}}}}
        results.append(_run_job(account.named("hourly_audit"), judged, instance, config))
    return _summarize(world, history, judged, results, instance)


def apply_settings(settings: Mapping[str, str], home: Path, first: datetime) -> None:
    """Apply these settings to this process, and store everything in `home`.

    Other settings of the three services are removed: a demo must not reach a real account by mistake, and neither
    a webhook, a language model or a pager.
    """
    for name in [name for name in os.environ if name.removesuffix(FILE) in SETTINGS and name.startswith(SERVICES)]:
        del os.environ[name]
    for name in {*os.environ} - {*without_receivers(os.environ)}:
        del os.environ[name]
    os.environ.pop(ACCOUNTS, None)
    os.environ.update(settings)
    os.environ.setdefault("AUDIT_ASSETS_TICKETS_PER_DAY", TICKETS_A_DAY)
    os.environ["AUDIT_ASSETS_FIRST_HOUR"] = first.strftime(HOUR_FORMAT)
    os.environ["AUDIT_ASSETS_STORAGE"] = str((home / "hours").absolute())
    os.environ["DAGSTER_HOME"] = str(instance_home(home))


def _hours(first: datetime, end: datetime) -> list[datetime]:
    return [first + AN_HOUR * step for step in range((end - first) // AN_HOUR)]


def _run_job(
    job: str, hours: Sequence[datetime], instance: dg.DagsterInstance, config: Mapping[str, Any] | None = None
) -> dg.ExecuteInProcessResult:
    """One run over all these hours. Raises `DemoError` with the sentences of the steps and checks that failed, and
    `KeyboardInterrupt` if Ctrl-C ended it."""
    from audit_assets.definitions import defs

    result = run_hours(defs.resolve_job_def(job), hours, instance, config=config)
    if _was_interrupted(result):
        raise KeyboardInterrupt
    if not result.success:
        raise DemoError("; ".join(failures_of(result)))
    return result


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Ctrl-C ended the run: Dagster makes a failed run of it."""
    ends = (event.job_failure_data for event in result.all_events if event.is_job_failure)
    return any(end.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION for end in ends)


def _summarize(
    world: "SandboxHistory",
    history: Sequence[datetime],
    judged: Sequence[datetime],
    results: Sequence[dg.ExecuteInProcessResult],
    instance: dg.DagsterInstance,
) -> dict[str, Any]:
    from audit_assets.storage.hours import hour_of

    store = HourStore(setting("AUDIT_ASSETS_STORAGE"))
    summaries = [store.read_json(SUMMARY, hour) for hour in judged]
    everything = [*history, *judged]
    ingested = [hour_of(key) for key in instance.get_materialized_partitions(asset_key(INGEST))]
    return {
        "hours": [summary["hour"] for summary in summaries],
        "history_hours": len(history),
        "entries": {
            "pulled": sum(store.counts(ENTRIES, everything).values()),
            "ingested": sum(store.counts(ENTRIES, ingested).values()),
            "quarantined": sum(store.counts(QUARANTINE, everything).values()),
            "unreadable": world.unreadable,
            "outside": world.outside,
            "changes_judged": sum(summary["entries"]["changes"] for summary in summaries),
        },
        "flagged": _actors(summaries, "flagged"),
        "below_threshold": _actors(summaries, "below_threshold"),
        "digests": load_digests(store, judged),
        "proof": _proof(results),
        "warnings": [*_warnings(results), *_learning_notes(summaries)],
    }


def _actors(summaries: Sequence[Mapping[str, Any]], field: str) -> list[dict[str, Any]]:
    return [{"hour": summary["hour"], **actor} for summary in summaries for actor in summary[field]]


def _warnings(results: Sequence[dg.ExecuteInProcessResult]) -> Iterator[str]:
    for result in results:
        for check in result.get_asset_check_evaluations():
            if not check.passed:
                yield f"{check.check_name}: {check.description}"


def _learning_notes(summaries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if learning := [summary["hour"] for summary in summaries if summary["learning"]]:
        yield f"less than a week of history before {learning[0]}: expect more false positives"
    for subject, sentence in summaries[-1]["still_learning"].items():
        yield f"still learning ({subject}): {sentence}"


def _proof(results: Sequence[dg.ExecuteInProcessResult]) -> dict[str, Any]:
    """What the runs' checks found in Axiom, added up."""
    total: Counter[str] = Counter()
    for result in results:
        for check in result.get_asset_check_evaluations():
            if check.check_name == "axiom_holds_every_entry":
                counts = ((name, each.value) for name, each in check.metadata.items())
                total.update({name: count for name, count in counts if isinstance(count, int)})
    return {name: total[name] for name in ("expected", "found", "missing", "rows")} | {"holds": not total["missing"]}
