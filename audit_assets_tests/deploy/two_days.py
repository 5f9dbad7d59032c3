"""Two days of two accounts, and what is left behind of them, wherever they were run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from audit_assets.config.accounts import working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hour_store import open_store
from audit_assets.storage.hours import AN_HOUR, hours_between, key_of
from audit_assets.storage.tables import ENTRIES
from audit_assets_tests.accounts.two_accounts import DATASETS, LAB, PROD, accounts_file
from audit_assets_tests.faults.daemon import running_daemon
from audit_assets_tests.pipeline import v2_burst, v2_entry

HISTORY = timedelta(hours=48)
ASSETS = ("raw_audit_entries", "axiom_ingest", "flagged_actors", "opened_tickets", "flagged_actor_summary")

DELETE_ZONES = {PROD: ((5, "carol"), (40, "dave")), LAB: ((17, "erin"), (40, "frank"))}
"""Who deletes a zone in which hour: a watch rule alerts on that without any history."""


@dataclass(frozen=True)
class EndState:
    """What is left behind of an account, whatever happened on the way. What is below the alert threshold is not in it:
    on so little history it depends on which of two days was judged first, and a run that was killed may go after the
    next one."""

    ledger: Mapping[str, frozenset[str]]
    """The hours of each asset that are materialised."""

    entries: Mapping[datetime, Counter[str]]
    """By hour, the ids of those that are stored."""

    in_axiom: Counter[str]
    tickets: Counter[str]
    """By title: who is on how many."""


@contextmanager
def two_accounts(folder: Path, clock: SandboxClock | None = None) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """The services, with two empty accounts, and the settings that name these. `folder` is made."""
    folder.mkdir(parents=True)
    made = Sandbox(folder / "cloud", clock=clock) if clock else Sandbox(folder / "cloud")
    made.axiom.behaviour.row_delay = made.axiom.behaviour.field_delay = timedelta(seconds=0.5)
    with serve_sandbox(made) as sandbox:
        of = {PROD: sandbox.cloudflare, LAB: sandbox.add_account(DATASETS[LAB])}
        file = folder / "accounts.toml"
        file.write_text(accounts_file(of, {}))
        tokens = {f"CLOUDFLARE_API_TOKEN_{key.upper()}": each.credential for key, each in of.items()}
        yield sandbox, {**sandbox.environment(), **tokens, "AUDIT_ASSETS_ACCOUNTS": str(file)}


def hours_until(now: datetime) -> list[datetime]:
    """The two days until the newest hour that is requested by now."""
    newest = newest_due_hour(now)
    return hours_between(newest + AN_HOUR - HISTORY, newest)


def show_two_days(sandbox: Sandbox, hours: Sequence[datetime]) -> None:
    """Ordinary changes in both accounts, and people who delete zones."""
    for key, service in zip((PROD, LAB), sandbox.accounts.services, strict=True):
        log = service.logs["v2"]
        for number in range(0, len(hours), 3):
            start = hours[number] + timedelta(minutes=3)
            log.add(v2_burst(start, 3, actor=("anne@example.com", "bert@example.com")[number % 2]), delay=_at_once)
        for number, actor in DELETE_ZONES[key]:
            at = hours[number] + timedelta(minutes=20)
            deleted = v2_entry(at, actor=f"{actor}@example.com", action="delete", resource_type="zones")
            log.add([deleted], delay=_at_once)


def _at_once(_: Any) -> timedelta:
    return timedelta(0)


def end_states(instance: dg.DagsterInstance, sandbox: Sandbox, hours: Sequence[datetime]) -> dict[str, EndState]:
    """Of each account, with the settings of the environment."""
    titles = Counter(issue["title"] for issue in sandbox.linear.issues())
    found = {}
    for account in all_accounts():
        with working_for(account):
            store, keys = open_store(), frozenset(map(key_of, hours))
            found[account.key] = EndState(
                ledger={name: keys & instance.get_materialized_partitions(asset_key(name)) for name in ASSETS},
                entries={hour: Counter(store.require(ENTRIES, hour)["entry_id"]) for hour in hours},
                in_axiom=ids_in_axiom(sandbox, DATASETS[account.key], hours[0], hours[-1] + AN_HOUR),
                tickets=Counter({title: n for title, n in titles.items() if title.startswith(f"[{account.name}] ")}),
            )
    assert sum((each.tickets for each in found.values()), Counter()) == titles, "every ticket names its account"
    return found


def ids_in_axiom(sandbox: Sandbox, dataset: str, first: datetime, until: datetime) -> Counter[str]:
    """The entry ids that a dataset holds of a time, with the number of physical copies."""
    start, end = (each.replace(tzinfo=None) for each in (first, until))
    later = sandbox.shared.clock.now() + timedelta(minutes=5)
    with sandbox.axiom.store.reading(dataset, later) as view:
        rows = view.source(start, end)
        held = f"SELECT entry_id, count(*) FROM ({rows}) WHERE entry_id IS NOT NULL GROUP BY entry_id"  # noqa: S608
        return Counter(dict(view.cursor.execute(held).fetchall()))


def on_one_machine(folder: Path, now: datetime) -> dict[str, EndState]:
    """The same two days in this process, on SQLite and a folder, while nothing happens. The environment is changed."""
    with (
        pytest.MonkeyPatch.context() as patch,
        two_accounts(folder, SandboxClock(now)) as (sandbox, settings),
    ):
        for name, value in settings.items():
            patch.setenv(name, value)
        hours = hours_until(now)
        show_two_days(sandbox, hours)
        with running_daemon(sandbox, folder / "hours", hours[0]) as daemon:
            for run in daemon.settle(now + AN_HOUR, before=hours[-1] + AN_HOUR):
                if run.report and not run.success:  # a busy machine may be too slow for a request
                    print(f"{min(run.hours)}, tried again: {run.report.problems}")
            return end_states(daemon.instance, sandbox, hours)


def check_end_states(distributed: Mapping[str, EndState], alone: Mapping[str, EndState], number: int) -> None:
    """Whatever was killed, each account is as it is on one machine, with that many hours done, and each entry and each
    ticket there once."""
    assert distributed == alone
    assert [*distributed] == [PROD, LAB]
    for state in distributed.values():
        assert set(map(len, state.ledger.values())) == {number}
        assert {*state.in_axiom} == {entry for of_hour in state.entries.values() for entry in of_hour}
        assert {*state.in_axiom.values()} == {1}
        assert len(state.tickets) == 2
        assert {*state.tickets.values()} == {1}
