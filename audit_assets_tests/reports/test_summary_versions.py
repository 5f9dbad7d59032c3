"""Summaries that version 1 stored are read as version 2."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.reports.summary import HourSummary
from audit_assets.reports.summary_versions import upgrade
from audit_assets.storage.hour_store import HourStore

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)

FIRST_VERSION: dict[str, Any] = {
    "version": 1,
    "hour": "2026-11-22-09:00",
    "dry_run": True,
    "entries": {"pulled": 10, "by_stream": {"v1": 3, "v2": 7}, "changes": 8, "actors": 2, "quarantined": 0},
    "history_since": "2026-10-01T00:00:00+00:00",
    "learning": False,
    "still_learning": {"budget": "less than 14 days of scores"},
    "flagged": [
        {
            "actor": "anne",
            "actor_key": "a1",
            "actor_type": "user",
            "severity": "high",
            "severity_because": ["a token"],
            "tickets_a_day": 0.1,
            "learning": ["types"],
            "in_words": ["50 changes in the hour; usual is 2, at most 5 in 30 days"],
            "deviations": [
                {
                    "kind": "volume",
                    "standing": "ticket",
                    "in_words": "50 changes in the hour; usual is 2, at most 5 in 30 days",
                    "changes": 50,
                    "usual": 2.0,
                    "ratio": 25.0,
                    "most": 5,
                    "once_in_years": 3.5,
                }
            ],
            "axiom_url": "https://app.axiom.co/x",
            "ticket": {
                "outcome": "seen",
                "identifier": "SEC-1",
                "url": "https://linear.app/SEC-1",
                "closed": None,
                "would": "is on SEC-1 already",
            },
        }
    ],
    "dismissed": 0,
    "not_rung": [
        {
            "actor": "bob",
            "actor_key": "b1",
            "actor_type": "user",
            "severity": "low",
            "severity_because": [],
            "tickets_a_day": None,
            "learning": [],
            "in_words": ["first change to dns_records on record"],
            "deviations": [
                {"kind": "new_resource_type", "standing": "under_budget", "in_words": "first change to dns_records"},
                {"kind": "volume", "standing": "allowed", "in_words": "9 changes", "allowed_because": "SEC-9"},
            ],
            "axiom_url": "https://app.axiom.co/y",
        }
    ],
}


def test_a_summary_of_version_1_is_read_as_version_2() -> None:
    summary = upgrade(FIRST_VERSION)
    assert summary["version"] == 2
    TypeAdapter(HourSummary).validate_python(summary)
    (anne,), (bob,) = summary["flagged"], summary["below_threshold"]
    assert "not_rung" not in summary
    assert anne["deviations"] == [
        {
            "kind": "volume",
            "disposition": "ticket",
            "in_words": "50 changes in the hour; usual is 2, at most 5 in 30 days",
            "changes": 50,
            "baseline_mean": 2.0,
            "ratio": 25.0,
            "baseline_max": 5,
            "return_period_years": 3.5,
        }
    ]
    assert anne["ticket"]["outcome"] == "already_on_ticket"
    assert anne["ticket"]["planned_action"] == "is on SEC-1 already"
    assert [deviation["disposition"] for deviation in bob["deviations"]] == ["below_threshold", "allowed"]
    unchanged = ("hour", "dry_run", "entries", "history_since", "learning", "still_learning", "dismissed")
    assert {name: summary[name] for name in unchanged} == {name: FIRST_VERSION[name] for name in unchanged}
    assert upgrade(summary) == summary, "a summary of today stays as it is"


@pytest.mark.parametrize(("before", "after"), [("rolled_up", "on_shared_ticket"), ("joined", "joined")])
def test_outcomes_of_version_1_have_the_names_of_today(before: str, after: str) -> None:
    assert upgrade({"ticket": {"outcome": before}}) == {"ticket": {"outcome": after}}


def test_the_command_shows_hours_of_version_1_alone_and_in_their_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    store = HourStore(str(tmp_path))
    store.write_json("flagged_actor_summary", HOUR, FIRST_VERSION)
    digest = {"day": "2026-11-22", "outcome": "told", "identifier": "SEC-2", "url": "https://linear.app/SEC-2"}
    store.write_json("digests", HOUR.replace(hour=0), {**digest, "findings": 1, "actors": 1, "problem": None})
    hour = CliRunner().invoke(app, ["summary", "2026-11-22-09:00"]).output
    assert "1 deviation below the alert threshold, 1 deviation allowed by the policy" in hour
    day = json.loads(CliRunner().invoke(app, ["summary", "2026-11-22", "--json"]).output)
    assert day["without_ticket"] == {"below_threshold": 1, "allowed": 1}
    assert [digest["outcome"] for digest in day["digests"]] == ["published"]
    printed = CliRunner().invoke(app, ["summary", "2026-11-22"]).output
    assert "SEC-2, daily digest of 2026-11-22, 1 hour below the alert threshold: https://linear.app/SEC-2" in " ".join(
        printed.split()
    )
