"""`audit-assets backtest` under a team's policy: preset, allowances, incidents, severities, organisation days."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from audit_assets.cli import backtest_command
from audit_assets.cli.main import app
from audit_assets.config.errors import SettingError
from audit_assets.config.settings_table import SETTINGS
from audit_assets.detection.schemas import THRESHOLD_FALL
from audit_assets.detection.severity import SEVERITIES
from audit_assets_tests.detection.streams import at, burst, quiet, stream
from audit_assets_tests.reports.test_backtest import BURST, quiet_months

AGAIN = BURST + timedelta(days=3)
MOVERS = [f"person-{number}" for number in range(4)]
AN_HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and no .env, but those of the test."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quiet months with their burst, a smaller one of the same kind, and a migration of four people a day later."""
    again = [(AGAIN + timedelta(seconds=n), "person-3", "human", "api_token") for n in range(60)]
    moved = [(AGAIN + timedelta(days=1, seconds=n), mover, "human", "registrar") for mover in MOVERS for n in range(80)]
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    more = pl.DataFrame([*again, *moved], schema=quiet_months().schema, orient="row")
    pl.concat([quiet_months(), more]).write_parquet(path)
    return path


def in_force(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The settings name a policy file with this text."""
    Path("policy.toml").write_text(text)
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", "policy.toml")


def backtest(events: Path, *options: str) -> tuple[dict[str, Any], pl.DataFrame]:
    """What it prints and writes, which must speak of the same tickets."""
    arguments = [str(events), "--json", "--out", "scores.parquet", "--chart", "page.html", *options]
    done = CliRunner().invoke(app, ["backtest", *arguments])
    assert done.exit_code == 0, done.exception
    result, scores = json.loads(done.stdout), pl.read_parquet("scores.parquet")
    own = scores.filter(disposition="ticket")["ticket"].n_unique()
    of_all = scores.select("hour", "shared_types").explode("shared_types").drop_nulls().n_unique()
    assert own + of_all == len(result["tickets"])
    every = [*result["tickets"], *result["tickets_at_other_budgets"]]
    for row in result["trade_off"]:
        assert row["tickets"] == sum(row["asked"] in ticket["budgets"] for ticket in every)
    asked = [row for row in result["trade_off"] if row["asked"] == result["tickets_per_day"]["asked"]]
    assert all(row["tickets"] == len(result["tickets"]) for row in asked)
    assert all(row["realised"] == result["tickets_per_day"]["realised"] for row in asked)
    listed = len(every) + sum(not hour["budgets"] for hour in result["allowed"])
    assert Path("page.html").read_text().count('class="when"') == listed
    return result, scores


def printed(events: Path, *options: str) -> str:
    with patch.object(
        backtest_command, "output", Console(highlight=False, width=140)
    ):  # a console reads COLUMNS when it is made
        done = CliRunner().invoke(app, ["backtest", str(events), *options])
    assert done.exit_code == 0, done.exception
    return " ".join(done.stdout.split())


def opened(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(ticket["hour"][:13], ticket["actor"]) for ticket in result["tickets"]}


def hour_of(scores: pl.DataFrame, actor: str, hour: Any) -> dict[str, Any]:
    (row,) = scores.filter(actor=actor, hour=hour).to_dicts()
    return row


@pytest.mark.parametrize("rule", ["calibrated", "plain"])
def test_what_is_allowed_opens_no_ticket_and_stays_listed(
    lived: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    before, _ = backtest(lived, "--rule", rule)
    in_force(monkeypatch, '[[allow]]\nactor = "person-3"\nuntil = 2026-08-20\nreason = "the move, SEC-9"')
    result, scores = backtest(lived, "--rule", rule)
    row = hour_of(scores, "person-3", BURST)
    assert (row["flagged"], row["disposition"], row["severity"]) == (False, "allowed", None)
    assert (row["allowed_because"], row["budgets"]) == ("the move, SEC-9", [])
    covered = {each for each in opened(before) if each[1] == "person-3" and each[0] < "2026-08-21"}
    assert (f"{BURST:%Y-%m-%dT%H}", "person-3") in covered
    assert opened(before) - covered <= opened(result)
    joined_a_covered_one = ("2026-08-21T09", "person-3")
    assert opened(result) - opened(before) <= {joined_a_covered_one}
    allowed = {(hour["hour"][:13], hour["actor"]) for hour in result["allowed"]}
    assert covered <= allowed, "and the hours that would have joined their tickets"
    assert all(actor == "person-3" and hour < "2026-08-21" for hour, actor in allowed)
    assert "(allowed: the move, SEC-9)" in printed(lived, "--rule", rule)
    page = Path("page.html").read_text()
    assert "allowed: <bdi>the move, SEC-9</bdi>" in page
    assert re.search(rf" Above the alert threshold, but allowed: {len(allowed)} hours?\.", page)


@pytest.mark.parametrize("rule", ["calibrated", "plain"])
def test_a_confirmed_incident_is_no_example_of_what_is_usual(
    lived: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    learned = hour_of(backtest(lived, "--rule", rule)[1], "person-3", AGAIN)
    incident = f'[[confirmed_incident]]\nactor = "person-3"\nstart = {BURST:%FT%T}Z\nend = {BURST + AN_HOUR:%FT%T}Z'
    in_force(monkeypatch, incident)
    _, scores = backtest(lived, "--rule", rule)
    known = hour_of(scores, "person-3", AGAIN)
    assert (learned["new_resource_types"], known["new_resource_types"]) == ([], ["api_token"])
    assert known["baseline_mean"] < learned["baseline_mean"]
    assert known["flagged"]
    assert scores.filter("confirmed").select("actor", "hour").rows() == [("person-3", BURST)]
    assert hour_of(scores, "person-3", BURST)["flagged"], "it is judged all the same"


def test_what_many_do_at_once_is_one_ticket_for_the_organisation(lived: Path) -> None:
    moved = AGAIN + timedelta(days=1)
    result, scores = backtest(lived)
    (ticket,) = [ticket for ticket in result["tickets"] if ticket["actor_key"] == "organisation"]
    assert (ticket["hour"][:13], ticket["actor"]) == (f"{moved:%Y-%m-%dT%H}", "the organisation")
    assert (ticket["resource_type"], ticket["changes"], ticket["members"]) == ("registrar", 320, MOVERS)
    members = scores.filter(hour=moved).sort("actor")
    assert members["actor"].to_list() == MOVERS
    assert set(members["disposition"]) == {"organisation"}
    assert members["flagged"].all(), "they are on the organisation's ticket"
    assert members["shared_types"].to_list() == [["registrar"]] * 4
    assert set(members["severity"]) == {ticket["severity"]}
    assert not [each for each in result["tickets"] if each["hour"] == ticket["hour"] and each is not ticket]
    assert "registrar, by 4 actors" in printed(lived)
    assert "320 changes to <bdi>registrar</bdi> by 4 actors: <bdi>person-0</bdi>" in Path("page.html").read_text()


def test_a_fall_of_the_threshold_is_a_ticket_about_the_hours_before(tmp_path: Path) -> None:
    """All are active at the midnight at which it is found, and none is on its ticket for that."""
    calm = quiet(days=90, actors=12, seed=3, a_day=16)
    poison = [
        burst(f"actor-{(4 * day + n) % 12}", at(day, 9 + 2 * n), 300, "type-0")
        for day in range(70, 86)
        for n in range(4)
    ]
    usual = [burst(f"actor-{number}", at(day), 2, "type-0") for day in range(40, 90) for number in range(12)]
    events = tmp_path / "poisoned.parquet"
    stream([calm, *poison, *usual]).write_parquet(events)
    done = CliRunner().invoke(
        app, ["backtest", str(events), "--json", "--out", "scores.parquet", "--chart", "page.html"]
    )
    assert done.exit_code == 0, done.exception
    (ticket,) = [each for each in json.loads(done.stdout)["tickets"] if each["actor_key"] == THRESHOLD_FALL]
    assert (ticket["hour"][11:13], ticket["actor"], ticket["severity"]) == ("00", "the alert threshold", "high")
    assert ticket["budgets"] == [0.25, 0.5, 1.0, 2.0], "no budget limits it"
    assert len(ticket["members"]) == 12
    scores = pl.read_parquet("scores.parquet")
    at_midnight = scores.filter(hour=datetime.fromisoformat(ticket["hour"]))
    assert at_midnight.height == 12
    assert not at_midnight["flagged"].all()
    assert not scores["ticket"].drop_nulls().str.starts_with(THRESHOLD_FALL).any()
    hours = f"{ticket['changes']} unusual hours by 12 actors"
    assert hours in printed(events)
    assert f"{hours}: <bdi>actor-0</bdi>" in Path("page.html").read_text()
    assert THRESHOLD_FALL not in CliRunner().invoke(app, ["backtest", str(events), "--json", "--rule", "plain"]).stdout


def test_an_actor_who_is_called_like_the_organisation_is_no_organisation(lived: Path) -> None:
    pl.read_parquet(lived).with_columns(pl.col("actor").replace("person-3", "organisation")).write_parquet("e.parquet")
    result, scores = backtest(Path("e.parquet"))
    assert [t["members"] for t in result["tickets"] if t["members"]] == [["organisation", *MOVERS[:3]]]
    assert (f"{BURST:%Y-%m-%dT%H}", "organisation") in opened(result)
    assert hour_of(scores, "organisation", BURST)["disposition"] == "ticket"


def test_a_migration_that_is_allowed_opens_no_ticket(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force(monkeypatch, '[[allow]]\nresource_type = "registrar"\nuntil = 2099-01-01\nreason = "the move"')
    result, scores = backtest(lived)
    assert "the organisation" not in {ticket["actor"] for ticket in result["tickets"]}
    assert set(scores.filter(hour=AGAIN + timedelta(days=1))["disposition"]) == {"allowed"}


def test_what_was_touched_raises_the_severity_as_far_as_it_is_known(
    lived: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force(monkeypatch, "sensitive = []")
    rarity = backtest(lived)[1].filter(disposition="ticket")
    asked = '[[sensitive]]\nbecause = "{0}"\ntouching = ["zone"]\nraises = 1\n'
    in_force(monkeypatch, asked.format("names") + asked.format("deletes") + 'kinds = ["delete"]')
    raised = backtest(lived)[1].filter(disposition="ticket")
    events = pl.read_parquet(lived).filter(resource_type="zone")
    touching = events.select("actor", hour=pl.col("time").dt.truncate("1h").cast(pl.Datetime("us", "UTC"))).unique()
    both = raised.join(rarity, on=["hour", "actor"], suffix="_before")
    touched = both.join(touching, on=["hour", "actor"], how="semi")
    steps = [
        SEVERITIES.index(after) - SEVERITIES.index(before)
        for before, after in touched.select("severity_before", "severity").iter_rows()
        if before != "urgent"
    ]
    assert set(steps) == {1}, "of the deletes nothing is known"
    untouched = both.join(touching, on=["hour", "actor"], how="anti")
    assert untouched["severity"].to_list() == untouched["severity_before"].to_list()
    assert not untouched.is_empty()


@pytest.mark.parametrize(
    ("settings", "options", "rule", "budget"),
    [
        ({}, [], "calibrated", 1),
        ({"PRESET": "quiet"}, [], "calibrated", 0.25),
        ({"PRESET": "plain"}, [], "plain", 1),
        ({"TICKETS_PER_DAY": "3"}, [], "calibrated", 3),
        ({"PRESET": "quiet", "TICKETS_PER_DAY": "3"}, ["--tickets-per-day", "1"], "calibrated", 1),
        ({"PRESET": "plain"}, ["--tickets-per-day", "0.5"], "calibrated", 0.5),
        ({"PRESET": "plain"}, ["--rule", "calibrated"], "calibrated", 1),
        ({"PRESET": "plain", "TICKETS_PER_DAY": "3"}, ["--rule", "calibrated"], "calibrated", 3),
        ({"PRESET": "quiet"}, ["--rule", "calibrated"], "calibrated", 0.25),
        ({"PRESET": "quiet"}, ["--rule", "plain"], "plain", 1),
    ],
)
def test_the_settings_are_the_defaults_of_the_options(
    lived: Path, settings: dict[str, str], options: list[str], rule: str, budget: float
) -> None:
    Path(".env").write_text("".join(f"AUDIT_ASSETS_{name}={value}\n" for name, value in settings.items()))
    result, _ = backtest(lived, *options)
    assert (result["rule"], result["tickets_per_day"]["asked"]) == (rule, budget)


def test_the_plain_rule_is_the_teams(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_VOLUME_RATIO", "3.5")
    monkeypatch.setenv("AUDIT_ASSETS_VOLUME_MINIMUM", "6")
    result, scores = backtest(lived, "--rule", "plain")
    months = scores.filter(pl.col("hour") >= BURST - timedelta(days=40))
    loud = months.filter(pl.col("ratio") >= 3.5, pl.col("changes") >= 6)
    assert loud.filter(pl.col("changes") < 10).height > 0
    assert loud["flagged"].all()
    assert (
        not months.filter(pl.col("new_resource_types").list.len() == 0)
        .join(loud, on=["hour", "actor"], how="anti")["flagged"]
        .any()
    )
    assert result["plain_rule"] == {"ratio": 3.5, "minimum": 6}
    assert '"lines":[[3.5,"rule",true]]' in Path("page.html").read_text()


def test_a_mistake_in_the_policy_file_is_one_sentence(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force(monkeypatch, "[[allow]]\nactor = 5")
    error = CliRunner().invoke(app, ["backtest", str(lived)]).exception
    assert isinstance(error, SettingError)
    assert str(error).startswith(f"{Path('policy.toml').absolute()}: allow.1")
    assert "\n" not in str(error)
