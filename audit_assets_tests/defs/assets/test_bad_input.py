"""Bad input, and what it gets: one clear sentence, nothing half-written, every other entry safe."""

import resource
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from audit_assets.config.settings_table import SETTINGS
from audit_assets.defs.partitions import key_of
from audit_assets.sandbox.cloudflare.audit_log import AuditLog
from audit_assets.sandbox.fault_plan import Fault
from audit_assets_tests.pipeline import (
    DAY,
    HOUR,
    Pipeline,
    check_of,
    dagster_failure_of,
    record_silence,
    v2_burst,
    v2_entry,
)
from audit_assets_tests.support import more_stack

DEFAULTS = {name: setting.default for name, setting in SETTINGS.items() if setting.default is not None}

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("call", "kind", "options"),
    [
        ("v2", "torn", {}),
        ("v2", "success_false", {}),
        ("v2", "wrong_count", {}),
        ("v1", "html", {}),
    ],
)
def test_a_pull_that_is_not_whole_leaves_nothing_behind(
    pipeline: Pipeline, call: str, kind: str, options: dict[str, Any]
) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 5))
    pipeline.sandbox.faults.add(Fault("cloudflare", call, kind, times=1000, options=options))
    failure = dagster_failure_of(pipeline.run(JUDGED))
    assert failure.startswith("Cloudflare")
    assert pipeline.store.read("raw_audit_entries", JUDGED) is None
    pipeline.sandbox.faults.clear()
    assert pipeline.run(JUDGED).success
    assert pipeline.summary(JUDGED)["entries"]["pulled"] == 5


def test_hostile_entries_are_quarantined_and_every_other_is_safe(pipeline: Pipeline) -> None:
    hostile = [
        '{"action": {"type": "create", "time": "2026-11-22T09:10:00Z"}, "note": "no id"}',
        '{"id": "\\ud800", "action": {"type": "create", "time": "2026-11-22T09:11:00Z"}}',
    ]
    for text in hostile:
        pipeline.sandbox.cloudflare.add_text("v2", text, JUDGED + timedelta(minutes=10))
    pipeline.sandbox.cloudflare.add(
        "v2",
        [
            v2_entry(JUDGED, resource_type="'] | union ['x"),
            v2_entry(JUDGED, number=1, raw={"user_agent": "x" * 1_000_000}),
        ],
    )
    result = pipeline.run(JUDGED)
    assert result.success
    entries = pipeline.summary(JUDGED)["entries"]
    assert (entries["pulled"], entries["quarantined"], entries["changes"]) == (3, 1, 3)
    check = check_of(result, "nothing_quarantined")
    assert not check.passed
    assert check.severity.value == "WARN"


@pytest.mark.parametrize(
    ("name", "value", "asset", "sentence"),
    [
        ("CLOUDFLARE_API_TOKEN", "", "raw_audit_entries", "CLOUDFLARE_API_TOKEN is not set: set it to the"),
        ("CLOUDFLARE_API_TOKEN", "canary", "raw_audit_entries", "Account Settings Read"),
        ("CLOUDFLARE_ACCOUNT_ID", "../zones", "raw_audit_entries", "CLOUDFLARE_ACCOUNT_ID is not 32 hex digits"),
        ("CLOUDFLARE_API_URL", "http://127.0.0.1:9", "raw_audit_entries", "Cloudflare gave no answer in 6 tries"),
        ("AXIOM_TOKEN", "", "axiom_ingest", "AXIOM_TOKEN is not set: set it to the"),
        ("AXIOM_TOKEN", "xaat-canary", "axiom_ingest", "AXIOM_TOKEN"),
        ("AXIOM_DATASET", "no-such-dataset", "axiom_ingest", "no-such-dataset"),
        ("AXIOM_URL", "http://127.0.0.1:9", "axiom_ingest", "Axiom"),
        ("AXIOM_ORG_ID", "", "axiom_ingest", "AXIOM_ORG_ID is not set: set it to the"),
        ("LINEAR_API_KEY", "", "opened_tickets", "LINEAR_API_KEY is not set: set it to the"),
        ("LINEAR_API_KEY", "lin_api_canary", "opened_tickets", "LINEAR_API_KEY"),
        ("LINEAR_TEAM_KEY", "NOPE", "opened_tickets", "NOPE"),
        ("LINEAR_API_URL", "http://127.0.0.1:9", "opened_tickets", "Linear"),
        ("AUDIT_ASSETS_STORAGE", "/proc/no-such-folder", "raw_audit_entries", "can't be written"),
        ("AUDIT_ASSETS_VOLUME_RATIO", "ten", "flagged_actors", "AUDIT_ASSETS_VOLUME_RATIO is 'ten'"),
        ("AUDIT_ASSETS_TICKET_MAX_AGE_HOURS", "-1", "opened_tickets", "AUDIT_ASSETS_TICKET_MAX_AGE_HOURS is '-1'"),
    ],
)
def test_what_is_wrong_is_one_sentence_at_the_asset_that_needs_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, name: str, value: str, asset: str, sentence: str
) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED - DAY * 10, 3) + v2_burst(JUDGED, 45))
    assert pipeline.run(JUDGED - DAY * 10, job="history").success
    record_silence(pipeline.store, pipeline.clock)
    monkeypatch.setenv(name, value)
    result = pipeline.run(JUDGED)
    assert sentence in dagster_failure_of(result)
    assert [event.step_key for event in result.all_events if event.is_step_failure] == [asset]
    everything = " ".join(str(event) for event in result.all_events)
    assert "canary" not in everything
    assert "Traceback" not in dagster_failure_of(result)
    right = {**DEFAULTS, **pipeline.sandbox.environment(), "AUDIT_ASSETS_STORAGE": str(pipeline.store.root)}
    monkeypatch.setenv(name, right[name])
    assert pipeline.run(JUDGED).success, "the same hour, run again, is whole"
    assert len(pipeline.tickets()) == 1


