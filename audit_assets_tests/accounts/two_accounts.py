"""Two accounts of one sandbox in one Dagster instance, as a file of accounts names them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from audit_assets.config.accounts import Account, working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.build import build_defs
from audit_assets.defs.delivery_resources import HeartbeatResource
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets_tests.pipeline import QUIET, environment_of, remember
from audit_assets_tests.support import JumpingClock

PROD, LAB = "prod", "lab"
NAMES = {PROD: "Production", LAB: "Laboratory"}
DATASETS = {PROD: "cloudflare-audit", LAB: "cloudflare-audit-lab"}


class TwoAccounts:
    """The accounts `prod` and `lab`. Settings have to be in the environment: `environment`."""

    def __init__(self, sandbox: Sandbox, clock: JumpingClock, folder: Path) -> None:
        self.sandbox, self.clock, self.file = sandbox, clock, folder / "accounts.toml"
        self.storage = folder / "hours"
        self.of = {PROD: sandbox.cloudflare, LAB: sandbox.add_account(DATASETS[LAB])}
        self.write_file()
        self.instance = dg.DagsterInstance.ephemeral()
        self.resources: dict[str, Any] = {
            "cloudflare": CloudflareResource(clock),
            "axiom": AxiomResource(clock),
            "linear": LinearResource(clock),
            "storage": StorageResource(clock),
            "heartbeat": HeartbeatResource(clock),
        }

    def write_file(self, changed: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """The file of accounts, with changed settings of an account."""
        self.file.write_text(accounts_file(self.of, changed or {}))

    def environment(self) -> dict[str, str]:
        """The settings of all accounts."""
        shared = environment_of(self.sandbox, self.storage)
        tokens = {f"CLOUDFLARE_API_TOKEN_{key.upper()}": each.credential for key, each in self.of.items()}
        return {**shared, **tokens, "AUDIT_ASSETS_ACCOUNTS": str(self.file)}

    def account(self, key: str) -> Account:
        """One of the two."""
        (found,) = [each for each in all_accounts() if each.key == key]
        return found

    @contextmanager
    def working(self, key: str) -> Iterator[HourStore]:
        """The block works for an account; yields its store."""
        with working_for(self.account(key)):
            yield StorageResource(self.clock).open()

    def remember(self, key: str, entries: Sequence[dict[str, Any]]) -> None:
        """A past of an account, straight in Axiom."""
        with self.working(key) as store:
            remember(store, entries, self.clock)

    def run(self, key: str, hour: datetime, job: str = "hourly_audit") -> dg.ExecuteInProcessResult:
        """A run of an account's job over an hour."""
        made = build_defs(resources=self.resources).resolve_job_def(f"{key}_{job}")
        return made.execute_in_process(
            run_config=QUIET, instance=self.instance, raise_on_error=False, partition_key=key_of(hour)
        )

    def tick(self, key: str) -> dg.SensorResult:
        """What the account's sensor of missing hours returns, as the daemon calls it."""
        definitions = build_defs(resources=self.resources)
        sensor = definitions.get_repository_def().get_sensor_def(f"{key}_missing_hours")
        context = dg.build_sensor_context(
            instance=self.instance, definitions=definitions, resources={"storage": self.resources["storage"]}
        )
        made = sensor(context)
        assert isinstance(made, dg.SensorResult)
        return made


def accounts_file(of: Mapping[str, CloudflareService], changed: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a file of accounts."""
    lines = []
    for key, service in of.items():
        fields = {"id": service.account_id, "name": NAMES[key], "dataset": DATASETS[key], **changed.get(key, {})}
        lines += [f"[account.{key}]", *(f'{name} = "{value}"' for name, value in fields.items())]
    return "\n".join(lines)
