"""A finding reaches each channel of its severity once, with a link to its ticket, and no channel costs a ticket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.storage.tables import MESSAGES, SENT_MESSAGES, TICKETS
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.notify.receivers import Receiver, receiving
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
SECRET = "canary-of-the-channel"

pytestmark = pytest.mark.usefixtures("without_watch_rules")


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A channel for all but the least severe, and one that gets nothing here."""
    own = tmp_path / "policy.toml"
    own.write_text(
        '[[channels]]\nname = "pager"\nseverities = ["urgent", "high", "medium"]\n'
        '[[channels]]\nname = "low"\nseverities = ["low"]\n'
    )
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(own))
    with receiving(f"/{SECRET}") as made:
        monkeypatch.setenv("AUDIT_ASSETS_CHANNEL_PAGER", f"json://{made.host}/{SECRET}")
        yield made


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """A quiet fortnight, and then a burst of deletes."""
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    return pipeline


def test_a_finding_is_sent_once_with_the_words_and_the_link_of_its_ticket(lived: Pipeline, pager: Receiver) -> None:
    result = lived.run(JUDGED)
    assert result.success
    ticket = lived.summary(JUDGED)["flagged"][0]["ticket"]
    (message,) = pager.received
    assert "45" in message["title"]
    assert "alice(at)example[.]com" in message["message"]
    assert message["message"].splitlines()[-1] == f"{ticket['identifier']} {ticket['url']}"
    assert check_of(result, "findings_were_sent").passed
    assert lived.run(JUDGED).success
    assert len(pager.received) == 1
    assert SECRET not in str(lived.store.read_json(SENT_MESSAGES, JUDGED))


def test_a_refusal_costs_no_ticket_and_is_made_good_when_the_hour_runs_again(lived: Pipeline, pager: Receiver) -> None:
    pager.status = 403
    result = lived.run(JUDGED)
    assert result.success
    assert len(lived.tickets()) == 1
    check = check_of(result, "findings_were_sent")
    assert not check.passed
    problem = "JSON answered HTTP 403: correct AUDIT_ASSETS_CHANNEL_PAGER, or run the hour again later."
    assert f"has 1 finding that the channel pager did not get: {problem}" in (check.description or "")
    assert SECRET not in str(check)
    pager.status, pager.received[:] = 200, []
    again = lived.run(JUDGED)
    assert len(pager.received) == 1
    assert check_of(again, "findings_were_sent").passed


def test_what_people_closed_meanwhile_is_sent_no_more(lived: Pipeline, pager: Receiver) -> None:
    pager.status = 403
    assert lived.run(JUDGED).success
    pager.status, pager.received[:] = 200, []
    lived.sandbox.linear.cancel(lived.tickets()[0]["identifier"])
    result = lived.run(JUDGED)
    assert pager.received == []
    assert check_of(result, "findings_were_sent").passed


def test_an_hour_that_joins_an_open_ticket_is_sent_only_if_it_raises_the_priority(
    lived: Pipeline, pager: Receiver
) -> None:
    later = JUDGED + HOUR
    assert lived.run(JUDGED).success
    lived.sandbox.cloudflare.add("v2", v2_burst(later, 60, action="delete"))
    lived.sandbox.cloudflare.add("v2", v2_burst(later + HOUR, 80, action="delete"))
    lived.clock.sleep(HOUR.total_seconds())
    assert lived.run(later).success
    assert lived.store.require(TICKETS, later)["outcome"].to_list() == ["joined"]
    assert len(pager.received) == 1
    lived.sandbox.linear.set_priority(lived.tickets()[0]["identifier"], 4)
    lived.clock.sleep(HOUR.total_seconds())
    assert lived.run(later + HOUR).success
    assert lived.store.require(TICKETS, later + HOUR)["raised"].to_list() == [True]
    assert len(pager.received) == 2


def test_a_run_that_ended_after_it_opened_the_ticket_is_made_good(lived: Pipeline, pager: Receiver) -> None:
    assert lived.run(JUDGED).success
    for table, suffix in ((TICKETS, "parquet"), (MESSAGES, "json"), (SENT_MESSAGES, "json")):
        lived.store.path(table, JUDGED, suffix).unlink()
    pager.received.clear()
    assert lived.run(JUDGED).success
    assert lived.store.require(TICKETS, JUDGED)["outcome"].to_list() == ["already_on_ticket"]
    assert len(pager.received) == 1


def test_a_new_channel_gets_nothing_of_hours_that_were_done_before(
    lived: Pipeline, pager: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.delenv("AUDIT_ASSETS_POLICY")
        assert lived.run(JUDGED).success
    assert lived.run(JUDGED).success
    assert pager.received == []


def test_a_dry_run_and_an_old_hour_send_nothing(
    lived: Pipeline, pager: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dry:
        dry.setenv("LINEAR_DRY_RUN", "1")
        assert lived.run(JUDGED).success
    lived.clock.sleep((DAY * 4).total_seconds())
    assert lived.run(JUDGED, open_tickets="always").success
    assert len(lived.tickets()) == 1
    assert pager.received == []


def test_a_channel_without_an_address_is_a_warning(
    lived: Pipeline, pager: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDIT_ASSETS_CHANNEL_PAGER")
    result = lived.run(JUDGED)
    assert result.success
    assert "AUDIT_ASSETS_CHANNEL_PAGER is not set" in (check_of(result, "findings_were_sent").description or "")


def test_findings_that_share_a_ticket_are_one_message(
    lived: Pipeline, pager: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_HOUR", "1")
    others = ("bob@example.com", "carol@example.com")
    lived.remember([entry for actor in others for entry in a_quiet_fortnight(actor)])
    for actor in others:
        lived.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete", actor=actor, resource_type=actor[:3]))
    assert lived.run(JUDGED).success
    outcomes = sorted(actor["ticket"]["outcome"] for actor in lived.summary(JUDGED)["flagged"])
    assert outcomes == ["on_shared_ticket", "on_shared_ticket", "opened"]
    assert len(pager.received) == 2
    assert any("2 more actors deviated" in message["title"] for message in pager.received)
    assert lived.run(JUDGED).success
    assert len(pager.received) == 2
