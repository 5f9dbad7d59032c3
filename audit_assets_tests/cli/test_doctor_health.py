"""The doctor is green only if hours come in, are judged, and are enough to judge by."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from audit_assets.cli.dagster_record import record_home
from audit_assets.cli.doctor_checks import diagnose
from audit_assets.cli.doctor_results import DoctorRun
from audit_assets.defs.automation import ledger, pipeline_health
from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.reports import health_problems
from audit_assets.reports.health_facts import SWITCHES
from audit_assets.reports.health_problems import Kind
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hours import key_of
from audit_assets_tests.cli.doctor_world import (
    HOUR,
    DagsterRecord,
    doctor_json,
    run_doctor,
    statuses,
    without_settings,
)
from audit_assets_tests.defs.keys import INGEST
from audit_assets_tests.pipeline import environment_of

WINDOW = 24
"""In place of 720 hours where all of them are done: each costs a test three events."""


@pytest.fixture(autouse=True)
def connected(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    without_settings(monkeypatch, tmp_path)
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    return sandbox


@pytest.fixture
def record(tmp_path: Path) -> Iterator[DagsterRecord]:
    made = DagsterRecord()
    with made.instance:
        yield made


@pytest.fixture
def well(record: DagsterRecord, monkeypatch: pytest.MonkeyPatch) -> DagsterRecord:
    """A pipeline that has done all of a short window's hours."""
    monkeypatch.setattr(pipeline_health, "HOURS_IN_WINDOW", WINDOW)
    monkeypatch.setattr(ledger, "LOOKED_BACK", HOUR * WINDOW)
    due = newest_due_hour(datetime.now(UTC))
    record.done(due - HOUR * back for back in range(WINDOW + 1))
    record.turn_on()
    record.beat(datetime.now(UTC))
    return record


def problem_kinds(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["kind"], each["severity"]) for each in found["problems"]]


def test_a_new_user_has_no_instance_and_none_is_made(tmp_path: Path) -> None:
    code, found = doctor_json()
    assert (code, found["ok"], found["state"]) == (0, True, "not_started")
    assert problem_kinds(found) == [("not_started", "warning")]
    assert found["facts"]["hours"] is None
    assert found["facts"]["hours_stored"] == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_instance_on_which_nothing_was_turned_on_has_not_started(record: DagsterRecord) -> None:
    code, found = doctor_json()
    assert (code, found["state"]) == (0, "not_started")
    record.turn_on()
    code, found = doctor_json()
    assert (code, found["state"]) == (1, "stale")
    assert {kind for kind, _ in problem_kinds(found)} >= {"coverage", "stale", "daemon"}


def test_133_of_720_hours_are_not_green(record: DagsterRecord) -> None:
    due = newest_due_hour(datetime.now(UTC))
    record.done(due - HOUR * back for back in range(133))
    record.turn_on()
    record.beat(datetime.now(UTC))
    code, text = run_doctor()
    assert code == 1
    assert re.search(r"Health problem 13[23] of 720 hours of history are present \(18 %\)", text)


def test_a_healthy_pipeline_is_green_and_shows_what_was_looked_at(well: DagsterRecord) -> None:
    code, found = doctor_json()
    assert problem_kinds(found) == []
    assert (code, found["ok"], found["state"]) == (0, True, "healthy")
    hours = found["facts"]["hours"]
    assert hours["present"] == hours["judged"] >= WINDOW - 1, "an hour may become due while this runs"
    assert found["facts"]["daemon"]["on"] == dict.fromkeys(SWITCHES, True)
    code, text = run_doctor()
    assert code == 0
    shown = rf"Health ok (\d+) of {WINDOW} hours of history are present, \1 judged; the newest judged hour is "
    assert re.search(shown, text)
    assert f"on: {', '.join(SWITCHES)}" in text
    assert re.search(r"the clock is within \d+ seconds? of Cloudflare, Axiom, Linear", text)
    assert "Health ok audit-assets " in text


def test_a_clock_40_days_ahead_without_an_hour_since_is_not_green(well: DagsterRecord) -> None:
    assert diagnose(DoctorRun(datetime.now(UTC))).is_well
    found = diagnose(DoctorRun(datetime.now(UTC) + timedelta(days=40)))
    assert not found.is_well
    (stale,) = (problem for problem in found.problems if problem.kind == "stale")
    assert "ended 39 days ago" in stale.sentence or "ended 40 days ago" in stale.sentence


