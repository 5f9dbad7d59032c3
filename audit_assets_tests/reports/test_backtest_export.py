"""`audit-assets backtest` over an exported audit log: every form that `demo --entries` takes, judged as hours are."""

import gzip
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.reports.backtest_export import read_file
from audit_assets.reports.backtest_input import BacktestError
from audit_assets_tests.cloudflare import samples
from audit_assets_tests.pipeline import v2_burst

LAST = datetime(2026, 9, 1, 12, tzinfo=UTC)
BURST = "2026-09-01T12:00:00.000000+00:00"


def entries(burst: int = 60) -> list[dict[str, Any]]:
    """A quiet month, then a burst of deletes."""
    quiet = [entry for day in range(1, 31) for entry in v2_burst(LAST - timedelta(days=day), 2)]
    return [*quiet, *v2_burst(LAST, burst, action="delete")]


def as_logpush(entry: dict[str, Any]) -> dict[str, Any]:
    """A record of `audit_logs_v2` (docs/facts/cloudflare.md, 4)."""
    places = {"AuditLogID": entry["id"], "AccountID": entry["account"]["id"]}
    places |= {"ActionTimestamp": entry["action"]["time"], "ActionType": entry["action"]["type"]}
    places |= {"ActionResult": entry["action"].get("result", "success"), "ResourceType": entry["resource"]["type"]}
    return places | {
        "ActorID": entry["actor"].get("id"),
        "ActorEmail": entry["actor"].get("email"),
        "ActorType": "user",
    }


def lines(records: Sequence[Any]) -> str:
    return "\n".join(map(json.dumps, records))


def written(folder: Path, form: str) -> Path:
    """The entries in one of the forms in which people export them."""
    pages = [{"success": True, "result": entries()[at : at + 50]} for at in range(0, 120, 50)]
    texts = {
        "log.json": json.dumps(entries()),
        "log.ndjson": lines(entries()),
        "pages.json": "".join(map(json.dumps, pages)),
        "logpush.log": lines([as_logpush(entry) for entry in entries()]),
    }
    path = folder / form
    if form == "log.ndjson.gz":
        path.write_bytes(gzip.compress(lines(entries()).encode()))
    elif form == "log.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.json", json.dumps(entries()[:70]))
            archive.writestr("b.json", json.dumps(entries()[70:]))
    else:
        path.write_text(texts[form])
    return path


def backtest(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["backtest", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("form", ["log.json", "log.ndjson", "pages.json", "logpush.log", "log.ndjson.gz", "log.zip"])
def test_every_form_of_an_export_is_read(tmp_path: Path, form: str) -> None:
    printed = backtest(str(written(tmp_path, form)), "--tickets-per-day", "1")
    assert (printed["actors"], printed["active_hours"], printed["unreadable"]) == (1, 31, 0)
    (ticket,) = printed["tickets"]
    assert (ticket["hour"], ticket["changes"]) == (BURST, 60)
    assert "@" in ticket["actor"], "an actor is named, though its key is what counts"


def test_what_counts_as_a_change_is_what_the_policy_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viewed = [
        {**entry, "id": f"v{number}", "action": {**entry["action"], "type": "view"}}
        for number, entry in enumerate(entries())
    ]
    (tmp_path / "log.json").write_text(json.dumps([*entries(), *viewed]))
    assert sum(read_file(tmp_path / "log.json").activity["changes"]) == 120
    (tmp_path / "policy.toml").write_text('[counted]\nwithout_kinds = ["delete"]\n')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "policy.toml"))
    assert sum(read_file(tmp_path / "log.json").activity["changes"]) == 60


def test_both_streams_are_read_and_what_can_not_be_is_counted(tmp_path: Path) -> None:
    first = samples.v1_entry(1)
    (tmp_path / "log.jsonl").write_text(lines([first, samples.v2_entry(2), {**first, "id": None}]) + "\nnot JSON")
    data = read_file(tmp_path / "log.jsonl")
    assert (data.unreadable, int(data.activity["changes"].sum())) == (2, 2)


def test_a_token_and_its_owner_are_known_as_in_an_hour(tmp_path: Path) -> None:
    token = samples.v2_entry(1, actor={"context": "api_token", "token_id": "t1", "token_name": "deploy"})
    (tmp_path / "log.json").write_text(json.dumps([token, samples.v2_entry(2)]))
    data = read_file(tmp_path / "log.json")
    owner = data.actors.filter(data.actors["name"] == "Ann@Example.com")["actor_key"].item()
    by_name = data.actors.join(data.activity, left_on="actor_key", right_on="actor")
    assert by_name.filter(by_name["name"].str.starts_with("token"))["owner"].to_list() == [owner]
    assert data.origins is not None
    assert "t1" in data.origins["value"].to_list()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("e.json", "[]", "e.json contains no audit entry"),
        ("e.log", "a\tb", "e.log is neither JSON nor NDJSON"),
        ("e.json", json.dumps([samples.v2_entry(1, action={"type": "view"})]), "e.json holds 1 entry, none of which"),
        ("gone.zip", None, "gone.zip can't be read: No such file or directory; or give events (time, actor, "),
        ("gone.ndjson", None, "gone.ndjson does not exist"),
    ],
)
def test_a_file_without_changes_is_one_sentence(tmp_path: Path, name: str, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BacktestError) as error:
        read_file(tmp_path / name)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
