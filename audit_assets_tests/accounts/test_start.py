"""`audit-assets start` with several accounts: what keeps one back keeps back no other, and nothing is loaded twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets_tests.accounts.two_accounts import DATASETS, LAB, PROD, accounts_file
from audit_assets_tests.benchmarks.going_live import start
from audit_assets_tests.deploy.two_days import ids_in_axiom
from audit_assets_tests.pipeline import v2_burst

HOURS = 5
ENTRIES_AN_HOUR = 3


def sensors_on(home: Path) -> set[str]:
    with dg.DagsterInstance.from_config(str(home / ".audit_assets/dev/dagster")) as instance:
        return {state.instigator_name for state in instance.all_instigator_state() if state.is_running}


def test_an_account_that_is_refused_keeps_back_no_other_and_is_loaded_once_it_is_let_in(tmp_path: Path) -> None:
    made = Sandbox(tmp_path / "cloud")
    made.axiom.behaviour.row_delay = made.axiom.behaviour.field_delay = timedelta(0)
    with serve_sandbox(made) as sandbox:
        of = {PROD: sandbox.cloudflare, LAB: sandbox.add_account(DATASETS[LAB])}
        newest = newest_settled_hour(datetime.now(UTC))
        first = newest - AN_HOUR * (HOURS - 1)
        for service in of.values():
            for number in range(HOURS):
                entries = v2_burst(first + AN_HOUR * number + timedelta(minutes=3), ENTRIES_AN_HOUR)
                service.logs["v2"].add(entries, delay=lambda _: timedelta(0))
        file = tmp_path / "accounts.toml"
        file.write_text(accounts_file(of, {LAB: {"dataset": "misspelt"}}))
        settings = {
            "AUDIT_ASSETS_ACCOUNTS": str(file),
            "AUDIT_ASSETS_FIRST_HOUR": key_of(first),
            **{f"CLOUDFLARE_API_TOKEN_{key.upper()}": service.credential for key, service in of.items()},
        }

        kept_back = start(sandbox, tmp_path, **settings)
        assert kept_back.exit_code == 1, kept_back.output
        assert "'misspelt' not found with this token: create it, or set `dataset` of account 'lab'" in kept_back.output
        assert kept_back.output.endswith("Not turned on, for the reasons above: Laboratory.\n")
        on = sensors_on(tmp_path)
        assert {"prod_missing_hours", "prod_pipeline_watchdog"} <= on
        assert not {name for name in on if name.startswith("lab_")}

        file.write_text(accounts_file(of, {}))
        again = start(sandbox, tmp_path, **settings)
        assert again.exit_code == 0, again.output
        assert f"The history is there: {HOURS} hours." in again.output, "of the first account nothing is loaded again"
        assert "lab_missing_hours" in sensors_on(tmp_path)
        for dataset in DATASETS.values():
            held = ids_in_axiom(sandbox, dataset, first, newest + AN_HOUR)
            assert len(held) == HOURS * ENTRIES_AN_HOUR
            assert {*held.values()} == {1}