def test_a_clock_ahead_of_the_services_is_measured(well: DagsterRecord, connected: Sandbox) -> None:
    connected.shared.clock.advance(timedelta(days=-40))
    code, found = doctor_json()
    assert code == 1
    assert [kind for kind in problem_kinds(found) if kind[0] == "clock"] == [("clock", "error")] * 3
    assert found["facts"]["clock_skew_seconds"]["axiom"] == pytest.approx(40 * 86_400, abs=3_600)
    assert "the clock of this machine is 40 days ahead of that of Cloudflare" in run_doctor()[1]


def test_a_daemon_that_died_is_reported(well: DagsterRecord) -> None:
    well.instance.wipe_daemon_heartbeats()
    well.beat(datetime.now(UTC) - timedelta(hours=3))
    code, text = run_doctor()
    assert code == 1
    assert "problem Dagster's daemon, or a part of it, gave no sign of life for 3 hours" in text
    well.instance.wipe_daemon_heartbeats()
    well.beat(datetime.now(UTC), ["SENSOR", "SCHEDULER"])
    code, found = doctor_json()
    assert (code, problem_kinds(found)) == (1, [("daemon", "error")]), "nobody starts what is queued"


def test_hours_that_were_pulled_and_never_judged_are_called_that(
    well: DagsterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LOOKED_BACK", HOUR * (WINDOW + 8))
    old = newest_due_hour(datetime.now(UTC)) - HOUR * (WINDOW + 4)
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(old))
    well.done([old, old + HOUR, old + HOUR * 2], [INGEST])
    code, found = doctor_json()
    assert code == 0
    assert found["state"] == "degraded"
    assert ("never_judged", "warning") in problem_kinds(found)
    assert found["facts"]["hours"]["never_judged"] == 3
    assert f"advice pulled but never judged: 3 hours: {key_of(old)}, " in run_doctor()[1]


def test_tickets_that_were_not_opened_and_entries_that_axiom_lacks_are_reported(well: DagsterRecord) -> None:
    unopened = "2026-11-22-09:00 has no ticket for 1 flagged actor: it could not be opened"
    well.evaluated("opened_tickets", "every_flagged_actor_has_a_ticket", unopened)
    well.evaluated("axiom_ingest", "axiom_holds_every_entry", "2026-11-22-09:00 entries missing in Axiom: 3")
    code, found = doctor_json()
    assert code == 1
    assert problem_kinds(found) == [("tickets", "error"), ("proof", "error")]
    assert found["facts"]["tickets_opened"] is found["facts"]["proved_in_axiom"] is False
    assert unopened in run_doctor()[1]


def test_a_disk_that_is_nearly_full_is_reported(well: DagsterRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = pipeline_health.shutil.disk_usage(".")
    monkeypatch.setattr(health_problems, "NO_ROOM", usage.free + (100 << 30))
    monkeypatch.setattr(health_problems, "LITTLE_ROOM", usage.free + (200 << 30))
    code, found = doctor_json()
    assert (code, problem_kinds(found)) == (1, [("disk", "error")] * 2)
    assert {disk["what"] for disk in found["facts"]["disks"]} == {"the stored hours", "Dagster's record"}


def test_the_record_of_another_home_is_looked_at_if_the_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "elsewhere"
    with DagsterRecord(home).instance:
        pass
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    _, found = doctor_json()
    assert found["facts"]["instance"] == str(home / "dagster")
    assert found["facts"]["hours"] is not None


def test_a_record_that_cant_be_read_is_one_sentence(record: DagsterRecord) -> None:
    (record_home() / "dagster.yaml").write_text("storage: nonsense")
    code, found = doctor_json()
    assert (code, found["state"], found["facts"]) == (1, "unknown", None)
    assert statuses(found)["health", "error"] == "problem"
    assert re.search(r"Health problem Dagster's record in \S+ can't be read: \w+\.", run_doctor()[1])


def test_every_name_that_monitoring_gets_is_documented(well: DagsterRecord) -> None:
    text = (files("audit_assets.docs") / "health.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_]+)`", text))
    _, found = doctor_json()
    names = {*found, *found["facts"], *found["facts"]["hours"], *found["facts"]["daemon"], *found["facts"]["disks"][0]}
    names |= {*found["checks"][0], "kind", "severity", "sentence", *get_args(Kind), *get_args(health_problems.State)}
    assert names - documented == set()


def test_the_doctor_writes_nothing_into_the_home_of_a_new_user(tmp_path: Path) -> None:
    Path(".audit_assets/dev").mkdir(parents=True)
    doctor_json()
    assert [*Path(".audit_assets").rglob("*")] == [Path(".audit_assets/dev")]
