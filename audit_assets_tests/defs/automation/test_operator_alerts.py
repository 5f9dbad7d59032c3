"""What is wrong with the pipeline reaches an operator once: in one ticket in Linear, at the webhook, in channels."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus

from audit_assets.config.accounts import ENVIRONMENT
from audit_assets.defs.automation.alert_sensors import alert_sensors_of
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.steps.operator_alerts import ALERTS
from audit_assets.tickets.operator_ticket import operator_ticket_id
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.defs.automation.watched import Watched
from audit_assets_tests.defs.keys import INGEST
from audit_assets_tests.linear.workspace import plan
from audit_assets_tests.notify.receivers import Receiver, receiving
from audit_assets_tests.pipeline import Pipeline, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOOK, CHANNEL = "/hooks/canary-of-the-webhook", "canary-of-the-channel"


@pytest.fixture
def watched(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A pipeline that is well: its hours are done."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", "2026-11-21-10:00")
    made = Watched(pipeline, tmp_path)
    with made.instance:
        made.judge_newest()
        yield made


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving(HOOK) as made:
        monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", made.url)
        yield made


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    own = tmp_path / "policy.toml"
    own.write_text('[[channels]]\nname = "ops"\nseverities = ["urgent", "high"]\n')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(own))
    with receiving(f"/{CHANNEL}") as made:
        monkeypatch.setenv("AUDIT_ASSETS_CHANNEL_OPS", f"json://{made.host}/{CHANNEL}")
        yield made


def ticket_of(watched: Watched) -> dict[str, Any]:
    (ticket,) = watched.pipeline.tickets()
    return ticket


def health_of(received: dict[str, Any]) -> tuple[str, list[str]]:
    health = received["pipeline_health"]
    return health["status"], [problem["kind"] for problem in health["problems"]]


def test_a_pipeline_that_is_well_sends_nothing(watched: Watched, webhook: Receiver, channel: Receiver) -> None:
    look = watched.look()
    assert look.found == []
    assert (watched.pipeline.tickets(), webhook.received, channel.received) == ([], [], [])
    assert watched.pipeline.store.read_json(ALERTS, None) is None


def test_hours_that_stop_open_one_ticket_which_is_completed_when_all_is_well(
    watched: Watched, webhook: Receiver, channel: Receiver
) -> None:
    watched.wait(hours=5)
    for _ in range(3):
        assert [each.kind for each in watched.look().found] == ["stale"]
        watched.wait(minutes=5)
    ticket = ticket_of(watched)
    assert ticket["title"] == "audit-assets needs an operator: 1 problem of the pipeline"
    assert "**The newest judged hour is 2026-11-22-09:00, which ended 5 hours ago" in ticket["description"]
    assert (ticket["priority"], ticket["state"], ticket["comments"]) == (2, "Backlog", [])
    assert [health_of(each) for each in webhook.received] == [("problem", ["stale"])]
    url = f"{watched.pipeline.sandbox.url}{ticket['path']}"
    assert webhook.received[0]["pipeline_health"]["ticket"] == {"identifier": "SEC-1", "url": url}
    (message,) = channel.received
    assert message["title"] == ticket["title"]
    assert message["message"].splitlines()[-1] == f"SEC-1 {url}"

    watched.judge_newest()
    watched.look()
    assert ticket_of(watched)["state"] == "Backlog", "what is over for minutes may come back"
    watched.wait(minutes=30)
    for _ in range(2):
        watched.look()
    ended = ticket_of(watched)
    assert ended["state"] == "Done"
    assert [each["body"] for each in ended["comments"]] == [
        "The pipeline is healthy again: the last problem was seen at 2026-11-22 15:30 UTC."
    ]
    assert [health_of(each) for each in webhook.received[1:]] == [("healthy", [])]
    assert [each["title"] for each in channel.received[1:]] == ["audit-assets: the pipeline is healthy again"]


def test_a_later_problem_joins_the_ticket_and_one_after_the_end_opens_another(watched: Watched) -> None:
    watched.wait(hours=5)
    watched.look()
    watched.look_alone()
    watched.wait(hours=1)
    assert {each.kind for each in watched.look_alone().found} == {"stale", "daemon"}
    (comment,) = ticket_of(watched)["comments"]
    assert "gave no sign of life for 60 minutes" in comment["body"] or "1 hour" in comment["body"]
    assert "newest judged" not in comment["body"]
    watched.judge_newest()
    watched.look()
    watched.wait(minutes=31)
    watched.look()
    assert ticket_of(watched)["state"] == "Done"
    watched.wait(hours=5)
    watched.look()
    assert [each["state"] for each in watched.pipeline.tickets()] == ["Done", "Backlog"]


def test_without_write_the_ticket_gets_a_comment_and_the_next_problem_joins_it(watched: Watched) -> None:
    watched.pipeline.sandbox.linear.behaviour.key_may_write = False
    watched.wait(hours=5)
    watched.look()
    watched.judge_newest()
    watched.look()
    watched.wait(minutes=31)
    for _ in range(2):
        watched.look()
    ticket = ticket_of(watched)
    assert ticket["state"] == "Backlog"
    (comment,) = ticket["comments"]
    assert comment["body"].startswith("The pipeline is healthy again")
    assert comment["body"].endswith("complete SEC-1: give the key the permission Write.")
    watched.wait(hours=5)
    watched.look()
    assert len(ticket_of(watched)["comments"]) == 2


@pytest.mark.parametrize("call", ["issueCreate", "commentCreate"])
def test_an_answer_that_is_lost_or_a_record_that_is_lost_writes_nothing_twice(watched: Watched, call: str) -> None:
    plan(watched.pipeline.sandbox, call, "drop_after")
    watched.wait(hours=5)
    watched.look()
    watched.look()
    watched.wait(minutes=11)
    watched.look_alone()
    watched.look_alone()
    before = ticket_of(watched)
    assert len(before["comments"]) == 1
    path = watched.pipeline.store.path(ALERTS, None, "json")
    path.unlink()
    for _ in range(3):
        path.unlink(missing_ok=True)
        watched.look_alone()
    after = ticket_of(watched)
    assert len(after["comments"]) <= 2, "one comment an hour at most, without any record"


def test_what_is_down_hides_nothing_from_the_others_and_gets_it_later(
    watched: Watched, webhook: Receiver, channel: Receiver
) -> None:
    plan(watched.pipeline.sandbox, "issues", "status", times=2, status=503)
    channel.status = 500
    watched.wait(hours=5)
    look = watched.look()
    assert look.state
    assert set(look.state.failed) == {"Linear", "channel ops"}
    assert "Linear gave no answer" in look.state.failed["Linear"]
    assert watched.pipeline.tickets() == []
    assert [health_of(each) for each in webhook.received] == [("problem", ["stale"])]
    channel.status, channel.received[:] = 200, []
    watched.wait(minutes=5)
    watched.look()
    watched.wait(minutes=5)
    look = watched.look()
    assert ticket_of(watched)["state"] == "Backlog"
    assert (len(webhook.received), len(channel.received)) == (1, 1)
    assert look.state
    assert look.state.failed == {}


def test_linear_s_key_that_is_refused_is_alerted_by_the_others(
    watched: Watched, webhook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.pipeline.remember(a_quiet_fortnight())
    hour = JUDGED + timedelta(hours=1)
    watched.pipeline.sandbox.cloudflare.add("v2", v2_burst(hour, 45, action="delete"))
    watched.wait(hours=1)
    monkeypatch.setenv("LINEAR_API_KEY", "lin_api_revoked")
    assert not watched.run(hour).success
    look = watched.look()
    assert [each.kind for each in look.found] == ["tickets"]
    (received,) = webhook.received
    (problem,) = received["pipeline_health"]["problems"]
    assert problem["sentence"].startswith("Tickets of 2026-11-22-10:00 could not be opened: 1 flagged actors got no")
    assert "LINEAR_API_KEY was refused" in problem["sentence"]


def test_a_token_that_is_revoked_is_alerted_with_the_first_run_that_fails(watched: Watched) -> None:
    watched.wait(hours=1)
    watched.pipeline.sandbox.cloudflare.behaviour.token_revoked = True
    assert not watched.run(JUDGED + timedelta(hours=1)).success
    assert [each.kind for each in watched.look().found] == ["refused raw_audit_entries"]
    description = ticket_of(watched)["description"]
    assert "2026-11-22-10:00 failed, and another try can't help" in description
    assert "CLOUDFLARE_API_TOKEN" in description


def test_a_token_that_is_about_to_end_is_alerted_two_weeks_before(watched: Watched) -> None:
    behaviour = watched.pipeline.sandbox.cloudflare.behaviour
    behaviour.token_expires = watched.now + timedelta(days=11, hours=2)
    (found,) = watched.look().found
    assert found.sentence == "CLOUDFLARE_API_TOKEN expires on 2026-12-03, in 11 days"
    watched.look()
    assert watched.pipeline.sandbox.shared.call_counts()["cloudflare", "verify"] == 1, "once an hour"
    behaviour.token_expires = watched.now + timedelta(days=90)
    watched.wait(hours=1)
    watched.judge_newest()
    assert watched.look().found == []


def test_a_damaged_policy_file_is_a_problem_and_the_ticket_opens_all_the_same(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "policy.toml"
    own.write_text("[[channels]\n")
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(own))
    watched.look()
    assert "policy[.]toml" in ticket_of(watched)["description"]


def test_a_dry_run_opens_no_ticket_and_alerts_elsewhere(
    watched: Watched, webhook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    watched.wait(hours=5)
    watched.look()
    assert watched.pipeline.tickets() == []
    assert [health_of(each) for each in webhook.received] == [("problem", ["stale"])]


def test_a_record_that_can_not_be_written_makes_one_alert_an_hour(
    watched: Watched, webhook: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.wait(hours=5)
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(blocked / "hours"))
    for _ in range(12):
        watched.look()
        watched.wait(minutes=10)
    assert ticket_of(watched)["state"] == "Backlog"
    assert len(webhook.received) == 2, "of two hours"


def test_as_ocsf_each_problem_is_a_finding_that_is_closed_at_the_end(
    watched: Watched, webhook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_FORMAT", "ocsf")
    watched.wait(hours=5)
    watched.look()
    watched.judge_newest()
    watched.wait(minutes=31)
    watched.look()
    ((created,), (closed,)) = webhook.received
    assert created["finding_info"]["uid"] == closed["finding_info"]["uid"] == "pipeline_health/stale 2026-11-22T15"
    assert [(each["activity_id"], each["status_id"], each["type_uid"]) for each in (created, closed)] == [
        (1, 1, 200401),
        (3, 4, 200403),
    ]
    assert created["message"].startswith("The newest judged hour is 2026-11-22-09:00")


def test_a_ticket_that_a_person_closed_stays_closed_and_the_next_problem_opens_another(watched: Watched) -> None:
    watched.wait(hours=5)
    watched.look()
    watched.pipeline.sandbox.linear.cancel("SEC-1")
    watched.look()
    assert ticket_of(watched)["state"] == "Canceled"
    watched.wait(minutes=11)
    watched.look_alone()
    states = [each["state"] for each in watched.pipeline.tickets()]
    assert states == ["Canceled", "Backlog"]
    account = watched.pipeline.sandbox.environment()["CLOUDFLARE_ACCOUNT_ID"]
    ids = [each["id"] for each in watched.pipeline.tickets()]
    assert ids == [str(operator_ticket_id(account, generation)) for generation in (0, 1)]


pipeline_watchdog, failed_runs = alert_sensors_of(ENVIRONMENT)


def resources_of(watched: Watched) -> dict[str, Any]:
    return {name: (watched.pipeline.defs.resources or {})[name] for name in ("cloudflare", "linear", "storage")}


def test_the_watchdog_is_a_sensor_whose_page_shows_what_it_found(watched: Watched) -> None:
    made = {"webhook": WebhookResource(), "channels": ChannelsResource(), **resources_of(watched)}
    context = dg.build_sensor_context(instance=watched.instance, resources=made)
    watched.record.beat(watched.now)
    assert pipeline_watchdog(context) == dg.SkipReason("No problem was found.")
    watched.wait(hours=5)
    watched.record.beat(watched.now)
    skipped = pipeline_watchdog(context)
    assert isinstance(skipped, dg.SkipReason)
    assert (skipped.skip_message or "").startswith("1 problem: the newest judged hour is 2026-11-22-09:00")
    assert ticket_of(watched)["state"] == "Backlog"


def test_a_failed_run_is_looked_at_at_once(watched: Watched) -> None:
    watched.wait(hours=1)
    watched.record.beat(watched.now)
    watched.pipeline.sandbox.cloudflare.behaviour.token_revoked = True
    result = watched.run(JUDGED + timedelta(hours=1))
    (event,) = [each for each in result.all_events if each.is_run_failure]
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_runs",
        dagster_event=event,
        dagster_instance=watched.instance,
        dagster_run=watched.instance.get_runs(limit=1)[0],
        resources={"webhook": WebhookResource(), "channels": ChannelsResource(), **resources_of(watched)},
    ).for_run_failure()
    failed_runs(context)
    assert "2026-11-22-10:00 failed, and another try can't help" in ticket_of(watched)["description"]


def test_a_problem_goes_where_a_row_of_ticket_fields_for_it_sends_it(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "policy.toml"
    own.write_text('[[ticket_fields]]\nactors = ["audit-assets"]\nteam = "ENG"\n')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(own))
    watched.wait(hours=5)
    watched.look()
    assert ticket_of(watched)["team"] == "ENG"


def test_a_first_load_that_is_under_way_alerts_nobody(pipeline: Pipeline, tmp_path: Path) -> None:
    watched = Watched(pipeline, tmp_path)
    with watched.instance:
        job = pipeline.defs.resolve_job_def("history")
        watched.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert watched.look().found == []
        assert pipeline.tickets() == []


def test_while_start_loads_the_history_and_nothing_is_turned_on_nobody_is_alerted(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    watched = Watched(pipeline, tmp_path)
    with watched.instance:
        watched.record.done([JUDGED], [INGEST])
        assert {each.kind for each in watched.look_alone().found} == {"daemon"}, "that none was judged is no alert yet"
        for state in watched.instance.all_instigator_state():
            watched.instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        assert watched.look_alone().found == []
        watched.judge_newest()
        assert {each.kind for each in watched.look_alone().found} == {"sensor_off", "daemon"}
