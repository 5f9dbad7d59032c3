"""Alerts of watch rules: on the actor's ticket, whatever its history, its budget and its dismissed tickets are."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_assets.defs.partitions import key_of
from audit_assets_tests.defs.assets.test_dry_run import preview
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, dagster_failure_of, problems_of, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
ALICE, BOB = "alice@example.com", "bob@example.com"
DELETED = "A Logpush job was deleted"


@pytest.fixture
def known(pipeline: Pipeline) -> Pipeline:
    """A pipeline with a fortnight of history, in which Logpush jobs and sign-ins are routine."""
    routine = [v2_entry(JUDGED - DAY * day, resource_type="logpush_job", action="delete") for day in range(1, 14)]
    pipeline.remember([*a_quiet_fortnight(), *a_quiet_fortnight(BOB), *routine])
    return pipeline


def deleted_job(hour: datetime = JUDGED, minute: int = 10, **of: Any) -> dict[str, Any]:
    return v2_entry(hour + timedelta(minutes=minute), resource_type="logpush_job", action="delete", **of)


def sign_in(time: datetime, result: str, **of: Any) -> dict[str, Any]:
    action = {"type": "update", "description": "LOGIN", "result": result, "time": time.isoformat()}
    return v2_entry(time, resource_type="login", action="update", **of) | {"action": action}


def run(pipeline: Pipeline, hour: datetime, *entries: dict[str, Any], **flags: Any) -> list[Mapping[str, Any]]:
    """Run an hour with these entries once it is over: who is flagged."""
    pipeline.clock.sleep(max(0.0, (hour + timedelta(minutes=80) - pipeline.clock.now()).total_seconds()))
    pipeline.sandbox.cloudflare.add("v2", list(entries))
    assert problems_of(pipeline.run(hour, flags=flags or None)) == []
    return pipeline.summary(hour)["flagged"]


def rules_of(actor: Mapping[str, Any]) -> list[str]:
    return [each["resource_type"] for each in actor["deviations"] if each["kind"] == "watch_rule"]


def test_what_is_routine_for_the_actor_alerts_and_the_ticket_explains_the_rule(known: Pipeline) -> None:
    (flagged,) = run(known, JUDGED, deleted_job())
    assert (flagged["actor"], flagged["severity"], rules_of(flagged)) == (ALICE, "high", ["logpush_job_deleted"])
    assert flagged["in_words"] == [f"watch rule: {DELETED} (1 entry)"]
    (ticket,) = known.tickets()
    assert ticket["title"] == f"{DELETED} (example·com): alice@example·com"
    text = ticket["description"]
    assert f"by `alice@example[.]com`: {DELETED} (`example[.]com`)." in text
    assert f"\n\n## Why this alerts, whatever is usual\n\n**{DELETED}.** " in text
    assert "Logpush carries the audit log and the traffic logs" in text
    assert "Known benign causes: a move to another log store; Terraform replaces a job" in text
    assert "MITRE ATT&CK: T1562.008." in text
    assert "See which dataset the job carried and where to" in text.partition("## Why")[0]
    assert "```text\n09:10:00  delete logpush_job · " in text
    assert "192[.]0[.]2[.]1" in text or "192.0.2.1" in text
    assert "From where" in text
    assert "Why this is unusual" not in text


def test_an_hour_that_is_run_again_opens_nothing_more(known: Pipeline) -> None:
    run(known, JUDGED, deleted_job())
    before = known.tickets()
    assert known.run(JUDGED).success
    assert known.tickets() == before
    assert known.summary(JUDGED)["flagged"][0]["ticket"]["outcome"] == "already_on_ticket"


def test_a_rule_alerts_once_for_an_actor_in_a_day(known: Pipeline) -> None:
    run(known, JUDGED, deleted_job(), deleted_job(actor=BOB))
    again = JUDGED + HOUR
    assert run(known, again, deleted_job(again), deleted_job(again, actor=BOB)) == []
    repeated = known.summary(again)["below_threshold"]
    shown = {(actor["actor"], each["kind"], each["disposition"]) for actor in repeated for each in actor["deviations"]}
    assert {(ALICE, "watch_rule", "repeated"), (BOB, "watch_rule", "repeated")} <= shown
    assert "of a watch rule that alerted earlier in the day" in preview(key_of(again), command="summary")
    tomorrow = JUDGED + DAY
    (flagged,) = run(known, tomorrow, deleted_job(tomorrow))
    assert flagged["ticket"]["outcome"] == "joined"
    assert len(known.tickets()) == 2


def test_a_burst_and_a_rule_are_one_ticket_with_the_higher_severity(known: Pipeline) -> None:
    entries = v2_burst(JUDGED, 45)
    (flagged,) = run(known, JUDGED, *entries, deleted_job(minute=30))
    assert {each["kind"] for each in flagged["deviations"] if each["disposition"] == "ticket"} >= {"watch_rule"}
    assert flagged["severity"] in ("high", "urgent")
    stored = known.store.require("flagged_actors", JUDGED).filter(pl.col("disposition") == "ticket")
    assert stored["severity"].n_unique() == 1
    (ticket,) = known.tickets()
    assert ticket["title"] == f"{DELETED} (example·com): alice@example·com"
    text = ticket["description"]
    assert "Why this is unusual" in text
    assert "\n\n```text\n09:30:00  delete logpush_job" in text


@pytest.mark.parametrize("preset", ["plain", "balanced"])
def test_every_preset_has_them(known: Pipeline, preset: str) -> None:
    flagged = run(known, JUDGED, deleted_job(), preset=preset)
    assert [rules_of(actor) for actor in flagged] == [["logpush_job_deleted"]]


def test_a_sign_in_after_failures_over_the_border_of_an_hour(known: Pipeline) -> None:
    """Neither is a change: the baseline knows nothing of them."""
    failed = [sign_in(JUDGED - timedelta(minutes=20 - 4 * n), "failure", number=n) for n in range(5)]
    known.sandbox.cloudflare.add("v2", failed)
    first = run(known, JUDGED - HOUR)
    assert [rules_of(actor) for actor in first] == [["failed_sign_ins"]]
    (flagged,) = run(known, JUDGED, sign_in(JUDGED + timedelta(minutes=3), "success", number=9))
    assert rules_of(flagged) == ["sign_in_after_failures"]
    assert flagged["ticket"]["outcome"] == "joined"
    assert known.store.require("actor_activity", JUDGED).is_empty()
    comment = known.tickets()[0]["comments"][0]["body"]
    assert "08:40:00  update login" in comment
    assert "09:03:00  update login" in comment


def test_no_dismissal_of_what_is_unusual_silences_a_rule(known: Pipeline) -> None:
    run(known, JUDGED, *v2_burst(JUDGED, 45))
    (ticket,) = known.tickets()
    known.sandbox.linear.cancel(ticket["identifier"])
    later = JUDGED + 2 * HOUR
    (flagged,) = run(known, later, deleted_job(later))
    assert (flagged["ticket"]["outcome"], rules_of(flagged)) == ("opened", ["logpush_job_deleted"])


@pytest.mark.parametrize("read", [False, True])
def test_a_dismissed_rule_is_quiet_for_this_actor_and_no_other_rule_or_actor_is(known: Pipeline, *, read: bool) -> None:
    run(known, JUDGED, deleted_job())
    known.sandbox.linear.cancel("SEC-1")
    if read:
        assert known.read_verdicts().success
    tomorrow = JUDGED + DAY
    same = run(known, tomorrow, deleted_job(tomorrow), deleted_job(tomorrow, actor=BOB))
    assert {actor["actor"]: actor["ticket"]["outcome"] for actor in same} == {ALICE: "dismissed", BOB: "opened"}
    other = tomorrow + HOUR
    turned_off = {"product": "x", "type": "dnssec", "request": {"status": "disabled"}}
    entry = v2_entry(other, action="update", resource_type="dnssec") | {"resource": turned_off}
    (flagged,) = run(known, other, entry)
    assert (flagged["ticket"]["outcome"], rules_of(flagged)) == ("opened", ["dnssec_disabled"])
    many = JUDGED + 2 * DAY
    jobs = [deleted_job(many, minute=n, number=n) for n in range(3)]
    flagged = [actor for actor in run(known, many, *jobs) if "logpush_job_deleted" in rules_of(actor)]
    assert [actor["ticket"]["outcome"] for actor in flagged] == ["joined"], "three are beyond twice the one dismissed"


def test_a_rule_that_became_more_severe_is_not_dismissed(known: Pipeline, own: Path) -> None:
    run(known, JUDGED, deleted_job())
    known.sandbox.linear.cancel("SEC-1")
    own.write_text('[[rule]]\nname = "logpush_job_deleted"\nseverity = "urgent"')
    tomorrow = JUDGED + DAY
    jobs = [deleted_job(tomorrow, number=n) for n in range(2)]
    (flagged,) = run(known, tomorrow, *jobs)
    assert (flagged["severity"], flagged["ticket"]["outcome"]) == ("urgent", "opened")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's rule file, empty, in force."""
    path = tmp_path / "ours.toml"
    path.write_text("")
    monkeypatch.setenv("AUDIT_ASSETS_WATCH", str(path))
    return path


