"""`audit-assets watch`: rules are checked by their examples, and counted over the stored past."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audit_assets.cli.main import app
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.errors import AuditAssetsError
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets_tests.pipeline import v2_entry

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

OWN = """
[[rule]]
name = "ours"
title = "Somebody touched the crown jewels"
severity = "high"
technique = "T1485"
why = "They are ours."
check = ["Ask."]
benign = ["cleaning"]
match = [{ resource_type = "crown" }]
matches = [{ action.type = "update", resource.type = "crowns" }]
no_matches = [{ action.type = "update", resource.type = "hat" }]
"""


def watch(*arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(app, ["watch", *arguments], env={"COLUMNS": "200", "AUDIT_ASSETS_WATCH": "", **settings})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "ours.toml"
    path.write_text(OWN)
    return path


def test_the_default_pack_passes() -> None:
    result = watch("check")
    assert result.exit_code == 0
    assert "of them enabled;" in result.output


def test_a_file_is_checked_over_the_default_pack(own: Path) -> None:
    alone = int(watch("check").output.split()[0])
    for result in (watch("check", str(own)), watch("check", AUDIT_ASSETS_WATCH=str(own))):
        assert (result.exit_code, int(result.output.split()[0])) == (0, alone + 1)


def test_each_example_that_fails_is_a_sentence_and_the_exit_is_1(own: Path) -> None:
    own.write_text(OWN.replace('"crown" }]', '"hat" }]'))
    result = watch("check", str(own))
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "ours: example 1 of matches does not alert.",
        "ours: example 1 of no_matches alerts.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[rule]", "is no TOML"),
        (OWN.replace("severity", "seriousness"), "rule ours: 'seriousness' is no key of it"),
    ],
)
def test_a_file_that_can_not_be_used_is_one_sentence(own: Path, text: str, sentence: str) -> None:
    own.write_text(text)
    result = watch("check", str(own))
    assert isinstance(result.exception, AuditAssetsError)
    assert sentence in str(result.exception)


def test_a_file_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    result = watch("check", str(tmp_path / "none.toml"))
    assert str(result.exception) == f"The file is {tmp_path / 'none.toml'}, which does not exist."


def stored(folder: Path, *of_hours: Mapping[int, list[dict[str, Any]]]) -> Path:
    """A store with these entries by hour."""
    store = HourStore(str(folder))
    for hours in of_hours:
        for number, entries in hours.items():
            store.write(ENTRIES, FIRST + number * HOUR, normalize_entries(entries, "v2", "a" * 32)[0])
    return folder


def job(hour: int, number: int = 0, **of: Any) -> dict[str, Any]:
    moment = FIRST + hour * HOUR + timedelta(minutes=number)
    return v2_entry(moment, resource_type="logpush_job", action="delete", number=number, **of)


def counted(folder: Path, first: str, end: str, **settings: str) -> dict[str, Any]:
    result = watch("replay", "--from", first, "--to", end, "--json", AUDIT_ASSETS_STORAGE=str(folder), **settings)
    assert result.exit_code == 0, result.exception
    return json.loads(result.output)


def alerts(found: Mapping[str, Any]) -> dict[str, int]:
    return {rule["name"]: rule["alerts"] for rule in found["rules"] if rule["alerts"]}


def test_alerts_are_counted_once_for_an_actor_a_rule_and_a_day(tmp_path: Path) -> None:
    same_day = {1: [job(1), job(1, 5)], 5: [job(5)], 7: [job(7, actor="bob@example.com")]}
    found = counted(stored(tmp_path, same_day, {26: [job(26)], 30: []}), "2026-11-01", "2026-11-03")
    assert alerts(found) == {"logpush_job_deleted": 3}
    assert (found["hours"], found["stored_hours"]) == (48, 5)
    (rule,) = [each for each in found["rules"] if each["name"] == "logpush_job_deleted"]
    assert rule["alerts_a_month"] == pytest.approx(3 * 720 / 5)


def test_a_span_begins_where_it_is_asked_to(tmp_path: Path) -> None:
    folder = stored(tmp_path, {1: [job(1)], 5: [job(5)]})
    assert alerts(counted(folder, "2026-11-01T02", "2026-11-02")) == {"logpush_job_deleted": 1}


def test_windows_reach_over_the_border_of_a_day(tmp_path: Path) -> None:
    deletes = [
        v2_entry(FIRST + timedelta(hours=24, seconds=n - 25), resource_type="dns_record", action="delete", number=n)
        for n in range(50)
    ]
    folder = stored(tmp_path, {23: deletes[:25], 24: deletes[25:]})
    assert alerts(counted(folder, "2026-11-02", "2026-11-03"))["dns_mass_deletion"] == 1
    assert alerts(counted(folder, "2026-11-01", "2026-11-03"))["dns_mass_deletion"] == 1
    assert "dns_mass_deletion" not in alerts(counted(folder, "2026-11-01", "2026-11-02"))


def test_disabled_rules_and_the_team_s_own_are_counted(tmp_path: Path, own: Path) -> None:
    own.write_text(OWN + "enabled = false")
    folder = stored(tmp_path / "hours", {1: [v2_entry(FIRST + HOUR, resource_type="crown")]})
    settings = {"AUDIT_ASSETS_STORAGE": str(folder), "AUDIT_ASSETS_WATCH": str(own)}
    shown = watch("replay", "--from", "2026-11-01", "--to", "2026-11-02", **settings).output
    (line,) = [line.split() for line in shown.splitlines() if line.startswith("ours")]
    assert line == ["ours", "high", "1", "720", "disabled"]


def test_a_span_without_stored_hours_is_one_sentence(tmp_path: Path) -> None:
    result = watch("replay", "--from", "2026-11-01", "--to", "2026-11-02", AUDIT_ASSETS_STORAGE=str(tmp_path))
    assert "holds no hour from 2026-11-01-00:00 to 2026-11-02-00:00" in str(result.exception)
