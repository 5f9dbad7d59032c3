"""The demo as a person runs it: a process of its own, an empty folder, no settings."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from audit_assets.cli.demo_home import MARK
from audit_assets.cli.demo_run import apply_settings, days_to_take
from audit_assets.cli.home_lock import LOCK, locked_home
from audit_assets.cli.sandbox_extra import start_sandbox
from audit_assets.config.settings_table import SETTINGS
from audit_assets_tests.pipeline import v2_burst, v2_entry
from audit_assets_tests.support import free_port

SAMPLE = Path(__file__).parents[1] / "fixtures" / "cloudflare" / "v1_entries.jsonl"
LAST = datetime(2026, 9, 1, 12, tzinfo=UTC)


def demo(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `audit-assets demo` in this folder."""
    return run(folder, "demo", *arguments, **settings)


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this folder, without the settings of whoever runs the tests."""
    command = [sys.executable, "-m", "audit_assets", *arguments]
    environment = {**clean_environment(), **settings}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def clean_environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and name != "DAGSTER_HOME"}
    return {**clean, "COLUMNS": "100"}


def summary_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return summary_of(demo(folder, "--json", "--history-days", "5", LINEAR_API_KEY="of a real workspace"))


def test_the_incidents_are_found(folder: Path, summary: dict[str, Any]) -> None:
    truths = json.loads((folder / ".audit_assets/demo/sandbox/truths.json").read_text())
    expected = {
        (deviation["hour"][:13].replace("T", "-"), truth["actor_email"], deviation["kind"], deviation["resource_type"])
        for truth in truths
        for deviation in truth["deviations"]
    }

    def deviations_of(actors: list[dict[str, Any]]) -> set[tuple[str, str, str, str | None]]:
        return {
            (actor["hour"][:13], address, deviation["kind"], deviation.get("resource_type"))
            for actor in actors
            for deviation in actor["deviations"]
            for address in [actor["actor"].split(" of ")[-1]]
        }

    flagged, below_threshold = deviations_of(summary["flagged"]), deviations_of(summary["below_threshold"])
    assert {each[2] for each in expected} == {"volume", "new_resource_type", "watch_rule"}
    assert expected <= flagged | below_threshold, "nothing disappears"
    certain = {each for each in expected if each[2] in ("volume", "watch_rule")}
    assert certain <= flagged


def test_the_summary_has_the_promised_numbers(summary: dict[str, Any]) -> None:
    assert len(summary["hours"]) == 6
    assert summary["history_hours"] == 6 * 24 - 6
    assert summary["digests"] == [], "six hours are no whole day"
    entries, proof = summary["entries"], summary["proof"]
    assert entries["pulled"] == entries["ingested"] == proof["expected"] == proof["found"] > 1000
    assert proof["holds"]
    for flagged in summary["flagged"]:
        assert flagged["ticket"]["identifier"].startswith("SEC-")
        assert flagged["ticket"]["url"].startswith("http://127.0.0.1:")
        assert flagged["ticket"]["page"] == f"{summary['tickets_page']}#{flagged['ticket']['identifier']}"
        assert "/query?initForm=" in flagged["axiom_url"]
        assert all(deviation["in_words"] for deviation in flagged["deviations"])


def test_a_file_of_real_entries_takes_the_place_of_the_organisation(tmp_path: Path) -> None:
    quiet = [entry for day in range(1, 9) for entry in v2_burst(LAST - timedelta(days=day), 2)]
    burst = v2_burst(LAST, 60, action="delete")
    hostile = v2_entry(LAST, actor="mallory@example.com", resource_type="'] | union ['x")
    lines = [json.dumps(entry) for entry in [*quiet, *burst, hostile]] + ["not JSON"]
    (tmp_path / "log.ndjson").write_text("\n".join(lines))
    done = demo(tmp_path, "--entries", "log.ndjson", "--judge-hours", "1")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "1 flagged, 2026-09-01-12:00 to 2026-09-01-12:00 UTC" in shown
    assert (
        "60 changes in the hour; usual is 2, at most 2 in 30 days; expected less than once in 2 months for this actor, "
        "the most that 8 active hours of history support 60 of 60 changes in the hour are deletes; usually 1 in 21"
    ) in shown
    page = (tmp_path / ".audit_assets/demo/tickets.html").as_uri()
    assert f"SEC-1 opened: {page}#SEC-1" in shown
    assert f"Where to look next: {page} the tickets, about as Linear shows them" in shown
    assert "1 deviation below the alert threshold" in shown
    assert "mallory@example.com: first change to '] | union ['x on record" in shown
    assert "note: still learning (budget): less than 14 days of scores" in shown
    assert "pulled 77 in 193 h" in shown
    assert "ingested 77" in shown
    assert "in Axiom 77 of 77, verified by their ids" in shown
    assert "unreadable 1 part of the file: no JSON, or an error reply" in shown
    assert "audit-assets dev --sandbox cloudflare,axiom,linear --home .audit_assets/demo" in shown
    assert "Open an address that it prints first: it has a token" in shown
    summary, preview, backtest = (
        run(tmp_path, *line.split()[1:], LINEAR_API_KEY="of a real workspace")
        for line in done.stdout.splitlines()
        if re.match(r"  \S*audit-assets (summary|preview|backtest) ", line)
    )
    assert (summary.returncode, preview.returncode, backtest.returncode) == (0, 0, 0), preview.stderr + backtest.stderr
    assert "1 ticket, 2026-08-31-13:00 to 2026-09-01-12:00 (UTC)" in summary.stdout
    assert f"SEC-1: {page}#SEC-1" in " ".join(summary.stdout.split())
    assert "SEC-1" in preview.stdout
    assert "2026-09-01" in backtest.stdout
    home = ("--home", ".audit_assets/demo")
    newest = run(tmp_path, "preview", *home), run(tmp_path, "backtest", *home)
    assert [each.returncode for each in newest] == [0, 0], newest
    assert "1 ticket of 2026-09-01-12:00 UTC" in newest[0].stdout
    assert "2026-08-31T13:00 to 2026-09-01T13:00 UTC" in newest[1].stdout


def test_the_tickets_open_when_nothing_runs_any_more(folder: Path, summary: dict[str, Any]) -> None:
    page = Path(url2pathname(urlsplit(summary["tickets_page"]).path))
    html = page.read_text()
    assert page == folder / ".audit_assets/demo/tickets.html"
    for flagged in summary["flagged"]:
        assert f'id="{flagged["ticket"]["identifier"]}"' in html
        assert escape(flagged["actor"].split("@")[0]) in html
    assert "data:image/png;base64," in html, "charts are in the page"
    assert "127.0.0.1" not in html, "no link leads to the sandbox, which has stopped"
    assert "<script" not in html
    assert "default-src &#39;none&#39;" in html
    assert re.search(r'<a href="#SEC-\d+"', html), "related tickets link to each other"


def test_the_tickets_are_shown_in_the_browser_on_request(folder: Path, summary: dict[str, Any]) -> None:
    seen = folder / "seen"
    (folder / "browser").write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    (folder / "browser").chmod(0o755)
    again = demo(folder, "--json", "--open", "--history-days", "5", BROWSER=str(folder / "browser"))
    assert summary_of(again) == summary
    assert seen.read_text().strip() == summary["tickets_page"]


def test_a_published_sample_runs(tmp_path: Path) -> None:
    summary = summary_of(
        demo(tmp_path, "--json", "--history-days", "1", "--judge-hours", "1", "--entries", str(SAMPLE))
    )
    assert summary["entries"]["pulled"] == summary["proof"]["found"] > 0
    served = summary["entries"]["pulled"] + summary["entries"]["outside"]
    assert served == len(SAMPLE.read_text().splitlines())


def test_entries_outside_of_the_days_that_it_takes_are_counted(tmp_path: Path) -> None:
    entries = [*v2_burst(LAST - timedelta(days=3), 7), *v2_burst(LAST - timedelta(hours=30), 2), *v2_burst(LAST, 5)]
    (tmp_path / "log.json").write_text(json.dumps(entries))
    done = demo(tmp_path, "--history-days", "1", "--judge-hours", "1", "--entries", "log.json")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "pulled 7 in 48 h" in shown
    assert "left out 7 of the file, older than these hours: a larger --history-days takes more" in shown


@pytest.mark.parametrize(
    ("asked", "span", "hours", "outside"),
    [
        (None, timedelta(days=89, hours=20), 2_157, 0),
        (None, timedelta(days=90, hours=2), 2_160, 3),
        (90, timedelta(days=90, hours=2), 2_160, 3),
        (10, timedelta(days=20), 264, 3),
    ],
)
def test_a_file_of_up_to_90_days_is_taken_whole_and_of_a_longer_one_the_newest(
    tmp_path: Path, asked: int | None, span: timedelta, hours: int, outside: int
) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps([*v2_burst(LAST - span, 3), *v2_burst(LAST, 2)]))
    with ExitStack() as stack:
        _, world = start_sandbox(stack, tmp_path / "sandbox", days=days_to_take(asked, path), entries=path)
    assert ((world.until - world.first) // timedelta(hours=1), world.outside) == (hours, outside)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--entries", "missing.json"], "missing.json"),
        (["--entries", "empty.json"], "empty.json"),
        (["--entries", "full"], "full can't be read: Is a directory."),
        (["--entries", "missing.json", "--home", "old", "--fresh"], "missing.json can't be read"),
        (["--entries", "empty.json", "--home", "old", "--fresh"], "empty.json is empty."),
        (
            ["--entries", "old/log.json", "--home", "old", "--fresh"],
            "old/log.json is in the demo's own folder old: move it, or name another with --home.",
        ),
        (
            ["--home", "old"],
            "old holds a demo that did not finish: add --fresh to delete it, or name another folder with --home.",
        ),
        (["--home", "full"], "full is not empty and was not made by a demo: name another folder with --home."),
    ],
)
def test_an_error_is_reported_in_one_sentence(tmp_path: Path, arguments: Sequence[str], sentence: str) -> None:
    (tmp_path / "empty.json").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / MARK).touch()
    (tmp_path / "old" / "log.json").write_text(json.dumps(v2_burst(LAST, 2)))
    done = demo(tmp_path, *arguments)
    assert done.returncode == 1
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert (tmp_path / "full" / "thesis.txt").exists()
    assert (tmp_path / "old" / "log.json").exists()
    assert not (tmp_path / ".audit_assets").exists()


def test_a_demo_that_is_there_is_shown_again_and_never_deleted_unasked(folder: Path, summary: dict[str, Any]) -> None:
    again = demo(folder, "--json", "--history-days", "5", AUDIT_ASSETS_STORAGE="s3://real/hours")
    assert summary_of(again) == summary
    assert " ".join(again.stderr.split()).startswith(
        "AUDIT_ASSETS_STORAGE is not used: a demo is complete in its own folder, so its hours lie in "
        ".audit_assets/demo/hours."
    )
    assert ".audit_assets/demo holds this demo already: its result again. --fresh runs it anew." in again.stderr
    (folder / "log.json").write_text(json.dumps(v2_burst(LAST, 2)))
    for other in (["--history-days", "4"], ["--entries", "log.json"]):
        done = demo(folder, *other)
        assert done.returncode == 1
        assert " ".join(done.stderr.split()) == (
            "audit-assets: .audit_assets/demo holds an earlier demo: add --fresh to delete it, or name another folder "
            "with --home."
        )
    assert (folder / ".audit_assets/demo/sandbox/truths.json").exists()


@pytest.mark.parametrize(
    "command",
    [["summary"], ["preview", "2026-09-01-12:00"], ["backtest", "--from", "2026-09-01", "--to", "2026-09-02"]],
)
def test_a_folder_without_a_demo_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    done = run(tmp_path, *command, "--home", "typo")
    assert done.returncode == 1
    assert " ".join(done.stderr.split()) == (
        "audit-assets: typo holds no hours of a demo: run `audit-assets demo` first, or correct --home."
    )
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("command", [["demo", "--fresh"], ["dev", "--sandbox", "cloudflare,axiom,linear"]])
def test_a_home_in_use_is_left_alone(tmp_path: Path, command: list[str]) -> None:
    home = tmp_path / "home"
    with locked_home(home):
        (home / MARK).touch()
        (home / "kept").touch()
        port = ("--port", free_port()) if command[0] == "dev" else ()
        done = run(tmp_path, *command, *port, "--home", "home")
    assert done.returncode == 1
    assert " ".join(done.stderr.split()) == (
        "audit-assets: home is in use by another audit-assets command: stop that one, or name another folder with "
        "--home."
    )
    assert {path.name for path in home.iterdir()} - {LOCK} == {MARK, "kept"}


def test_a_fresh_demo_replaces_the_one_that_was_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "hours").mkdir(parents=True)
    (home / MARK).touch()
    (home / "hours" / "left").touch()
    summary_of(
        demo(
            tmp_path,
            "--json",
            "--history-days",
            "1",
            "--judge-hours",
            "1",
            "--entries",
            str(SAMPLE),
            "--home",
            "home",
            "--fresh",
        )
    )
    assert not (home / "hours" / "left").exists()


def test_a_demo_knows_the_address_of_no_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "AUDIT_ASSETS_CHANNEL_PAGER",
        "AUDIT_ASSETS_WEBHOOK_URL",
        "AUDIT_ASSETS_HEARTBEAT_URL",
        "AUDIT_ASSETS_TRIAGE_MODEL",
    ]
    for name in names:
        monkeypatch.setenv(name, "pagerduty://a@b")
    apply_settings({}, tmp_path, LAST)
    assert not {*names} & {*os.environ}


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
@pytest.mark.parametrize("moment", ["sandbox", "hours/raw_audit_entries"])
def test_ctrl_c_is_one_line_and_leaves_nothing_running(tmp_path: Path, moment: str) -> None:
    command = [sys.executable, "-m", "audit_assets", "demo", "--home", "home", "--history-days", "20"]
    with subprocess.Popen(  # noqa: S603 - our own
        command, cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not (tmp_path / "home" / moment).exists():
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert [line for line in errors.splitlines() if not line.endswith((" …", " s", " h", " left"))] == [
        "audit-assets: stopped."
    ]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    with locked_home(tmp_path / "home"):
        assert (tmp_path / "home" / MARK).exists()
