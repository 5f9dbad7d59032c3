"""However often it is asked, an actor has one ticket, with every hour on it once."""

import pytest

from audit_assets.config.errors import Refused
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.lifecycle import OpenedTicket
from audit_assets.tickets.ticket import comment_for, link_for, ticket_for
from audit_assets_tests.linear.workspace import (
    BOB,
    FIRST,
    LATER,
    WRITES,
    Connect,
    links,
    only_issue,
    open_all,
    plan,
    written,
)


def test_a_new_actor_gets_a_ticket(sandbox: Sandbox, connect: Connect) -> None:
    opened = connect(label="cloudflare-audit").open_ticket(FIRST)
    ticket, issue = ticket_for(FIRST), only_issue(sandbox)
    assert opened == OpenedTicket(str(ticket.id), "SEC-1", opened.url, "opened")
    assert opened.url
    assert opened.url.startswith(sandbox.url)
    shown = {name: issue[name] for name in ("id", "title", "description", "priority", "team", "state", "labels")}
    assert shown == {
        "id": str(ticket.id),
        "title": ticket.title,
        "description": ticket.description,
        "priority": 2,
        "team": "SEC",
        "state": "Backlog",
        "labels": ["cloudflare-audit"],
    }
    (link,) = issue["attachments"]
    hour = link_for(FIRST)
    assert (link["title"], link["subtitle"], link["url"]) == (hour.title, hour.subtitle, FIRST.axiom_url)
    assert link["metadata"] == hour.metadata


def test_an_hour_that_is_on_the_ticket_is_recognised_and_nothing_is_written(
    sandbox: Sandbox, client: TicketOpener
) -> None:
    first = client.open_ticket(FIRST)
    before = only_issue(sandbox)
    again = client.open_ticket(FIRST)
    assert again == OpenedTicket(first.id, "SEC-1", first.url, "already_on_ticket")
    assert only_issue(sandbox) == before
    assert written(sandbox) == {"issueCreate": 1, "attachmentCreate": 1}


def test_a_later_hour_joins_its_actor_s_ticket_once(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_ticket(FIRST)
    assert [client.open_ticket(LATER).outcome for _ in range(3)] == ["joined", "already_on_ticket", "already_on_ticket"]
    issue = only_issue(sandbox)
    assert [comment["body"] for comment in issue["comments"]] == [comment_for(LATER).body]
    assert [comment["id"] for comment in issue["comments"]] == [str(comment_for(LATER).id)]
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]
    assert issue["title"] == ticket_for(FIRST).title


def test_the_first_hour_stays_seen_after_others_joined(client: TicketOpener) -> None:
    outcomes = open_all(client, FIRST, LATER, FIRST)
    assert outcomes == ["opened", "joined", "already_on_ticket"]


def test_every_actor_has_a_ticket_of_its_own(sandbox: Sandbox, client: TicketOpener) -> None:
    assert [client.open_ticket(each).identifier for each in (FIRST, BOB)] == ["SEC-1", "SEC-2"]
    assert [issue["title"].rpartition(": ")[2][:3] for issue in sandbox.linear.issues()] == ["ali", "bob"]


def test_another_process_finds_the_same_ticket(connect: Connect) -> None:
    assert [connect().open_ticket(FIRST).outcome for _ in range(2)] == ["opened", "already_on_ticket"]


def test_team_label_and_state_are_asked_for_once(sandbox: Sandbox, connect: Connect) -> None:
    client = connect(label="cloudflare-audit")
    assert sandbox.shared.call_counts() == {}
    for found in (FIRST, LATER, BOB):
        client.open_ticket(found)
    calls = sandbox.shared.call_counts()
    assert (calls["linear", "viewer"], calls["linear", "issueLabels"]) == (1, 1)


def test_a_description_that_people_rewrote_is_left_alone(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_ticket(FIRST)
    sandbox.linear.edit_description("SEC-1", "It was a migration.")
    client.open_ticket(LATER)
    assert only_issue(sandbox)["description"] == "It was a migration."


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("call", WRITES)
def test_a_conflict_is_the_first_try_s_whatever_its_status(
    sandbox: Sandbox, client: TicketOpener, call: str, status: int
) -> None:
    sandbox.linear.behaviour.conflict_statuses = (status,)
    plan(sandbox, call, "drop_after")
    assert open_all(client, FIRST, LATER, LATER) == ["opened", "joined", "already_on_ticket"]
    assert len(only_issue(sandbox)["comments"]) == 1
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]


@pytest.mark.parametrize("status", [200, 400])
def test_a_comment_that_is_there_already_is_no_failure(sandbox: Sandbox, client: TicketOpener, status: int) -> None:
    sandbox.linear.behaviour.conflict_statuses = (status,)
    client.open_ticket(FIRST)
    plan(sandbox, "attachmentCreate", "forbidden")
    with pytest.raises(Refused):
        client.open_ticket(LATER)
    assert client.open_ticket(LATER).outcome == "joined"
    assert len(only_issue(sandbox)["comments"]) == 1
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]


@pytest.mark.parametrize("status", [200, 400])
def test_a_conflict_of_descriptions_is_not_taken_for_ours(sandbox: Sandbox, client: TicketOpener, status: int) -> None:
    plan(sandbox, "issueCreate", "description_conflict", status=status)
    with pytest.raises(Refused, match="conflict on insert of DocumentContent"):
        client.open_ticket(FIRST)
    assert sandbox.linear.issues() == []


def test_a_ticket_that_can_not_be_seen_is_out_of_reach(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_ticket(FIRST)
    plan(sandbox, "issues", "status", times=2, status=200, body='{"data": {"issues": {"nodes": []}}}')
    assert client.open_ticket(LATER) == OpenedTicket(str(ticket_for(FIRST).id), None, None, "unreadable")
    assert client.open_ticket(BOB).outcome == "opened"


def test_an_archived_ticket_is_joined_if_linear_lets_it(sandbox: Sandbox, client: TicketOpener) -> None:
    sandbox.linear.behaviour.archived_issues_are_writable = True
    client.open_ticket(FIRST)
    sandbox.linear.archive("SEC-1")
    assert [client.open_ticket(LATER).outcome for _ in range(2)] == ["joined", "already_on_ticket"]


@pytest.mark.parametrize("status", [200, 400])
def test_an_archived_ticket_is_out_of_reach_if_linear_does_not(
    sandbox: Sandbox, client: TicketOpener, status: int
) -> None:
    sandbox.linear.behaviour.missing_statuses = (status,)
    client.open_ticket(FIRST)
    sandbox.linear.archive("SEC-1")
    assert client.open_ticket(FIRST).outcome == "already_on_ticket"
    archived = client.open_ticket(LATER)
    assert (archived.outcome, archived.identifier) == ("unreadable", "SEC-1")
