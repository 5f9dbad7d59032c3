"""Summaries of an hour, a day and a month: their promised shape, and how people read them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.defs.partitions import key_of
from audit_assets.reports.summary import (
    SUMMARY_VERSION,
    SummaryError,
    period_of,
    schema,
    summarize_period,
    summary_hash,
)
from audit_assets.storage.hour_store import HourStore

HOUR = timedelta(hours=1)
NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


def flagged(actor: str, severity: str, ticket: str | None, outcome: str = "opened") -> dict[str, Any]:
    return {
        "actor": actor,
        "actor_key": actor,
        "actor_type": "user",
        "severity": severity,
        "severity_because": [],
        "tickets_a_day": 0.1,
        "learning": [],
        "in_words": ["50 changes in an hour"],
        "deviations": [{"kind": "volume", "disposition": "ticket", "changes": 50, "in_words": "50 changes in an hour"}],
        "axiom_url": "https://app.axiom.co/x",
        "ticket": {
            "outcome": outcome,
            "identifier": ticket,
            "url": ticket and f"https://linear.app/{ticket}",
            "closed": None,
        },
    }


def summary_of(hour: datetime, *actors: dict[str, Any], below_threshold: int = 0) -> Any:
    quiet = {
        **{name: value for name, value in flagged("bob", "low", None).items() if name != "ticket"},
        "deviations": [{"kind": "volume", "disposition": "below_threshold", "in_words": "a little much"}]
        * below_threshold,
    }
    return {
        "version": SUMMARY_VERSION,
        "hour": key_of(hour),
        "entries": {"pulled": 10, "by_stream": {"v2": 10}, "changes": 8, "actors": 2, "quarantined": 1},
        "history_since": None,
        "learning": False,
        "still_learning": {},
        "flagged": [*actors],
        "dismissed": 0,
        "below_threshold": [quiet] if below_threshold else [],
    }


def undocumented(value: Any, documented: dict[str, Any], definitions: dict[str, Any], path: str = "") -> list[str]:
    """The fields of a value that its JSON Schema does not name."""
    documented = definitions[documented["$ref"].split("/")[-1]] if "$ref" in documented else documented
    if isinstance(value, list):
        return [
            found
            for each in value
            for found in undocumented(each, documented.get("items", {}), definitions, f"{path}[]")
        ]
    if not isinstance(value, dict) or "properties" not in documented:
        return []
    unnamed = [f"{path}.{name}" for name in value if name not in documented["properties"]]
    missing = [f"{path}.{name} is missing" for name in documented.get("required", []) if name not in value]
    inner = (
        undocumented(value[name], each, definitions, f"{path}.{name}")
        for name, each in documented["properties"].items()
        if name in value
    )
    return [*unnamed, *missing, *(found for each in inner for found in each)]


def test_the_schema_names_every_field_and_misses_none() -> None:
    hour = schema()["hour"]
    summary = summary_of(NINE, flagged("anne", "high", "SEC-1"), below_threshold=1)
    assert undocumented(summary, hour, hour["$defs"]) == []
    assert undocumented({**summary, "odd": 1}, hour, hour["$defs"]) == [".odd"]
    summary["flagged"][0]["ticket"].pop("url")
    assert undocumented(summary, hour, hour["$defs"]) == [".flagged[].ticket.url is missing"]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13", "2026-02-30", "2026-11-22-09:30"])
def test_an_invalid_period_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(SummaryError, match="name an hour, a day or a month"):
        period_of(text)


def test_a_day_lists_each_ticket_once_with_all_its_hours_the_most_severe_first() -> None:
    summary = summarize_period(
        "2026-11-22",
        [
            summary_of(NINE, flagged("anne", "low", "SEC-1"), flagged("bob", "medium", "SEC-2"), below_threshold=2),
            summary_of(
                NINE + HOUR, flagged("anne", "urgent", "SEC-1", "joined"), flagged("eve", "high", None, "failed")
            ),
        ],
        ["2026-11-22-11:00"],
    )
    assert [(ticket["identifier"], ticket["severity"], len(ticket["hours"])) for ticket in summary["tickets"]] == [
        ("SEC-1", "urgent", 2),
        ("SEC-2", "medium", 1),
    ]
    assert summary["outcomes"] == {"opened": 2, "joined": 1, "failed": 1}
    assert summary["without_ticket"] == {"below_threshold": 2}
    assert [hour["actor"] for hour in summary["below_threshold"]] == ["bob"]
    assert len(summary["below_threshold"][0]["in_words"]) == 2
    assert summary["entries"] == {"pulled": 20, "changes": 16, "quarantined": 2}
    assert undocumented(summary, schema()["period"], schema()["period"]["$defs"]) == []


def test_a_ticket_that_was_there_already_is_no_news_but_anything_else_is() -> None:
    outcomes = ("opened", "already_on_ticket")
    opened, again = (summary_of(NINE, flagged("anne", "high", "SEC-1", outcome)) for outcome in outcomes)
    assert summary_hash(opened) == summary_hash(again)
    assert summary_hash(opened) != summary_hash(summary_of(NINE, flagged("anne", "high", "SEC-2")))
    assert summary_hash(opened) != summary_hash(summary_of(NINE, flagged("anne", "high", "SEC-1"), below_threshold=1))


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HourStore:
    """Two hours with summaries."""
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path))
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "2026-11-22-08:00")
    monkeypatch.chdir(tmp_path)
    store = HourStore(str(tmp_path))
    hostile = flagged("[bold]anne[/] \x1b[31m", "urgent", "SEC-1")
    store.write_json("flagged_actor_summary", NINE, summary_of(NINE, hostile, below_threshold=1))
    store.write_json(
        "flagged_actor_summary", NINE + HOUR, summary_of(NINE + HOUR, flagged("eve", "low", None, "too_old"))
    )
    return store  # fmt: skip


@pytest.mark.usefixtures("stored")
def test_a_day_and_an_hour_are_read_in_the_terminal() -> None:
    day = CliRunner().invoke(app, ["summary", "2026-11-22"])
    assert day.exit_code == 0
    assert "1 tickets" not in day.output
    assert "1 ticket, 2026-11-22 (UTC)" in day.output
    assert "https://linear.app/SEC-1" in day.output
    assert "1 flagged without a ticket: the hour ended more than 80 h ago" in day.output
    assert "1 deviation below the alert threshold" in day.output
    assert "2 hours with a summary, 14 without a summary" in day.output
    assert "\x1b" not in day.output
    hour = CliRunner().invoke(app, ["summary", "2026-11-22-09:00"])
    assert "[bold]anne[/]" in hour.output
    assert "entries: 10 pulled, 8 of them changes, 1 quarantined" in hour.output


@pytest.mark.usefixtures("stored")
def test_programs_get_the_object_alone() -> None:
    month = json.loads(CliRunner().invoke(app, ["summary", "2026-11", "--json"]).output)
    assert (month["period"], month["hours"], month["missing"][0]) == ("2026-11", 2, "2026-11-22-08:00")
    hour = json.loads(CliRunner().invoke(app, ["summary", "2026-11-22-09:00", "--json"]).output)
    assert hour["flagged"][0]["severity"] == "urgent"
    assert set(json.loads(CliRunner().invoke(app, ["summary", "--schema"]).output)) == {"hour", "period"}


@pytest.mark.usefixtures("stored")
def test_a_period_without_a_summary_is_reported() -> None:
    failed = CliRunner().invoke(app, ["summary", "2025-01"])
    assert isinstance(failed.exception, SummaryError)
    assert "No hour of 2025-01 has a summary" in str(failed.exception)


def test_without_a_period_it_is_the_24_hours_up_to_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path))
    nothing = CliRunner().invoke(app, ["summary"])
    assert str(nothing.exception).startswith(f"No hour has a summary in {tmp_path}: materialise")
    store = HourStore(str(tmp_path))
    for hours_before in (0, 23, 24):
        store.write_json("flagged_actor_summary", NINE - HOUR * hours_before, summary_of(NINE - HOUR * hours_before))
    found = json.loads(CliRunner().invoke(app, ["summary", "--json"]).output)
    assert (found["period"], found["hours"]) == ("2026-11-21-10:00 to 2026-11-22-09:00", 2)
    assert len(found["missing"]) == 22