@pytest.mark.parametrize(
    "text",
    [
        '[[rule]]\nname = "logpush_job_deleted"\nenabled = false',
        f'[[rule]]\nname = "logpush_job_deleted"\nexcept_actors = ["{ALICE}"]',
    ],
)
def test_a_team_turns_a_rule_off_or_excepts_an_actor(known: Pipeline, own: Path, text: str) -> None:
    own.write_text(text)
    assert run(known, JUDGED, deleted_job()) == []


def test_a_mistake_in_the_file_stops_the_run_with_one_sentence(known: Pipeline, own: Path) -> None:
    own.write_text('[[rule]]\nname = "logpush_job_deleted"\nenable = false')
    known.sandbox.cloudflare.add("v2", [deleted_job()])
    sentence = dagster_failure_of(known.run(JUDGED))
    assert sentence.startswith(f"{own}: rule logpush_job_deleted: 'enable' is no key of it; known are after,")


def test_an_allowance_of_the_policy_silences_no_rule(
    known: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[allow]]\nactor = "{ALICE}"\nuntil = 2027-01-31\nreason = "SEC-1"')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(policy))
    assert [rules_of(actor) for actor in run(known, JUDGED, deleted_job())] == [["logpush_job_deleted"]]


def test_rules_need_no_history(pipeline: Pipeline) -> None:
    """In the first week, whose other deviations open nothing."""
    pipeline.remember(a_quiet_fortnight()[-3:])
    found = run(pipeline, JUDGED, deleted_job(), *v2_burst(JUDGED, 90, actor=BOB))
    outcomes = {actor["actor"]: actor["ticket"]["outcome"] for actor in found}
    assert outcomes[ALICE] == "opened"
    assert set(outcomes.values()) <= {"opened", "learning"}
    assert len(pipeline.tickets()) == 1


def test_a_new_token_s_alert_is_on_its_owner_s_ticket(known: Pipeline) -> None:
    token = {"id": "b" * 32, "type": "user", "token_id": "e" * 32, "token_name": "deploy", "email": ALICE}
    owner = v2_entry(JUDGED, actor=ALICE)["actor"]["id"]
    entry = deleted_job() | {"actor": token | {"id": owner}}
    run(known, JUDGED, entry)
    (ticket,) = known.tickets()
    assert ": alice@example·com with token " in ticket["title"]
    assert DELETED in ticket["title"]


def test_decoys_take_no_ticket_from_a_rule(known: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_HOUR", "1")
    decoys = [entry for n in range(3) for entry in v2_burst(JUDGED, 200, actor=f"decoy-{n}@example.com")]
    found = run(known, JUDGED, deleted_job(), *decoys)
    assert {actor["ticket"]["outcome"] for actor in found if actor["actor"] == ALICE} == {"opened"}


def test_a_dry_run_and_a_preview_render_it(known: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    run(known, JUDGED, deleted_job())
    assert known.tickets() == []
    assert DELETED in preview(key_of(JUDGED))
    assert DELETED in preview(key_of(JUDGED), command="summary")
