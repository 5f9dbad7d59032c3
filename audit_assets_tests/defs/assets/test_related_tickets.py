"""Tickets of one intruder name each other, in Linear, whatever happens to a run."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import CloudflareResource
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.tables import ENTRIES, RENDERED
from audit_assets_tests.defs.assets.test_dry_run import preview
from audit_assets_tests.defs.assets.test_hour import JUDGED, a_quiet_fortnight
from audit_assets_tests.pipeline import HOUR, Pipeline, dagster_failure_of, problems_of, v2_entry

ALICE, BOB, CAROL = (f"{name}@example.com" for name in ("alice", "bob", "carol"))
INTRUDER = "198.51.100.7"
OFFICE = "192.0.2.1"


def dangerous(hour: Any, actor: str, address: str = INTRUDER, what: str = "logpush_job") -> dict[str, Any]:
    """An entry that a watch rule alerts on: urgent for a zone, high for a Logpush job."""
    entry = v2_entry(hour + timedelta(minutes=10), actor=actor, resource_type=what, action="delete")
    entry["actor"]["ip_address"] = address
    entry["resource"]["id"] = entry["id"]
    return entry


def store_a_week(pipeline: Pipeline, users_of: dict[str, Sequence[str]]) -> None:
    """What is stored of the week before the day of JUDGED: every actor works from its address, once a day."""
    for back in range(25, 25 + 96):
        hour = JUDGED - HOUR * back
        entries = [
            dangerous(hour, actor, address, "dns_records")
            for address, actors in users_of.items()
            for actor in actors
            if back % 24 == 2
        ]
        frame, _ = normalize_entries(entries, "v2", CloudflareResource().account_id())
        pipeline.store.write(ENTRIES, hour, frame)


@pytest.fixture
def known(pipeline: Pipeline) -> Pipeline:
    """People with a fortnight of history, twelve of whom work in one office."""
    people = [ALICE, BOB, CAROL, *(f"colleague-{n}@example.com" for n in range(9))]
    pipeline.remember([entry for person in (ALICE, BOB, CAROL) for entry in a_quiet_fortnight(person)])
    store_a_week(pipeline, {OFFICE: people})
    return pipeline


def run(pipeline: Pipeline, hour: Any, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """Run an hour with these entries once it is over: who is flagged."""
    pipeline.clock.sleep(max(0.0, (hour + timedelta(minutes=80) - pipeline.clock.now()).total_seconds()))
    pipeline.sandbox.cloudflare.add("v2", list(entries))
    assert problems_of(pipeline.run(hour)) == []
    return pipeline.summary(hour)["flagged"]


def comments(ticket: dict[str, Any]) -> list[str]:
    return [each["body"] for each in ticket["comments"]]


def test_three_tickets_of_an_intruder_within_four_hours_name_each_other(known: Pipeline) -> None:
    run(known, JUDGED, dangerous(JUDGED, ALICE))
    run(known, JUDGED + HOUR, dangerous(JUDGED + HOUR, BOB, what="zone"))
    later = JUDGED + 3 * HOUR
    (flagged,) = run(known, later, dangerous(later, CAROL))
    assert flagged["ticket"]["related"] == ["SEC-1", "SEC-2"]
    first, second, third = known.tickets()
    assert "## Related tickets\n\n- same address `198.51.100.7`: SEC-1, SEC-2\n" in third["description"]
    assert "- same address `198.51.100.7`: SEC-1\n" in second["description"]
    assert "Related" not in first["description"]
    assert comments(first) == [
        "Related since the hour 2026-11-22 10:00 UTC:\n\n- same address `198.51.100.7`: SEC-2",
        "Related since the hour 2026-11-22 12:00 UTC:\n\n- same address `198.51.100.7`: SEC-3",
    ]
    assert comments(second) == ["Related since the hour 2026-11-22 12:00 UTC:\n\n- same address `198.51.100.7`: SEC-3"]
    assert [each["related"] for each in (first, second, third)] == [[], ["SEC-1"], ["SEC-1", "SEC-2"]]
    assert {each["priority"] for each in known.tickets()} == {second["priority"]}


def test_an_hour_with_two_of_them_is_run_again_and_changes_nothing_not_even_what_people_lowered(
    known: Pipeline,
) -> None:
    run(known, JUDGED, dangerous(JUDGED, ALICE), dangerous(JUDGED, BOB, what="zone"))
    first, second = known.tickets()
    assert "same address `198.51.100.7`: SEC-1" in second["description"]
    assert comments(first) == ["Related since the hour 2026-11-22 09:00 UTC:\n\n- same address `198.51.100.7`: SEC-2"]
    assert first["priority"] == second["priority"]
    for ticket in (first, second):
        known.sandbox.linear.set_priority(ticket["identifier"], 4)
    before = known.tickets()
    run(known, JUDGED)
    assert known.tickets() == before
    assert [each["ticket"]["related"] for each in known.summary(JUDGED)["flagged"]] == [["SEC-2"], ["SEC-1"]]
    run(known, JUDGED + HOUR, dangerous(JUDGED + HOUR, ALICE, what="dnssec"))
    assert len(known.tickets()[0]["comments"]) <= 2, "of the hour that joined, and none of what is known"


def test_the_office_relates_nothing(known: Pipeline) -> None:
    run(known, JUDGED, dangerous(JUDGED, ALICE, OFFICE), dangerous(JUDGED, BOB, OFFICE))
    assert "Related" not in json.dumps(known.tickets())
    assert [each["ticket"].get("related", []) for each in known.summary(JUDGED)["flagged"]] == [[], []]


def test_a_closed_or_dismissed_ticket_is_left_alone_and_a_dismissed_one_not_named(known: Pipeline) -> None:
    run(known, JUDGED, dangerous(JUDGED, ALICE), dangerous(JUDGED, BOB))
    known.sandbox.linear.cancel("SEC-1")
    known.sandbox.linear.complete("SEC-2")
    closed = known.tickets()
    run(known, JUDGED + HOUR, dangerous(JUDGED + HOUR, CAROL, what="zone"))
    assert known.tickets()[:2] == closed
    assert "same address `198.51.100.7`: SEC-2\n" in known.tickets()[2]["description"]


def test_an_interrupted_run_is_completed(known: Pipeline) -> None:
    known.sandbox.cloudflare.add("v2", [dangerous(JUDGED, ALICE), dangerous(JUDGED, BOB, what="zone")])
    known.sandbox.faults.add(Fault("linear", "commentCreate", "status", times=99, options={"status": 500}))
    failure = dagster_failure_of(known.run(JUDGED))
    assert (
        "The tickets are open, but 1 of them or of related ones could not be written to: run the hour again." in failure
    )
    known.sandbox.faults.clear()
    run(known, JUDGED)
    zone, logs = known.tickets()
    assert "SEC-2" in comments(zone)[0]
    assert "SEC-1" in logs["description"]
    assert logs["related"] == ["SEC-1"]
    assert logs["priority"] == zone["priority"]


def test_a_key_without_write_costs_the_relation_alone(known: Pipeline) -> None:
    known.sandbox.linear.behaviour.key_may_write = False
    run(known, JUDGED, dangerous(JUDGED, ALICE), dangerous(JUDGED, BOB))
    first, second = known.tickets()
    assert "SEC-2" in comments(first)[0]
    assert "SEC-1" in second["description"]
    assert second["related"] == []
    stored = known.store.require("opened_tickets", JUDGED)["refused"].drop_nulls().to_list()
    assert stored == [
        "Linear does not let the owner of LINEAR_API_KEY relate a ticket to SEC-1: give the key the permission Write."
    ]


def test_a_dry_run_renders_the_relations(known: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    run(known, JUDGED, dangerous(JUDGED, ALICE))
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    run(known, JUDGED + HOUR, dangerous(JUDGED + HOUR, BOB), dangerous(JUDGED + HOUR, CAROL))
    assert comments(known.tickets()[0]) == []
    one, other, earlier = known.store.read_json(RENDERED, JUDGED + HOUR)["tickets"]
    actor = one["title"].rpartition(": ")[2].replace("·", "[.]")
    assert "- same address `198.51.100.7`: SEC-1\n" in one["description"]
    assert f"- same address `198.51.100.7`: SEC-1, the new ticket of `{actor}`\n" in other["description"]
    assert (len(one["comments"]), len(other["comments"]), len(earlier["comments"])) == (1, 0, 1)
    assert (earlier["identifier"], earlier["planned_action"]) == ("SEC-1", "would get a comment about related tickets")
    assert "Related since the hour" in preview(key_of(JUDGED + HOUR))


def test_hours_that_are_not_stored_relate_nothing(pipeline: Pipeline) -> None:
    pipeline.remember([entry for person in (ALICE, BOB) for entry in a_quiet_fortnight(person)])
    run(pipeline, JUDGED, dangerous(JUDGED, ALICE), dangerous(JUDGED, BOB))
    assert "Related" not in json.dumps(pipeline.tickets())
