"""Findings as events: one for each actor and disposition, whose id is the same for ever."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from audit_assets.axiom.finding_events import FINDING_EVENT, finding_events
from audit_assets.axiom.ingest_batches import json_lines
from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)
ACCOUNT = "a" * 32


def deviations(*rows: dict[str, Any]) -> pl.DataFrame:
    known = {
        "hour": HOUR,
        "actor_key": "a",
        "actor": "alice",
        "kind": "volume",
        "disposition": "ticket",
        "severity": "high",
    }
    return pl.DataFrame([known | row for row in rows], schema=FLAGGED_ACTORS)


def tickets(**row: Any) -> pl.DataFrame:
    known = {"hour": HOUR, "actor_key": "a", "outcome": "opened", "identifier": "SEC-1", "url": "https://linear.app/1"}
    return pl.DataFrame([known | row], schema=OPENED_TICKETS)


def test_all_deviations_of_an_actor_are_one_event() -> None:
    rows = deviations(
        {"changes": 45, "p": 0.01, "ratio": float("inf"), "severity_because": ["deletes"]},
        {"changes": 4, "p": 0.0001, "kind": "new_resource_type", "resource_type": "zone", "ratio": 2.0},
        {"actor_key": "b", "actor": "bob", "disposition": "below_threshold"},
    )
    events = finding_events(rows, tickets(), ACCOUNT)
    assert events.schema == FINDING_EVENT
    alice, bob = events.to_dicts()
    assert (alice["kinds"], alice["resource_types"], alice["deviations"]) == ("volume, new_resource_type", "zone", 2)
    assert (alice["changes"], alice["p"], alice["ratio"], alice["severity_because"]) == (45, 0.0001, 2.0, "deletes")
    assert (alice["disposition"], alice["outcome"], alice["ticket"]) == ("ticket", "opened", "SEC-1")
    assert (bob["disposition"], bob["outcome"], bob["ticket"]) == ("below_threshold", "", "")
    assert '"ratio":' not in json_lines(events)[1]


def test_an_hour_that_is_run_again_has_the_same_ids_and_another_ticket_or_disposition_other_ones() -> None:
    first, again = (
        finding_events(deviations({"changes": changes}), tickets(outcome=outcome), ACCOUNT).row(0, named=True)
        for changes, outcome in ((45, "opened"), (46, "already_on_ticket"))
    )
    assert first["entry_id"] == again["entry_id"]
    for other in (
        finding_events(deviations({}), tickets(identifier="SEC-2"), ACCOUNT),
        finding_events(deviations({"disposition": "below_threshold"}), tickets(), ACCOUNT),
    ):
        event = other.row(0, named=True)
        assert event["entry_id"] != first["entry_id"]
        assert event["finding_id"] == first["finding_id"]


def test_a_text_of_an_attackers_is_cut() -> None:
    event = finding_events(deviations({"actor": "x" * 5_000}), tickets(), ACCOUNT).row(0, named=True)
    assert len(event["actor"]) == 1_001
