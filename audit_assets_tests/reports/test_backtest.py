"""`audit-assets backtest`: what would have been flagged, over a file of events."""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli import console
from audit_assets.cli.main import app
from audit_assets.reports.backtest import backtest_policy, run_backtest
from audit_assets.reports.backtest_export import read_file
from audit_assets.reports.backtest_input import BacktestError, read_events
from audit_assets.reports.backtest_summary import summarize_backtest
from audit_assets_tests.detection.test_plain_rule import judge

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
BURST = START + timedelta(days=80, hours=3)
PROMISED_COLUMNS = (
    "actor",
    "hour",
    "changes",
    "baseline_mean",
    "ratio",
    "p_volume",
    "new_resource_types",
    "p_novelty",
    "p",
    "flagged",
)


def quiet_months() -> pl.DataFrame:
    """Five people whose changes vary from day to day, and one burst on the 80th day."""
    chance = random.Random(1)  # noqa: S311 - no secret depends on it
    rows = [
        (
            START + timedelta(days=day, minutes=person * 7, seconds=change),
            f"person-{person}",
            "human",
            ("dns", "zone")[change % 2],
        )
        for day in range(100)
        for person in range(5)
        for change in range(round(chance.lognormvariate(0.5, 0.9)))
    ]
    burst = [(BURST + timedelta(seconds=second), "person-3", "human", "api_token") for second in range(120)]
    return pl.DataFrame(rows + burst, schema=["time", "actor", "actor_type", "resource_type"], orient="row")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    quiet_months().write_parquet(path)
    return path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["backtest", *arguments], env={"COLUMNS": "120"})
    return result.exit_code, result.output


def test_the_burst_is_the_ticket(events: Path, tmp_path: Path) -> None:
    code, printed = run(str(events), "--tickets-per-day", "0.25", "--out", str(tmp_path / "scores.parquet"), "--json")
    assert code == 0
    summary = json.loads(printed)
    flagged = {(ticket["hour"][:13], ticket["actor"]): ticket for ticket in summary["tickets"]}
    burst = flagged[BURST.isoformat()[:13], "person-3"]
    assert (burst["changes"], burst["new_resource_types"], burst["severity"]) == (120, ["api_token"], "urgent")
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert set(PROMISED_COLUMNS) <= set(scores.columns)
    assert scores.height == summary["active_hours"] == scores.select("actor", "hour").n_unique()
    assert scores["ticket"].drop_nulls().n_unique() == len(summary["tickets"])
    assert scores["ticket"].is_not_null().equals(scores["flagged"])


def test_the_summary_can_be_read(events: Path) -> None:
    code, printed = run(str(events))
    assert code == 0
    shown = " ".join(printed.split())
    assert "of 5 actors, calibrated rule" in shown
    assert "tickets a day from 2026-07-31 on: budget 1, realised" in shown
    assert "2026-08-20T12 urgent person-3 120" in shown
    assert "budget realised tickets 0.25 " in shown
    assert re.search(r"person-3 120 [\d.]+ ● ● ● ● api_token", shown)


def test_a_terminal_is_not_steered_by_a_name(events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = pl.col("actor").str.replace("person", "\x1b[2J\u202e[red]eve")
    pl.read_parquet(events).with_columns(hostile).write_parquet(tmp_path / "e.parquet")
    monkeypatch.setattr(console.output, "width", 120)  # narrower, and the name is folded
    code, printed = run(str(tmp_path / "e.parquet"))
    assert code == 0
    assert "\\u001b[2J\\u202e[red]eve-3" in printed
    assert not {"\x1b", "\u202e"} & set(printed)


def test_what_was_judged_by_defaults_is_counted(events: Path) -> None:
    learning = json.loads(run(str(events), "--json")[1])["learning"]
    young = quiet_months().filter(pl.col("time") < START + timedelta(days=90))
    assert learning["types"] == young.select("actor", pl.col("time").dt.truncate("1h")).n_unique()


@pytest.mark.parametrize("asked", [1.0, 0.3])
def test_each_budget_shows_how_many_tickets_it_opens_and_which(events: Path, asked: float) -> None:
    summary = json.loads(run(str(events), "--tickets-per-day", f"{asked}", "--json")[1])
    tickets = [*summary["tickets"], *summary["tickets_at_other_budgets"]]
    assert [row["asked"] for row in summary["trade_off"]] == sorted({0.25, 0.5, 1.0, 2.0, asked})
    for row in summary["trade_off"]:
        alone = json.loads(run(str(events), "--tickets-per-day", f"{row['asked']}", "--json")[1])
        opened = {(ticket["hour"], ticket["actor"]) for ticket in tickets if row["asked"] in ticket["budgets"]}
        assert opened == {(ticket["hour"], ticket["actor"]) for ticket in alone["tickets"]}
        assert row["tickets"] == len(opened)
        assert row["realised"] == alone["tickets_per_day"]["realised"] == summary["budgets"][f"{row['asked']:g}"]
    assert all(asked in ticket["budgets"] for ticket in summary["tickets"])
    assert not any(asked in ticket["budgets"] for ticket in summary["tickets_at_other_budgets"])


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_every_form_of_the_events_gives_the_same_scores(tmp_path: Path, suffix: str) -> None:
    events = quiet_months()
    path = tmp_path / f"events.{suffix}"
    getattr(events, f"write_{suffix}")(path)
    read = read_events(path)
    assert read.schema["time"] == pl.Datetime("us", "UTC")
    assert read.equals(events.cast({"time": pl.Datetime("us", "UTC")}))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-22T10:00:00Z", "10:00"),
        ("2026-11-22T10:00:00.123456789+02:00", "08:00"),
        ("2026-11-22T10:00:00", "10:00"),
        ("2026-11-22 10:00:00", "10:00"),
    ],
)
def test_a_time_is_read_as_utc(tmp_path: Path, written: str, read: str) -> None:
    (tmp_path / "e.csv").write_text(f"time,actor,actor_type,resource_type,more\n{written},a,human,dns,x\n")
    (time,) = read_events(tmp_path / "e.csv")["time"]
    assert f"{time:%H:%M}" == read


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("e.csv", None, "does not exist"),
        ("e.xlsx", "", "events are read from .parquet, .csv, .ndjson, .jsonl files, not from .xlsx"),
        ("e.parquet", "no parquet", "can't be read as parquet"),
        ("e.csv", "time,actor\n1,2\n", "has no column actor_type, resource_type"),
        ("e.csv", "time,actor,actor_type,resource_type\nnoon,a,b,c\n", "the time of 1 event can't be read"),
        ("e.csv", "time,actor,actor_type,resource_type\n", "contains no events"),
    ],
)
def test_what_can_not_be_scored_is_one_sentence(tmp_path: Path, name: str, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BacktestError) as error:
        read_events(tmp_path / name)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_the_budget_is_kept_once_the_threshold_is_learned(events: Path) -> None:
    summary = json.loads(run(str(events), "--json")[1])
    assert summary["counted_from"] == (START + timedelta(days=60)).isoformat()
    assert summary["budgets"]["1"] == summary["tickets_per_day"]["realised"]
    assert 0.6 <= summary["budgets"]["1"] <= 1.4


