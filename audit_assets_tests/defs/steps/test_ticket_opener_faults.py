"""However badly it goes, an actor has one ticket, with every hour on it once."""

import json
from typing import Any

import pytest

from audit_assets.config.errors import Incomplete, Refused, Unavailable
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.ticket import comment_for, ticket_for
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.linear.workspace import (
    BOB,
    FIRST,
    LATER,
    WRITES,
    Connect,
    assert_one_ticket_of_one_hour,
    links,
    only_issue,
    open_all,
    plan,
    written,
)
from audit_assets_tests.support import JumpingClock


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "torn"])
def test_an_answer_that_was_lost_is_asked_for_again(sandbox: Sandbox, client: TicketOpener, kind: str) -> None:
    for call in WRITES:
        plan(sandbox, call, kind)
    assert open_all(client, FIRST, LATER) == ["opened", "joined"]
    issue = only_issue(sandbox)
    assert len(issue["comments"]) == 1
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]


@pytest.mark.parametrize("call", WRITES)
def test_a_write_that_was_carried_out_too_late_is_not_carried_out_twice(
    sandbox: Sandbox, connect: Connect, call: str
) -> None:
    plan(sandbox, call, "slow_after", seconds=1.0)
    client = connect(limits=HttpLimits(attempt_seconds=0.5))
    assert open_all(client, FIRST, LATER) == ["opened", "joined"]
    assert len(only_issue(sandbox)["comments"]) == 1
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]
    assert written(sandbox)[call] > 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_run_that_died_at_any_request_is_completed_by_the_next(
    sandbox: Sandbox, connect: Connect, number: int, kind: str
) -> None:
    plan(sandbox, "*", kind, at=number, times=100)
    with pytest.raises(Unavailable):
        open_all(connect(), FIRST, LATER)
    sandbox.faults.clear()
    open_all(connect(), FIRST, LATER)
    assert open_all(connect(), FIRST, LATER) == ["already_on_ticket", "already_on_ticket"]
    issue = only_issue(sandbox)
    assert issue["title"] == ticket_for(FIRST).title
    assert [comment["body"] for comment in issue["comments"]] == [comment_for(LATER).body]
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]


def test_a_ticket_that_lacks_only_its_link_counts_as_opened_for_that_hour(sandbox: Sandbox, connect: Connect) -> None:
    plan(sandbox, "attachmentCreate", "forbidden")
    with pytest.raises(Refused):
        connect().open_ticket(FIRST)
    assert connect().open_ticket(FIRST).outcome == "opened"
    assert_one_ticket_of_one_hour(sandbox)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 500, "body": "oops"}),
        ("status", {"status": 503, "body": "<html>"}),
        ("status", {"status": 429, "body": ""}),
        ("status", {"status": 200, "body": "<html>maintenance</html>"}),
        ("status", {"status": 200, "body": '{"data": {"unheard": "of"}}'}),
        ("lock_timeout", {}),
        ("internal_error", {"status": 200}),
    ],
)
def test_a_passing_fault_is_outlasted(
    sandbox: Sandbox, client: TicketOpener, kind: str, options: dict[str, Any]
) -> None:
    for call in ("viewer", "issueCreate", "attachmentCreate"):
        plan(sandbox, call, kind, times=3, **options)
    assert client.open_ticket(FIRST).outcome == "opened"
    assert_one_ticket_of_one_hour(sandbox)


def test_a_fault_that_does_not_pass_is_one_sentence(sandbox: Sandbox, client: TicketOpener) -> None:
    plan(sandbox, "issueCreate", "status", times=100, status=502, body="<html>")
    with pytest.raises(Unavailable) as caught:
        client.open_ticket(FIRST)
    assert str(caught.value) == "Linear gave no answer in 8 tries: HTTP 502. Run the hour again later."


@pytest.mark.parametrize("call", ["viewer", "issueCreate", "issues", "commentCreate", "attachmentCreate"])
def test_a_rate_limit_is_waited_for_until_its_reset(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock, call: str
) -> None:
    plan(sandbox, call, "rate_limited", seconds=95)
    outcomes = open_all(client, FIRST, LATER)
    assert outcomes == ["opened", "joined"]
    assert clock.waits == [pytest.approx(95, abs=2)]


