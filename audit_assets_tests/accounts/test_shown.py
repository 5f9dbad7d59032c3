"""Where several accounts are watched, what other programs get names the account."""

from datetime import UTC, datetime
from typing import Any

from audit_assets.notify.health_alerts import health_alert, problem_events, recovery_events
from audit_assets.notify.ocsf import detection_findings
from audit_assets.reports.open_metrics import gauge, labelled, of_each_account, render_metrics

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
ACCOUNT = {"key": "lab", "name": "Laboratory", "id": "1" * 32}
ACTOR: dict[str, Any] = {
    **{"actor": "alice@example.com", "actor_key": "a" * 64, "actor_type": "user", "severity": "high"},
    **{"in_words": ["60 changes"], "deviations": [{"kind": "volume"}], "ticket": {"outcome": "opened", "url": None}},
}
SUMMARY = {"hour": "2026-11-22-09:00", "flagged": [ACTOR]}
PROBLEM = {"key": "stale 2026-11-22T09", "kind": "stale", "sentence": "It stopped.", "next_step": "Look."}


def test_an_ocsf_event_names_the_account_and_has_an_id_of_its_own() -> None:
    (alone,) = detection_findings(SUMMARY, is_update=False)
    (one,) = detection_findings({**SUMMARY, "account": ACCOUNT}, is_update=False)
    assert one["finding_info"]["uid"] == f"{ACCOUNT['id']}/{alone['finding_info']['uid']}"
    assert one["message"] == f"[Laboratory] {alone['message']}"
    assert one["unmapped"]["account"] == ACCOUNT
    assert "account" not in alone["unmapped"]


def test_an_alert_names_the_account_and_ends_under_the_key_that_it_began_with() -> None:
    assert health_alert([PROBLEM], None, AT, "Laboratory")["pipeline_health"]["account"] == "Laboratory"
    assert "account" not in health_alert([PROBLEM], None, AT)["pipeline_health"]
    (begun,) = problem_events([PROBLEM], None, AT, "Laboratory")
    (ended,) = recovery_events([PROBLEM["key"]], AT, "Laboratory")
    assert begun["finding_info"]["uid"] == ended["finding_info"]["uid"]
    (of_another,) = problem_events([PROBLEM], None, AT, "Production")
    assert of_another["finding_info"]["uid"] != begun["finding_info"]["uid"]


def test_each_metric_is_there_once_with_the_accounts_as_labels() -> None:
    found = of_each_account(
        {
            "prod": [gauge("problems", "Problems.", 0), labelled("day_tickets", "Tickets.", "severity", {"high": 2})],
            "lab": [gauge("problems", "Problems.", 1)],
        }
    )
    assert render_metrics(found).splitlines() == [
        "# HELP audit_assets_problems Problems.",
        "# TYPE audit_assets_problems gauge",
        'audit_assets_problems{account="prod"} 0',
        'audit_assets_problems{account="lab"} 1',
        "# HELP audit_assets_day_tickets Tickets.",
        "# TYPE audit_assets_day_tickets gauge",
        'audit_assets_day_tickets{account="prod",severity="high"} 2',
        "# EOF",
    ]