def test_the_plain_rule_is_the_one_of_the_hourly_assets(events: Path) -> None:
    data = read_file(events)
    plain = backtest_policy("plain", 1)
    scores = run_backtest(data, plain).scores
    history = (
        quiet_months()
        .group_by("actor", pl.col("time").dt.truncate("1h"), "resource_type")
        .len()
        .select("actor", "time", "resource_type", pl.col("len").cast(pl.Int64))
    )
    hours = scores["hour"].unique().sort().to_list()
    flagged = judge(history.rows(), *hours).select("hour", "actor_key").unique()
    assert set(scores.filter("flagged").select("hour", "actor").rows()) == set(flagged.rows())
    assert (BURST, "person-3") in set(flagged.rows())
    summary: dict[str, Any] = summarize_backtest(run_backtest(data, plain), data, plain)
    assert (summary["budgets"], summary["trade_off"], summary["tickets_at_other_budgets"]) == ({}, [], [])


def test_an_unknown_rule_is_refused(events: Path) -> None:
    result = CliRunner().invoke(app, ["backtest", str(events), "--rule", "guess"])
    assert isinstance(result.exception, BacktestError)
    assert str(result.exception) == "--rule is calibrated or plain, not 'guess'."


@pytest.mark.parametrize("suffix", ["csv", "parquet", "ndjson"])
def test_a_new_credential_is_on_the_ticket_of_the_owner_that_the_file_names(tmp_path: Path, suffix: str) -> None:
    used = [(BURST + timedelta(seconds=second), "token-1", "service", "dns") for second in range(300)]
    columns = ["time", "actor", "actor_type", "resource_type"]
    events = pl.concat([quiet_months(), pl.DataFrame(used, schema=columns, orient="row")])
    owner = pl.when(pl.col("actor") == "token-1").then(pl.lit("person-3"))
    path = tmp_path / f"events.{suffix}"
    owned = events.with_columns(pl.col("time").dt.to_string("iso:strict"), owner=owner)
    getattr(owned, f"write_{suffix}")(path)
    scores = run_backtest(read_file(path), backtest_policy("calibrated", 1.0)).scores
    theirs = scores.filter(pl.col("hour") == BURST.replace(minute=0), pl.col("actor").is_in(["token-1", "person-3"]))
    assert theirs["ticket"].unique().to_list() == [f"person-3 {BURST:%Y-%m-%d-%H}:00"]
    assert theirs["owner"].unique().to_list() == ["person-3"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "ndjson"])
def test_the_origins_that_a_file_names_are_used_as_far_as_it_has_them(tmp_path: Path, suffix: str) -> None:
    events = quiet_months()
    in_burst = pl.col("time").dt.truncate("1h") == BURST.replace(minute=0)
    address = pl.when(in_burst).then(pl.lit("::ffff:198.51.100.9")).otherwise(pl.lit("203.0.113.7"))
    located = events.with_columns(pl.col("time").dt.to_string("iso:strict"), ip_address=address)
    found = []
    for name, frame in {"with": located, "without": located.drop("ip_address")}.items():
        path = tmp_path / f"{name}.{suffix}"
        getattr(frame, f"write_{suffix}")(path)
        scores = run_backtest(read_file(path), backtest_policy("calibrated", 1.0)).scores
        found.append(scores.filter(pl.col("hour") == BURST.replace(minute=0)).sort("p").row(0, named=True))
    assert [each["new_origins"] for each in found] == [["network"], None]
    assert found[0]["new_network_here"]
    assert found[0]["p_volume"] < found[1]["p_volume"]
