"""Hours with too little history: what they open all the same, and what becomes of it once there is more."""

import polars as pl
import pytest

from audit_assets.defs.steps.history_coverage import HOURS_IN_WINDOW
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.tables import AXIOM_RECORD
from audit_assets_tests.defs.assets.test_hour import JUDGED, a_quiet_fortnight
from audit_assets_tests.pipeline import (
    DAY,
    HOUR,
    Pipeline,
    check_of,
    dagster_failure_of,
    record_pulled,
    record_silence,
    v2_burst,
    v2_entry,
)

ALICE, BOB = "alice@example.com", "bob@example.com"
THERE = 200
BUDGET = {"tickets_per_day": 0.3}


@pytest.fixture
def thin(pipeline: Pipeline) -> Pipeline:
    """A quiet fortnight, of which the last 200 hours were pulled and those with entries."""
    pipeline.remember(a_quiet_fortnight())
    record = pipeline.store.read(AXIOM_RECORD, None)
    assert record is not None
    there = (pl.col("events") > 0) | (pl.col("hour") >= JUDGED - HOUR * THERE)
    pipeline.store.write(AXIOM_RECORD, None, record.filter(there))
    return pipeline


def comments_of(pipeline: Pipeline) -> list[str]:
    return [each["body"] for issue in pipeline.tickets() for each in issue["comments"]]


def test_only_what_needs_no_history_opens_a_ticket_and_the_rest_once_there_is_enough(thin: Pipeline) -> None:
    job = v2_entry(JUDGED, actor=BOB, resource_type="logpush_job", action="delete")
    thin.sandbox.cloudflare.add("v2", [job, *v2_burst(JUDGED, 45)])
    result = thin.run(JUDGED)
    assert result.success
    summary = thin.summary(JUDGED)
    outcomes = {each["actor"]: each["ticket"]["outcome"] for each in summary["flagged"]}
    assert outcomes == {BOB: "opened", ALICE: "thin_history"}
    assert THERE <= summary["hours_present"] < HOURS_IN_WINDOW * 0.9
    assert "fewer than 648 of the 720 hours" in str(check_of(result, "every_flagged_actor_has_a_ticket").description)
    assert f"covers {summary['hours_present']} of 720" in str(check_of(result, "baseline_coverage").description)
    (of_bob,) = thin.tickets()

    record_silence(thin.store, thin.clock)
    assert thin.run(JUDGED).success
    outcomes = {each["actor"]: each["ticket"]["outcome"] for each in thin.summary(JUDGED)["flagged"]}
    assert outcomes == {BOB: "already_on_ticket", ALICE: "opened"}
    assert thin.summary(JUDGED)["hours_present"] == HOURS_IN_WINDOW
    assert len(thin.tickets()) == 2
    assert of_bob["comments"] == []


def test_an_hour_that_waited_for_its_history_does_not_become_too_old(thin: Pipeline) -> None:
    thin.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert thin.run(JUDGED).success
    record_silence(thin.store, thin.clock)
    thin.sandbox.shared.clock.advance(DAY * 5)
    assert thin.run(JUDGED).success
    assert thin.summary(JUDGED)["flagged"][0]["ticket"]["outcome"] == "opened"


def test_a_ticket_that_no_longer_holds_gets_one_comment(thin: Pipeline) -> None:
    """What a fortnight does not know, the fortnight before did every day."""
    thin.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert thin.run(JUDGED, open_tickets="always", flags=BUDGET).success
    (opened,) = thin.tickets()
    days = [JUDGED - DAY * day for day in range(15, 30)]
    thin.sandbox.cloudflare.add("v2", [entry for day in days for entry in v2_burst(day, 45)])
    assert thin.run(days[-1], days[0], job="history").success
    record_pulled(thin.store, pl.DataFrame({"hour": days}).with_columns(events=45))
    record_silence(thin.store, thin.clock)

    thin.sandbox.faults.add(Fault("linear", "commentCreate", "status", times=99, options={"status": 400}))
    failed = thin.run(JUDGED, flags=BUDGET)
    assert "could not be written to: run the hour again" in dagster_failure_of(failed)
    thin.sandbox.faults.clear()
    for _ in range(3):
        assert thin.run(JUDGED, flags=BUDGET).success
        assert thin.summary(JUDGED)["flagged"] == []
    (comment,) = comments_of(thin)
    assert comment.startswith("**No longer unusual: the hour 2026-11-22 09:00 UTC was judged again")
    assert "of the 720 hours before it were there, and now with\n720." in comment
    (ticket,) = thin.tickets()
    assert (ticket["id"], ticket["state"], ticket["priority"]) == (opened["id"], opened["state"], opened["priority"])


def test_what_people_closed_or_a_policy_explains_gets_none(thin: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    thin.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert thin.run(JUDGED, open_tickets="always").success
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_DAY", "0.0001")
    assert thin.run(JUDGED, open_tickets="always").success
    assert thin.summary(JUDGED)["flagged"] == []
    assert comments_of(thin) == [], "the same history, another budget"
    monkeypatch.delenv("AUDIT_ASSETS_TICKETS_PER_DAY")
    assert thin.run(JUDGED, open_tickets="always").success

    (ticket,) = thin.tickets()
    thin.sandbox.linear.complete(ticket["identifier"])
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_DAY", "0.0001")
    record_silence(thin.store, thin.clock)
    assert thin.run(JUDGED, open_tickets="always").success
    assert comments_of(thin) == []
