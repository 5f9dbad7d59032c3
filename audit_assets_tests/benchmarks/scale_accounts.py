"""Many accounts on one Dagster instance, for the benchmark of scale: what loading them takes, what their sensors take,
and what a run of an hour of one of them takes.

Each account has 31 days of hours in Dagster's record, all that its sensors look back on; two of them have runs.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from audit_assets.config.accounts import working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.resources import StorageResource
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hours import hours_between, key_of
from audit_assets.storage.tables import TABLES_OF
from audit_assets_tests.benchmarks.dagster_storage import instance_on
from audit_assets_tests.benchmarks.hour_world import PEOPLE, TYPES
from audit_assets_tests.benchmarks.scale_history import copy_past, record_past
from audit_assets_tests.benchmarks.scale_process import run_alone
from audit_assets_tests.pipeline import DAY, HOUR, environment_of, record_silence, v2_entry
from audit_assets_tests.support import JumpingClock, clock_address

NEWEST = datetime(2026, 6, 10, 9, tzinfo=UTC)
"""The newest hour, at a time before any machine's."""

LOOKED_BACK = DAY * 32

ENTRIES = 35
"""Of the hour that is run."""


@dataclass(frozen=True)
class Instance:
    """What one instance with so many accounts takes: seconds of processor time and MB.

    `looks`: of each sensor, once for all accounts. `runs`: of a run of an hour, in a process of its own, of the first
    and of the last account. Both have `loading`, `memory` (once loaded) and `peak`.
    """

    accounts: int
    looks: Mapping[str, Any]
    runs: tuple[Mapping[str, Any], ...]

    @property
    def looks_a_minute(self) -> float:
        """Processor seconds of all sensors of all accounts."""
        each = {name: self.looks[name]["cpu"] for name in ("missing_hours", "pipeline_watchdog", "ticket_verdicts")}
        return each["missing_hours"] + each["pipeline_watchdog"] / 5 + each["ticket_verdicts"] / 30


def measure(accounts: int) -> Instance:
    """Measure an instance with so many accounts."""
    keys = [f"a{number:03d}" for number in range(accounts)]
    with world(keys) as (sandbox, home), instance_on(None, home) as instance:
        environment, address = {"DAGSTER_HOME": str(home)}, clock_address(sandbox)

        def run(key: str, hour: datetime) -> Mapping[str, Any]:
            return run_alone("run", environment, address, "--job", f"{key}_hourly_audit", "--hour", key_of(hour))

        run(keys[0], NEWEST - HOUR)
        account = all_accounts()[0]
        record_past(
            instance,
            [asset_key(name, account) for name in TABLES_OF],
            hours_between(NEWEST - LOOKED_BACK, NEWEST - 2 * HOUR),
            0,
        )
        for key in keys[1:]:
            copy_past(instance, keys[0], key)
        runs = tuple(run(key, NEWEST) for key in dict.fromkeys((keys[0], keys[-1])))
        return Instance(accounts, run_alone("sensors", environment, address), runs)


@contextmanager
def world(keys: list[str]) -> Iterator[tuple[Sandbox, Path]]:
    """The services, with an account for each key, and the folder of Dagster's home."""
    clock = SandboxClock(NEWEST + HOUR + timedelta(minutes=18))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = Sandbox(folder / "sandbox", clock=clock)
        services = [sandbox.cloudflare, *(sandbox.add_account(f"cloudflare-audit-{key}") for key in keys[1:])]
        datasets = [sandbox.datasets[0], *(f"cloudflare-audit-{key}" for key in keys[1:])]
        for service in services:
            service.add("v2", [*entries(NEWEST - HOUR), *entries(NEWEST)])
        file = folder / "accounts.toml"
        tables = (
            f'[account.{key}]\nid = "{service.account_id}"\ndataset = "{dataset}"\n'
            for key, service, dataset in zip(keys, services, datasets, strict=True)
        )
        file.write_text("\n".join(tables))
        tokens = {f"CLOUDFLARE_API_TOKEN_{key.upper()}": of.credential for key, of in zip(keys, services, strict=True)}
        with serve_sandbox(sandbox):
            settings = {
                **environment_of(sandbox, folder / "hours"),
                **tokens,
                "AUDIT_ASSETS_ACCOUNTS": str(file),
                "AUDIT_ASSETS_FIRST_HOUR": key_of(NEWEST - LOOKED_BACK),
            }
            with patch.dict(os.environ, settings):
                for account in all_accounts():
                    with working_for(account):
                        record_silence(StorageResource(JumpingClock(clock)).open(), JumpingClock(clock))
                yield sandbox, folder / "dagster"


def entries(hour: datetime) -> Iterator[dict[str, Any]]:
    """The entries of an hour."""
    for turn in range(ENTRIES):
        yield v2_entry(
            hour + HOUR * turn / ENTRIES,
            actor=f"person-{turn % PEOPLE:03d}@example.com",
            resource_type=f"type_{turn % TYPES}",
            number=turn,
        )
