"""An hour of audit log becomes tickets: the whole way, over real sockets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from audit_assets.sandbox.cloudflare.audit_log import AuditLog
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, dagster_failure_of, v1_entry, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


def a_quiet_fortnight(actor: str = "alice@example.com", resource_type: str = "dns_records") -> list[dict[str, Any]]:
    """Three changes a day."""
    days = [JUDGED - DAY * day for day in range(1, 15)]
    return [entry for day in days for entry in v2_burst(day, 3, actor=actor, resource_type=resource_type)]


def test_a_burst_becomes_a_ticket_with_its_numbers(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED + timedelta(minutes=5), 45, action="delete"))
    result = pipeline.run(JUDGED)
    assert result.success
    (flagged,) = pipeline.summary(JUDGED)["flagged"]
    deviation, deletes = flagged["deviations"]
    assert (flagged["actor"], deviation["kind"]) == ("alice@example.com", "volume")
    assert (deletes["kind"], deletes["in_words"]) == (
        "many_deletes",
        "45 of 45 changes in the hour are deletes; usually 1 in 47",
    )
    assert (deviation["changes"], deviation["baseline_max"], deviation["active_hours"]) == (45, 3, 14)
    assert (deviation["baseline_mean"], deviation["ratio"]) == (pytest.approx(3, rel=0.01), pytest.approx(15, rel=0.01))
    (ticket,) = pipeline.tickets()
    assert ticket["identifier"] == flagged["ticket"]["identifier"]
    assert ticket["title"].startswith("Deleted 45 DNS records in zone example·com")
    assert flagged["axiom_url"] in ticket["description"]


def test_a_resource_type_never_touched_becomes_a_ticket(pipeline: Pipeline) -> None:
    pipeline.remember([*a_quiet_fortnight(), *a_quiet_fortnight("bob@example.com", "api_tokens")])
    pipeline.sandbox.cloudflare.add("v2", [v2_entry(JUDGED, resource_type="api_tokens")])
    assert pipeline.run(JUDGED, flags={"preset": "plain"}).success
    (flagged,) = pipeline.summary(JUDGED)["flagged"]
    (deviation,) = flagged["deviations"]
    assert (deviation["kind"], deviation["resource_type"], deviation["first_ever"]) == (
        "new_resource_type",
        "api_tokens",
        True,
    )
    assert len(pipeline.tickets()) == 1


def test_a_quiet_hour_opens_nothing_and_has_a_summary_all_the_same(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 4))
    assert pipeline.run(JUDGED).success
    summary = pipeline.summary(JUDGED)
    assert summary["flagged"] == [], [each["in_words"] for each in summary["flagged"]]
    assert summary["entries"]["changes"] == 4
    assert not summary["learning"]
    assert pipeline.tickets() == []


def test_an_hour_without_any_entry_is_an_hour_like_any_other(pipeline: Pipeline) -> None:
    assert pipeline.run(JUDGED).success
    assert pipeline.summary(JUDGED)["entries"]["pulled"] == 0


def test_running_an_hour_again_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert pipeline.run(JUDGED).success
    before, tickets = pipeline.summary(JUDGED), pipeline.tickets()
    ingested = pipeline.sandbox.shared.call_counts()["axiom", "ingest"]
    assert pipeline.run(JUDGED).success
    after = pipeline.summary(JUDGED)
    assert after["flagged"][0]["ticket"].pop("outcome") == "already_on_ticket"
    assert before["flagged"][0]["ticket"].pop("outcome") == "opened"
    assert after == before
    assert pipeline.tickets() == tickets
    assert pipeline.sandbox.shared.call_counts()["axiom", "ingest"] == ingested, "what is there is not sent again"


def test_both_streams_count_as_one_actor(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 20))
    pipeline.sandbox.cloudflare.add("v1", [v1_entry(JUDGED + timedelta(seconds=n), number=n) for n in range(20)])
    assert pipeline.run(JUDGED).success
    summary = pipeline.summary(JUDGED)
    assert summary["entries"]["by_stream"] == {"v1": 20, "v2": 20}
    (flagged,) = summary["flagged"]
    assert {deviation["kind"]: deviation["changes"] for deviation in flagged["deviations"]} == {
        "volume": 40,
        "new_resource_type": 20,
    }
    assert flagged["severity"] == "urgent"


def test_only_the_streams_that_were_asked_for_are_pulled(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_STREAMS", "v2")
    pipeline.sandbox.cloudflare.add("v1", [v1_entry(JUDGED)])
    pipeline.sandbox.cloudflare.add("v2", [v2_entry(JUDGED)])
    assert pipeline.run(JUDGED).success
    assert pipeline.summary(JUDGED)["entries"]["by_stream"] == {"v2": 1}
    assert pipeline.sandbox.shared.call_counts()["cloudflare", "v1"] == 0


def test_a_backfill_is_pulled_in_one_sweep(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", a_quiet_fortnight())
    assert pipeline.run(JUDGED - DAY * 3, JUDGED - HOUR, job="history").success
    calls = pipeline.sandbox.shared.call_counts()
    assert (calls["cloudflare", "v2"], calls["cloudflare", "v1"]) == (1, 1)


def test_an_old_hour_is_judged_but_opens_no_ticket_unless_asked(pipeline: Pipeline) -> None:
    old = JUDGED - DAY * 4
    pipeline.remember(a_quiet_fortnight()[3:])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(old, 45))
    assert pipeline.run(old).success
    (flagged,) = pipeline.summary(old)["flagged"]
    assert flagged["ticket"] == {"outcome": "too_old", "identifier": None, "url": None, "closed": None}
    assert pipeline.tickets() == []
    assert pipeline.run(old, open_tickets="always").success
    assert len(pipeline.tickets()) == 1
    assert pipeline.run(old).success
    assert pipeline.summary(old)["flagged"][0]["ticket"]["identifier"], "the ticket is not forgotten"


def test_never_means_never(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert pipeline.run(JUDGED, open_tickets="never").success
    assert pipeline.summary(JUDGED)["flagged"][0]["ticket"]["outcome"] == "never"
    assert pipeline.sandbox.shared.call_counts()["linear", "issueCreate"] == 0


def test_an_organisation_known_for_two_days_is_still_being_learned(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight()[:6])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert pipeline.run(JUDGED).success
    summary = pipeline.summary(JUDGED)
    assert summary["learning"]
    assert summary["flagged"][0]["ticket"]["outcome"] == "learning"
    assert pipeline.tickets() == []


def test_entries_that_axiom_does_not_show_stop_the_hour_before_it_is_judged(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    pipeline.sandbox.faults.add(Fault("axiom", "ingest", "late_surfacing", options={"seconds": 10**6}))
    result = pipeline.run(JUDGED)
    assert not result.success
    check = check_of(result, "axiom_holds_every_entry")
    assert not check.passed
    assert check.description == "2026-11-22-09:00 entries missing in Axiom: 45"
    assert check.metadata["missing"].value == 45
    assert pipeline.store.read("actor_baselines", JUDGED) is None


def test_one_ticket_that_fails_costs_no_other_actor_his(pipeline: Pipeline) -> None:
    pipeline.remember([*a_quiet_fortnight(), *a_quiet_fortnight("bob@example.com")])
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45) + v2_burst(JUDGED, 46, actor="bob@example.com"))
    pipeline.sandbox.faults.add(Fault("linear", "issueCreate", "status", times=50, options={"status": 500}))
    failure = dagster_failure_of(pipeline.run(JUDGED))
    assert "2 flagged actors got no ticket. First: " in failure
    pipeline.sandbox.faults.clear()
    assert pipeline.run(JUDGED).success
    assert len(pipeline.tickets()) == 2


def test_an_entry_that_comes_late_is_in_the_hour_when_it_is_run_again(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert pipeline.run(JUDGED).success
    pipeline.sandbox.cloudflare.add("v2", [v2_entry(JUDGED, number=77)])
    result = pipeline.run(JUDGED)
    assert result.success
    assert pipeline.summary(JUDGED)["entries"]["pulled"] == 4
    assert check_of(result, "axiom_holds_every_entry").metadata["rows"].value == 4


def test_an_hour_never_shrinks(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert pipeline.run(JUDGED).success
    with serve_sandbox(Sandbox(tmp_path / "another", clock=SandboxClock(pipeline.clock.now()))) as forgetful:
        forgetful.cloudflare.add("v2", v2_burst(JUDGED, 2))
        settings = {**pipeline.sandbox.environment(), **forgetful.cloudflare.environment(forgetful.url)}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            assert pipeline.run(JUDGED).success
    assert pipeline.summary(JUDGED)["entries"]["pulled"] == 3


def test_an_axiom_that_counts_otherwise_than_the_hour_is_not_believed(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert pipeline.run(JUDGED).success
    (stored,) = pipeline.store.require("raw_audit_entries", JUDGED).head(1).to_dicts()
    foreign = {
        "_time": JUDGED.isoformat(),
        "entry_id": "f" * 64,
        "actor_key": stored["actor_key"],
        "resource_type": "dns_records",
        "change_kind": "update",
        "action": "update",
        "action_result": "success",
        "stream": "v2",
        "resource_product": "dns",
        "actor_type": "user",
    }
    settings = pipeline.sandbox.axiom.environment(pipeline.sandbox.url)
    httpx.post(
        f"{settings['AXIOM_URL']}/v1/datasets/{settings['AXIOM_DATASET']}/ingest",
        headers={"Authorization": f"Bearer {settings['AXIOM_TOKEN']}"},
        json=[foreign],
    ).raise_for_status()
    pipeline.clock.sleep(60)
    failure = dagster_failure_of(pipeline.run(JUDGED))
    assert failure.startswith(
        "Axiom counts other changes than were pulled, for 1 actor: 4 in place of 3 of a resource type by actor"
    )
    assert pipeline.tickets() == []


def test_a_ticket_that_was_thrown_away_keeps_its_actor_quiet(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert pipeline.run(JUDGED).success
    pipeline.sandbox.linear.trash(pipeline.tickets()[0]["identifier"])
    pipeline.clock.sleep(3600)
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED + HOUR, 40))
    result = pipeline.run(JUDGED + HOUR)
    assert result.success
    assert check_of(result, "every_flagged_actor_has_a_ticket").passed
    summary = pipeline.summary(JUDGED + HOUR)
    assert (summary["dismissed"], summary["flagged"][0]["ticket"]["outcome"]) == (1, "dismissed")
    assert len(pipeline.tickets()) == 1


def test_a_ticket_that_linear_does_not_let_us_reopen_is_reported(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    assert pipeline.run(JUDGED).success
    pipeline.sandbox.linear.complete(pipeline.tickets()[0]["identifier"])
    pipeline.sandbox.linear.behaviour.key_may_write = False
    pipeline.clock.sleep(3600)
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED + HOUR, 900))
    result = pipeline.run(JUDGED + HOUR)
    assert result.success
    check = check_of(result, "every_flagged_actor_has_a_ticket")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description
    assert check.description.endswith("SEC-1: give the key the permission Write.")
    (ticket,) = pipeline.tickets()
    assert (ticket["state"], len(ticket["comments"]), len(ticket["attachments"])) == ("Done", 1, 2)
    assert check_of(pipeline.run(JUDGED + HOUR), "every_flagged_actor_has_a_ticket").passed


def test_a_ticket_that_failed_in_time_is_opened_however_late_the_hour_is_run_again(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45))
    pipeline.sandbox.faults.add(Fault("linear", "issueCreate", "status", times=50, options={"status": 500}))
    assert not pipeline.run(JUDGED).success
    pipeline.sandbox.faults.clear()
    pipeline.clock.sleep(30 * 3600)
    assert pipeline.run(JUDGED).success
    assert len(pipeline.tickets()) == 1


def test_an_entry_whose_words_changed_stays_as_axiom_holds_it(pipeline: Pipeline) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert pipeline.run(JUDGED).success
    first = pipeline.store.require("raw_audit_entries", JUDGED)
    pipeline.sandbox.cloudflare.logs["v2"] = AuditLog("v2")
    changed = v2_entry(JUDGED, number=0)
    changed["action"]["result"] = "failure"
    pipeline.sandbox.cloudflare.add("v2", [changed, *v2_burst(JUDGED, 3)[1:]])
    assert pipeline.run(JUDGED).success
    assert pipeline.store.require("raw_audit_entries", JUDGED).sort("entry_id").equals(first.sort("entry_id"))


def test_a_damaged_file_is_an_error_with_the_next_step_and_stops_no_other_hour(pipeline: Pipeline) -> None:
    assert pipeline.run(JUDGED - HOUR).success
    Path(str(pipeline.store.path("raw_audit_entries", JUDGED - HOUR))).write_bytes(b"PAR1 damaged")
    assert pipeline.run(JUDGED).success
    failure = dagster_failure_of(pipeline.run(JUDGED - HOUR))
    assert failure.endswith("remove it, then run the hour again.")