def test_an_hour_s_allowance_that_is_used_up_is_waited_for(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock
) -> None:
    sandbox.linear.behaviour.requests_per_hour = 4
    assert open_all(client, FIRST, LATER, BOB) == ["opened", "joined", "opened"]
    assert clock.waits
    assert sum(clock.waits) < 3 * 3_600


def test_a_write_that_did_not_succeed_is_repeated(sandbox: Sandbox, client: TicketOpener) -> None:
    plan(sandbox, "issueCreate", "success_false", times=2)
    assert client.open_ticket(FIRST).outcome == "opened"
    assert_one_ticket_of_one_hour(sandbox)


def test_a_write_that_never_succeeds_is_no_ticket(sandbox: Sandbox, client: TicketOpener) -> None:
    plan(sandbox, "issueCreate", "success_false", times=100)
    with pytest.raises(Unavailable, match="it reports that it did not succeed"):
        client.open_ticket(FIRST)
    assert sandbox.linear.issues() == []


def test_a_payload_without_its_issue_is_read_back(sandbox: Sandbox, client: TicketOpener) -> None:
    plan(sandbox, "issueCreate", "no_entity")
    opened = client.open_ticket(FIRST)
    assert (opened.outcome, opened.identifier) == ("opened", "SEC-1")
    assert_one_ticket_of_one_hour(sandbox)


def test_a_ticket_that_is_reported_as_opened_but_is_not_there_is_no_ticket(
    sandbox: Sandbox, client: TicketOpener
) -> None:
    body = json.dumps({"data": {"issueCreate": {"success": True, "issue": None}}})
    plan(sandbox, "issueCreate", "status", status=200, body=body, times=100)
    with pytest.raises(Unavailable, match="does not show it"):
        client.open_ticket(FIRST)


def test_another_issue_than_the_one_asked_for_is_refused(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_ticket(BOB)
    client.open_ticket(FIRST)
    plan(sandbox, "issues", "wrong_nodes")
    with pytest.raises(Incomplete, match="another issue"):
        client.open_ticket(LATER)
    assert all(issue["comments"] == [] for issue in sandbox.linear.issues())
    assert client.open_ticket(LATER).outcome == "joined"


def test_another_issue_in_the_payload_is_refused(sandbox: Sandbox, client: TicketOpener) -> None:
    wrong = {"id": str(ticket_for(BOB).id), "identifier": "SEC-7", "url": "https://example.com"}
    body = json.dumps({"data": {"issueCreate": {"success": True, "issue": wrong}}})
    plan(sandbox, "issueCreate", "status", status=200, body=body)
    with pytest.raises(Incomplete, match="another issue"):
        client.open_ticket(FIRST)


@pytest.mark.parametrize(("alias", "what"), [("hour", "attachments"), ("comments", "comments")])
def test_parts_of_a_ticket_that_were_not_asked_for_are_refused(
    sandbox: Sandbox, client: TicketOpener, alias: str, what: str
) -> None:
    opened = client.open_ticket(FIRST)
    times = dict.fromkeys(("archivedAt", "autoClosedAt", "canceledAt", "completedAt", "trashed", "description"))
    node: dict[str, Any] = {
        **times,
        "id": opened.id,
        "identifier": opened.identifier,
        "url": opened.url,
        "priority": 2.0,
        "updatedAt": "2026-11-22T10:00:00.000Z",
        "state": {"type": "backlog"},
        "team": {"id": "1"},
        **{each: {"nodes": []} for each in ("hour", "comments", "marks")},
    }
    node[alias] = {"nodes": [{"id": "1", "url": "https://example.com/other"}]}
    plan(sandbox, "issues", "status", status=200, body=json.dumps({"data": {"issues": {"nodes": [node]}}}))
    with pytest.raises(Incomplete, match=f"{what} that were not asked for"):
        client.open_ticket(LATER)
