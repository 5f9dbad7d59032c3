"""The webhook gets an hour's summary when it contains something new, and delays no hour."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.notify.receivers import Receiver, receiving
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
PATH = "/hooks/canary-of-the-webhook"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A webhook that is set."""
    with receiving(PATH) as made:
        monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", made.url)
        yield made


def test_the_summary_arrives_once_and_again_when_it_changes(pipeline: Pipeline, receiver: Receiver) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 5))
    assert pipeline.run(JUDGED).success
    assert receiver.received == [pipeline.summary(JUDGED)]
    assert pipeline.run(JUDGED).success
    assert len(receiver.received) == 1
    pipeline.sandbox.cloudflare.add("v2", [v2_entry(JUDGED, actor="late@example.com")])
    assert pipeline.run(JUDGED).success
    assert [summary["entries"]["pulled"] for summary in receiver.received] == [5, 6]


def test_a_receiver_that_fails_delays_no_hour_and_gets_the_summary_with_the_next_run(
    pipeline: Pipeline, receiver: Receiver
) -> None:
    receiver.status = 503
    result = pipeline.run(JUDGED)
    assert result.success
    delivery = check_of(result, "summary_was_delivered")
    assert not delivery.passed
    assert "The webhook gave no answer in 4 tries: HTTP 503" in (delivery.description or "")
    receiver.status, receiver.received[:] = 200, []
    again = pipeline.run(JUDGED)
    assert receiver.received == [pipeline.summary(JUDGED)]
    assert check_of(again, "summary_was_delivered").passed


@pytest.mark.parametrize("status", [302, 404])
def test_a_wrong_address_is_reported_without_its_secret(pipeline: Pipeline, receiver: Receiver, status: int) -> None:
    receiver.status = status
    result = pipeline.run(JUDGED)
    description = check_of(result, "summary_was_delivered").description or ""
    assert f"The webhook answered HTTP {status}: correct AUDIT_ASSETS_WEBHOOK_URL" in description
    assert "canary" not in description
    assert len(receiver.received) == 1


def test_a_backfill_sends_nothing_for_old_hours(pipeline: Pipeline, receiver: Receiver) -> None:
    long_ago = JUDGED - DAY * 10
    assert pipeline.run(long_ago, long_ago + HOUR * 2).success
    assert receiver.received == []


def test_an_address_without_tls_is_refused(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", "http://hooks.example.com/secret-path")
    result = pipeline.run(JUDGED)
    assert result.success
    description = check_of(result, "summary_was_delivered").description or ""
    assert "set an https:// address" in description
    assert "secret-path" not in description


def test_as_ocsf_it_gets_the_flagged_actors_and_nothing_of_a_quiet_hour(
    pipeline: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_FORMAT", "ocsf")
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED - HOUR, 1))
    assert pipeline.run(JUDGED - HOUR).success
    assert receiver.received == []
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    assert pipeline.run(JUDGED).success
    ((event,),) = receiver.received
    flagged = pipeline.summary(JUDGED)["flagged"][0]
    assert (event["class_uid"], event["activity_id"]) == (2004, 1)
    assert event["finding_info"]["src_url"] == flagged["ticket"]["url"]
    assert pipeline.run(JUDGED).success
    assert len(receiver.received) == 1


def test_a_format_that_does_not_exist_is_reported_and_delays_no_hour(
    pipeline: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_FORMAT", "cef")
    result = pipeline.run(JUDGED)
    assert result.success
    description = check_of(result, "summary_was_delivered").description or ""
    assert "AUDIT_ASSETS_WEBHOOK_FORMAT is 'cef': set it to summary or ocsf." in description
