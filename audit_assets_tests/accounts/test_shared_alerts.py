"""What all accounts share, Dagster's daemon and the disks: one account alerts of it, whichever of them works."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from audit_assets.defs.account_keys import LAST_ASSETS, asset_key
from audit_assets.defs.automation import pipeline_health
from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.defs.automation.operator_watch import watch_pipeline
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.resources import CloudflareResource, LinearResource, StorageResource
from audit_assets.defs.steps.operator_alerts import AlertResources
from audit_assets.reports.health_facts import FAILED_RUNS, MISSING_HOURS, PIPELINE_WATCHDOG
from audit_assets_tests.accounts.two_accounts import LAB, PROD, TwoAccounts
from audit_assets_tests.cli.doctor_world import DagsterRecord


@pytest.fixture
def record(two: TwoAccounts, tmp_path: Path) -> Iterator[DagsterRecord]:
    """Of both accounts, whose newest hour is done; the daemon's last sign of life was 40 minutes ago."""
    made, now = DagsterRecord(tmp_path), two.clock.now()
    with made.instance:
        for key in (PROD, LAB):
            with two.working(key):
                made.done([newest_due_hour(now)], [*map(asset_key, ("axiom_ingest", *LAST_ASSETS))])
        made.beat(now - timedelta(minutes=40))
        yield made


def watch(record: DagsterRecord, *keys: str) -> None:
    """Turn on the sensors of these accounts, as `audit-assets start` does."""
    record.turn_on(*(f"{key}_{name}" for key in keys for name in (MISSING_HOURS, PIPELINE_WATCHDOG, FAILED_RUNS)))


def kinds_found(two: TwoAccounts, record: DagsterRecord) -> dict[str, set[str]]:
    """What the look of each account found, as its sensor takes it."""
    clock, found = two.clock, {}
    for key in (PROD, LAB):
        with two.working(key):
            resources = AlertResources(
                StorageResource(clock), LinearResource(clock), WebhookResource(clock), ChannelsResource(clock)
            )
            look = watch_pipeline(record.instance, CloudflareResource(clock), resources)
        found[key] = {each.kind for each in look.found} & {"daemon", "disk"}
    return found


def test_the_first_account_alone_alerts_of_the_daemon(two: TwoAccounts, record: DagsterRecord) -> None:
    watch(record, PROD, LAB)
    assert kinds_found(two, record) == {PROD: {"daemon"}, LAB: set()}
    assert len(two.sandbox.linear.issues()) == 1


def test_another_account_alerts_of_it_while_the_first_one_s_sensor_is_off(
    two: TwoAccounts, record: DagsterRecord
) -> None:
    watch(record, LAB)
    assert kinds_found(two, record) == {PROD: set(), LAB: {"daemon"}}


def test_it_is_alerted_of_while_the_first_account_has_no_token(
    two: TwoAccounts, record: DagsterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(record, PROD, LAB)
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN_PROD")
    assert kinds_found(two, record) == {PROD: {"daemon"}, LAB: set()}
    (ticket,) = two.sandbox.linear.issues()
    assert ticket["title"].startswith("[Production] ")


def test_the_disk_that_another_account_chose_is_looked_at(
    two: TwoAccounts, record: DagsterRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "a full disk"
    full.mkdir()
    two.write_file({LAB: {"storage": str(full)}})
    watch(record, PROD, LAB)
    usage = pipeline_health.shutil.disk_usage

    def used(path: Path) -> object:
        return usage(path)._replace(free=0) if full in (path, *path.parents) else usage(path)

    monkeypatch.setattr(pipeline_health.shutil, "disk_usage", used)
    found = kinds_found(two, record)
    assert "disk" in found[PROD]
    assert "disk" not in found[LAB]