def test_an_hour_that_has_not_ended_is_refused(pipeline: Pipeline) -> None:
    pipeline.clock.sandbox = None
    running_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with pytest.raises(dg.DagsterUnknownPartitionError, match=key_of(running_hour)):
        pipeline.run(running_hour)


def test_an_hour_that_has_not_ended_by_our_clock_is_refused(pipeline: Pipeline) -> None:
    failure = dagster_failure_of(pipeline.run(JUDGED + HOUR))
    assert failure == "The hour 2026-11-22-10:00 has not ended: it can be pulled from 2026-11-22 11:15 UTC on."
    assert pipeline.sandbox.shared.call_counts()["cloudflare", "v2"] == 0


def test_a_full_disk_leaves_no_half_of_an_hour(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 400))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        failure = dagster_failure_of(pipeline.run(JUDGED))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "can't be written: File too large. Free some space" in failure
    assert pipeline.store.read("raw_audit_entries", JUDGED) is None
    assert pipeline.run(JUDGED).success


def test_what_was_quarantined_stays_though_it_is_no_longer_listed(pipeline: Pipeline) -> None:
    text = '{"action": {"type": "create", "time": "2026-11-22T09:10:00Z"}, "note": "no id"}'
    pipeline.sandbox.cloudflare.add_text("v2", text, JUDGED + timedelta(minutes=10))
    assert pipeline.run(JUDGED).success
    pipeline.sandbox.cloudflare.logs["v2"] = AuditLog("v2")
    assert pipeline.run(JUDGED).success
    assert pipeline.summary(JUDGED)["entries"]["quarantined"] == 1


def test_an_entry_without_a_time_is_quarantined_once_whatever_is_pulled_beside_it(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", [v2_entry(JUDGED - HOUR * 2)])
    for minute in (10, 58):  # the second is listed with the next hour too
        pipeline.sandbox.cloudflare.add_text("v2", f'{{"id": {minute}}}', JUDGED - HOUR + timedelta(minutes=minute))
    for first, last in ((JUDGED, None), (JUDGED - HOUR * 2, JUDGED), (JUDGED - HOUR, None), (JUDGED, None)):
        assert pipeline.run(first, last, job="history").success
    hours = [JUDGED - HOUR * back for back in range(3)]
    filed = [text for hour in hours for text in pipeline.store.require("quarantined_entries", hour)["raw"]]
    assert sorted(filed) == ['{"id": 10}', '{"id": 58}']


def test_a_deeply_nested_entry_is_filed_once_though_the_next_pull_has_more_of_the_stack(pipeline: Pipeline) -> None:
    earlier, late = JUDGED - HOUR, JUDGED - timedelta(minutes=2)  # listed with both hours
    for number, depth in enumerate((300, 900, 990, 1_500)):
        text = (
            f'{{"id": "{depth}", "action": {{"time": "{late:%Y-%m-%dT%H:%M:%SZ}"}}, "new": {"[" * depth}{"]" * depth}}}'
        )
        pipeline.sandbox.cloudflare.add_text("v2", text, late + timedelta(seconds=number))
    assert pipeline.run(earlier, job="history").success
    with more_stack():
        assert pipeline.run(JUDGED, job="history").success
        assert pipeline.run(earlier, job="history").success
    tables = ("raw_audit_entries", "quarantined_entries")
    held = {(table, hour): pipeline.store.require(table, hour).height for table in tables for hour in (earlier, JUDGED)}
    assert held == {
        ("raw_audit_entries", earlier): 4,
        ("quarantined_entries", earlier): 0,
        ("raw_audit_entries", JUDGED): 0,
        ("quarantined_entries", JUDGED): 0,
    }
