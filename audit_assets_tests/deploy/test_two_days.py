"""What the kill test compares with: two days that are all requested, each hour of each account until it is done."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.config.accounts import working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.automation.hour_planner import plan_hours
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets_tests.deploy.two_days import ASSETS, hours_until, two_accounts
from audit_assets_tests.faults.daemon import running_daemon

AT = datetime(2026, 11, 30, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize("minute", [0, 14, 15, 16, 17, 18, 59])
def test_all_hours_of_the_two_days_are_requested_whatever_the_minute(minute: int) -> None:
    now = AT.replace(minute=minute)
    hours = hours_until(now)
    plan = plan_hours(now=now, first=hours[0], done={}, running=(), past={})
    assert plan.missing == (*hours,)


def test_an_hour_that_fails_in_one_account_is_tried_again_though_another_has_done_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = hours_until(AT)[-1]
    with two_accounts(tmp_path / "cloud", SandboxClock(AT)) as (sandbox, settings):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        sandbox.faults.add(Fault("cloudflare", "v2", "status", times=3, options={"status": 403}))
        with running_daemon(sandbox, tmp_path / "hours", newest) as daemon:
            ran = daemon.settle(AT + AN_HOUR, before=newest + AN_HOUR)
            assert [run.success for run in ran] == [False, True, True]
            for account in all_accounts():
                with working_for(account):
                    assert daemon.instance.get_materialized_partitions(asset_key(ASSETS[-1])) == {key_of(newest)}
