"""`audit-assets watchdog` alerts from outside of Dagster, and `metrics` shows the same to Prometheus."""

import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from typer.testing import CliRunner

from audit_assets.cli.dagster_home import instance_home
from audit_assets.cli.main import app
from audit_assets.config.settings_table import SETTINGS
from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.defs.automation.watched import Watched
from audit_assets_tests.pipeline import HOUR, Pipeline, environment_of, v2_burst
from audit_assets_tests.support import JumpingClock

runner = CliRunner()


@pytest.fixture
def watched(
    sandbox: Sandbox, clock: JumpingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watched]:
    """A pipeline of this very hour, whose newest hour is done."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    pipeline = Pipeline(sandbox, clock, tmp_path / "hours")
    made = Watched(pipeline, tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with pipeline.instance, made.instance:
        first = newest_due_hour(made.now) - HOUR * 30
        monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", f"{first:%Y-%m-%d-%H:%M}")
        made.judge_newest()
        made.record.beat(made.now)
        yield made


def run(*command: str) -> tuple[int, str]:
    result = runner.invoke(app, [*command], env={"COLUMNS": "300"})
    return result.exit_code, result.output


def test_a_pipeline_that_is_well_is_no_news(watched: Watched) -> None:
    assert run("watchdog") == (0, "No problem was found.\n")
    assert watched.pipeline.tickets() == []


def test_a_daemon_that_died_opens_a_ticket_once(watched: Watched) -> None:
    watched.record.beat(watched.now - timedelta(minutes=40))
    for _ in range(2):
        code, text = run("watchdog")
        assert code == 1
        assert text.startswith("Dagster's daemon, or a part of it, gave no sign of life for 40 minutes")
        assert "→ Start it" in text
    (ticket,) = watched.pipeline.tickets()
    assert "gave no sign of life" in ticket["description"]
    assert ticket["comments"] == []


def test_who_did_not_get_the_alert_is_named(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.record.beat(watched.now - timedelta(minutes=40))
    monkeypatch.setenv("LINEAR_API_KEY", "lin_api_revoked")
    code, text = run("watchdog")
    assert code == 1
    assert "audit-assets: Linear did not get the alert: LINEAR_API_KEY was refused by Linear" in text


def test_a_record_that_is_gone_or_damaged_is_alerted_too(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    code, text = run("watchdog")
    assert (code, "elsewhere holds no record of Dagster's: set DAGSTER_HOME" in text) == (1, True)
    damaged = instance_home(tmp_path / "damaged")
    for name in ("runs.db", "runs.db-journal"):
        (damaged / "history").mkdir(exist_ok=True)
        (damaged / "history" / name).write_bytes(b"no database" * 500)
    monkeypatch.setenv("DAGSTER_HOME", str(damaged))
    code, text = run("watchdog")
    assert (code, "can't be read: DatabaseError." in text) == (1, True)
    (ticket,) = watched.pipeline.tickets()
    assert "holds no record of Dagster's" in ticket["description"]


def test_metrics_are_read_by_the_official_parsers(watched: Watched) -> None:
    hour = newest_due_hour(watched.now)
    watched.pipeline.sandbox.cloudflare.add("v2", v2_burst(hour, 5))
    watched.pipeline.sandbox.cloudflare.behaviour.token_expires = expires = (watched.now + timedelta(days=30)).replace(
        microsecond=0
    )
    assert watched.run(hour).success
    code, text = run("metrics")
    assert code == 0
    assert text.endswith("# EOF\n")
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse_openmetrics(text)
        for sample in family.samples
    }
    assert {family.name for family in parse_text(text)} == {family.name for family in parse_openmetrics(text)}
    assert {family.type for family in parse_openmetrics(text)} == {"gauge"}
    assert all(family.documentation for family in parse_openmetrics(text))
    documented = (files("audit_assets.docs") / "health.md").read_text(encoding="utf-8")
    assert {family.name for family in parse_openmetrics(text)} <= set(re.findall(r"`(audit_assets_\w+)`", documented))
    assert values["audit_assets_present_hours",] == 1
    assert values["audit_assets_coverage_ratio",] == pytest.approx(1 / 720)
    assert values["audit_assets_newest_judged_hour_end_timestamp_seconds",] == (hour + HOUR).timestamp()
    assert values["audit_assets_newest_judged_hour_age_seconds",] >= 18 * 60
    assert values["audit_assets_failing_hours",] == 0
    assert values["audit_assets_day_entries",] == 5
    assert values["audit_assets_day_quarantined_entries",] == values["audit_assets_day_late_entries",] == 0
    assert {values["audit_assets_day_findings", each] for each in ("urgent", "high", "medium", "low")} == {0}
    assert values["audit_assets_automation_on", "missing_hours"] == 1
    assert values["audit_assets_automation_on", "pipeline_watchdog"] == 1
    assert values["audit_assets_daemon_heartbeat_age_seconds",] < 600
    assert values["audit_assets_cloudflare_token_expiry_timestamp_seconds",] == expires.timestamp()
    assert values["audit_assets_problems",] == 0
    assert values["audit_assets_last_pull_duration_seconds", "v2"] > 0
    assert values["audit_assets_disk_free_bytes", "the stored hours"] > 0


def test_problems_are_labelled_and_late_entries_counted(watched: Watched) -> None:
    hour = newest_due_hour(watched.now)
    watched.pipeline.sandbox.cloudflare.add("v2", v2_burst(hour, 5))
    assert watched.run(hour).success
    watched.pipeline.sandbox.cloudflare.add("v2", v2_burst(hour + timedelta(minutes=30), 2))
    assert watched.run(hour).success
    watched.record.beat(watched.now - timedelta(minutes=40))
    text = run("metrics")[1]
    assert 'audit_assets_problem{kind="daemon"} 1' in text
    assert "audit_assets_day_late_entries 2" in text


def test_the_file_is_written_whole_and_can_be_read_by_others(watched: Watched, tmp_path: Path) -> None:
    out = tmp_path / "textfile" / "audit_assets.prom"
    out.parent.mkdir()
    out.write_text("old")
    assert run("metrics", "--out", str(out))[0] == 0
    assert out.read_text().endswith("# EOF\n")
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_without_a_record_of_dagsters_no_file_is_touched(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "audit_assets.prom"
    out.write_text("old")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    result = runner.invoke(app, ["metrics", "--out", str(out)])
    assert "holds no record of Dagster's" in str(result.exception)
    assert out.read_text() == "old"


def test_nothing_is_stored_but_what_was_sent(watched: Watched) -> None:
    watched.record.beat(watched.now - timedelta(minutes=40))
    run("watchdog")
    store = HourStore(str(watched.pipeline.store.root))
    state = store.read_json("pipeline_alerts", None)
    assert state["sent"] == {"Linear": [f"daemon {watched.now:%Y-%m-%dT%H}"]}
    assert "sandbox-" not in str(state)
