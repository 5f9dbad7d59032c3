"""However often and however badly it goes, an actor has one ticket, with every hour on it once."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from audit_assets.errors import AuditAssetsError, Incomplete, Refused, SettingError, Unavailable
from audit_assets.linear.client import LinearClient, OpenedTicket
from audit_assets.linear.replies import KEY_FORBIDDEN, KEY_REFUSED
from audit_assets.linear.tickets import Finding, comment_for, link_for, ticket_for
from audit_assets.sandbox.faults import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.linear.findings import HOUR, burst, finding, new_type
from audit_assets_tests.support import JumpingClock

Connect = Callable[..., LinearClient]

FIRST = finding()
LATER = finding(hour=HOUR + timedelta(hours=3), deviations=(new_type(),))
BOB = finding(actor_key="b0b" + "0" * 29, actor="bob@example.com")
WRITES = ("issueCreate", "commentCreate", "attachmentCreate")


@pytest.fixture
def connect(sandbox: Sandbox, clock: JumpingClock) -> Iterator[Connect]:
    """Makes clients of the sandbox's Linear."""
    clients: list[LinearClient] = []

    def make(**changes: Any) -> LinearClient:
        known = sandbox.linear.environment(sandbox.url)
        settings: dict[str, Any] = {
            "api_key": known["LINEAR_API_KEY"],
            "team_key": known["LINEAR_TEAM_KEY"],
            "url": known["LINEAR_API_URL"],
            "clock": clock,
        }
        clients.append(LinearClient(**(settings | changes)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Connect) -> LinearClient:
    return connect()


def plan(sandbox: Sandbox, call: str, kind: str, *, at: int = 1, times: int = 1, **options: Any) -> None:
    sandbox.faults.add(Fault("linear", call, kind, at=at, times=times, options=options))


def only_issue(sandbox: Sandbox) -> dict[str, Any]:
    (issue,) = sandbox.linear.issues()
    return issue


def links(sandbox: Sandbox) -> list[str]:
    return [link["url"] for link in only_issue(sandbox)["attachments"]]


def written(sandbox: Sandbox) -> dict[str, int]:
    """How often each write was asked for."""
    calls = sandbox.stage.count()
    return {call: calls["linear", call] for call in WRITES if calls["linear", call]}


def open_all(client: LinearClient, *findings: Finding) -> list[str]:
    return [client.open_ticket(found).outcome for found in findings]


def assert_one_ticket_of_one_hour(sandbox: Sandbox, found: Finding = FIRST) -> None:
    issue = only_issue(sandbox)
    assert issue["title"] == ticket_for(found).title
    assert issue["comments"] == []
    assert links(sandbox) == [found.axiom_url]


# What happens when all is well


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


def test_an_hour_that_is_on_the_ticket_is_seen_and_nothing_is_written(sandbox: Sandbox, client: LinearClient) -> None:
    first = client.open_ticket(FIRST)
    before = only_issue(sandbox)
    again = client.open_ticket(FIRST)
    assert again == OpenedTicket(first.id, "SEC-1", first.url, "seen")
    assert only_issue(sandbox) == before
    assert written(sandbox) == {"issueCreate": 2, "attachmentCreate": 1}


def test_a_later_hour_joins_its_actor_s_ticket_once(sandbox: Sandbox, client: LinearClient) -> None:
    client.open_ticket(FIRST)
    assert [client.open_ticket(LATER).outcome for _ in range(3)] == ["joined", "seen", "seen"]
    issue = only_issue(sandbox)
    assert [comment["body"] for comment in issue["comments"]] == [comment_for(LATER).body]
    assert [comment["id"] for comment in issue["comments"]] == [str(comment_for(LATER).id)]
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]
    assert issue["title"] == ticket_for(FIRST).title


def test_the_first_hour_stays_seen_after_others_joined(client: LinearClient) -> None:
    outcomes = open_all(client, FIRST, LATER, FIRST)
    assert outcomes == ["opened", "joined", "seen"]


def test_every_actor_has_a_ticket_of_its_own(sandbox: Sandbox, client: LinearClient) -> None:
    assert [client.open_ticket(each).identifier for each in (FIRST, BOB)] == ["SEC-1", "SEC-2"]
    assert [issue["title"][:3] for issue in sandbox.linear.issues()] == ["ali", "bob"]


def test_another_process_finds_the_same_ticket(connect: Connect) -> None:
    assert [connect().open_ticket(FIRST).outcome for _ in range(2)] == ["opened", "seen"]


def test_team_label_and_state_are_asked_for_once(sandbox: Sandbox, connect: Connect) -> None:
    client = connect(label="cloudflare-audit")
    assert sandbox.stage.count() == {}
    for found in (FIRST, LATER, BOB):
        client.open_ticket(found)
    calls = sandbox.stage.count()
    assert (calls["linear", "viewer"], calls["linear", "issueLabels"]) == (1, 1)


def test_a_description_that_people_rewrote_is_left_alone(sandbox: Sandbox, client: LinearClient) -> None:
    client.open_ticket(FIRST)
    sandbox.linear.edit_description("SEC-1", "It was a migration.")
    client.open_ticket(LATER)
    assert only_issue(sandbox)["description"] == "It was a migration."


@pytest.mark.parametrize("state", ["Done", "Canceled", "Duplicate"])
def test_a_closed_ticket_says_that_it_is_closed(sandbox: Sandbox, client: LinearClient, state: str) -> None:
    client.open_ticket(FIRST)
    sandbox.linear.move("SEC-1", state)
    joined = client.open_ticket(LATER)
    assert (joined.outcome, joined.closed) == ("joined", True)


# Conflicts


@pytest.mark.parametrize("status", [200, 400])
def test_a_conflict_is_read_back_whatever_its_status(sandbox: Sandbox, client: LinearClient, status: int) -> None:
    client.open_ticket(FIRST)
    sandbox.linear.behaviour.conflict_statuses = (status,)
    assert open_all(client, FIRST, LATER) == ["seen", "joined"]


@pytest.mark.parametrize("status", [200, 400])
def test_a_comment_that_is_there_already_is_no_failure(sandbox: Sandbox, client: LinearClient, status: int) -> None:
    sandbox.linear.behaviour.conflict_statuses = (status,)
    client.open_ticket(FIRST)
    plan(sandbox, "attachmentCreate", "forbidden")
    with pytest.raises(Refused):
        client.open_ticket(LATER)
    assert client.open_ticket(LATER).outcome == "joined"
    assert len(only_issue(sandbox)["comments"]) == 1
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]


@pytest.mark.parametrize("status", [200, 400])
def test_a_conflict_of_descriptions_is_not_taken_for_ours(sandbox: Sandbox, client: LinearClient, status: int) -> None:
    plan(sandbox, "issueCreate", "description_conflict", status=status)
    with pytest.raises(Refused, match="conflict on insert of DocumentContent"):
        client.open_ticket(FIRST)
    assert sandbox.linear.issues() == []


# Lost answers, and runs that were cut short


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "torn"])
def test_an_answer_that_was_lost_is_asked_for_again(
    sandbox: Sandbox, client: LinearClient, call: str, kind: str
) -> None:
    plan(sandbox, call, kind)
    assert open_all(client, FIRST, LATER) == ["opened", "joined"]
    issue = only_issue(sandbox)
    assert len(issue["comments"]) == 1
    assert links(sandbox) == [FIRST.axiom_url, LATER.axiom_url]


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
    assert open_all(connect(), FIRST, LATER) == ["seen", "seen"]
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


# Answers that are no answer


@pytest.mark.parametrize("call", ["viewer", "issueCreate", "attachmentCreate"])
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
    sandbox: Sandbox, client: LinearClient, call: str, kind: str, options: dict[str, Any]
) -> None:
    plan(sandbox, call, kind, times=3, **options)
    assert client.open_ticket(FIRST).outcome == "opened"
    assert_one_ticket_of_one_hour(sandbox)


def test_a_fault_that_does_not_pass_is_said_in_one_sentence(sandbox: Sandbox, client: LinearClient) -> None:
    plan(sandbox, "issueCreate", "status", times=100, status=502, body="<html>")
    with pytest.raises(Unavailable) as caught:
        client.open_ticket(FIRST)
    assert str(caught.value) == "Linear gave no answer in 8 tries: HTTP 502. Run the hour again later."


@pytest.mark.parametrize("call", ["viewer", "issueCreate", "issues", "commentCreate", "attachmentCreate"])
def test_a_rate_limit_is_waited_for_until_its_reset(
    sandbox: Sandbox, client: LinearClient, clock: JumpingClock, call: str
) -> None:
    plan(sandbox, call, "rate_limited", seconds=95)
    outcomes = open_all(client, FIRST, LATER)
    assert outcomes == ["opened", "joined"]
    assert clock.waits == [pytest.approx(95, abs=2)]


def test_an_hour_s_allowance_that_is_used_up_is_waited_for(
    sandbox: Sandbox, client: LinearClient, clock: JumpingClock
) -> None:
    sandbox.linear.behaviour.requests_per_hour = 4
    assert open_all(client, FIRST, LATER, BOB) == ["opened", "joined", "opened"]
    assert clock.waits
    assert sum(clock.waits) < 3 * 3_600


def test_a_write_that_did_not_succeed_is_repeated(sandbox: Sandbox, client: LinearClient) -> None:
    plan(sandbox, "issueCreate", "success_false", times=2)
    assert client.open_ticket(FIRST).outcome == "opened"
    assert_one_ticket_of_one_hour(sandbox)


def test_a_write_that_never_succeeds_is_no_ticket(sandbox: Sandbox, client: LinearClient) -> None:
    plan(sandbox, "issueCreate", "success_false", times=100)
    with pytest.raises(Unavailable, match="it says that it did not succeed"):
        client.open_ticket(FIRST)
    assert sandbox.linear.issues() == []


def test_a_payload_without_its_issue_is_read_back(sandbox: Sandbox, client: LinearClient) -> None:
    plan(sandbox, "issueCreate", "no_entity")
    opened = client.open_ticket(FIRST)
    assert (opened.outcome, opened.identifier) == ("opened", "SEC-1")
    assert_one_ticket_of_one_hour(sandbox)


def test_a_ticket_that_is_said_to_be_opened_but_is_not_there_is_refused(sandbox: Sandbox, client: LinearClient) -> None:
    body = json.dumps({"data": {"issueCreate": {"success": True, "issue": None}}})
    plan(sandbox, "issueCreate", "status", status=200, body=body)
    with pytest.raises(Incomplete, match="does not show it"):
        client.open_ticket(FIRST)


def test_another_issue_than_the_one_asked_for_is_refused(sandbox: Sandbox, client: LinearClient) -> None:
    client.open_ticket(BOB)
    client.open_ticket(FIRST)
    plan(sandbox, "issues", "wrong_nodes")
    with pytest.raises(Incomplete, match="another issue"):
        client.open_ticket(LATER)
    assert all(issue["comments"] == [] for issue in sandbox.linear.issues())
    assert client.open_ticket(LATER).outcome == "joined"


def test_another_issue_in_the_payload_is_refused(sandbox: Sandbox, client: LinearClient) -> None:
    wrong = {"id": str(ticket_for(BOB).id), "identifier": "SEC-7", "url": "https://example.com"}
    body = json.dumps({"data": {"issueCreate": {"success": True, "issue": wrong}}})
    plan(sandbox, "issueCreate", "status", status=200, body=body)
    with pytest.raises(Incomplete, match="another issue"):
        client.open_ticket(FIRST)


def test_attachments_that_were_not_asked_for_are_refused(sandbox: Sandbox, client: LinearClient) -> None:
    opened = client.open_ticket(FIRST)
    node = {
        "id": opened.id,
        "identifier": opened.identifier,
        "url": opened.url,
        "description": "",
        "trashed": None,
        "state": {"type": "backlog"},
        "attachments": {"nodes": [{"id": "1", "url": "https://example.com/other"}]},
    }
    plan(sandbox, "issues", "status", status=200, body=json.dumps({"data": {"issues": {"nodes": [node]}}}))
    with pytest.raises(Incomplete, match="attachments that were not asked for"):
        client.open_ticket(LATER)


# Tickets that are out of reach


def test_a_ticket_in_the_trash_is_out_of_reach_and_stops_nobody_else(sandbox: Sandbox, client: LinearClient) -> None:
    client.open_ticket(FIRST)
    sandbox.linear.trash("SEC-1")
    before = only_issue(sandbox)
    trashed = client.open_ticket(LATER)
    assert (trashed.outcome, trashed.identifier) == ("unreadable", "SEC-1")
    assert only_issue(sandbox) == before
    assert client.open_ticket(BOB).outcome == "opened"


def test_a_ticket_that_can_not_be_seen_is_out_of_reach(sandbox: Sandbox, client: LinearClient) -> None:
    client.open_ticket(FIRST)
    plan(sandbox, "issues", "status", status=200, body='{"data": {"issues": {"nodes": []}}}')
    assert client.open_ticket(LATER) == OpenedTicket(str(ticket_for(FIRST).id), None, None, "unreadable")


def test_an_archived_ticket_is_joined_if_linear_lets_it(sandbox: Sandbox, client: LinearClient) -> None:
    sandbox.linear.behaviour.archived_issues_are_writable = True
    client.open_ticket(FIRST)
    sandbox.linear.archive("SEC-1")
    assert [client.open_ticket(LATER).outcome for _ in range(2)] == ["joined", "seen"]


@pytest.mark.parametrize("status", [200, 400])
def test_an_archived_ticket_is_out_of_reach_if_linear_does_not(
    sandbox: Sandbox, client: LinearClient, status: int
) -> None:
    sandbox.linear.behaviour.missing_statuses = (status,)
    client.open_ticket(FIRST)
    sandbox.linear.archive("SEC-1")
    assert client.open_ticket(FIRST).outcome == "seen"
    archived = client.open_ticket(LATER)
    assert (archived.outcome, archived.identifier) == ("unreadable", "SEC-1")


# Settings and permissions


def test_check_says_what_the_settings_lead_to_and_writes_nothing(sandbox: Sandbox, connect: Connect) -> None:
    facts = connect(label="cloudflare-audit").check()
    assert (facts.who, facts.team_key, facts.team) == ("Audit bot", "SEC", "Security")
    assert (facts.state, facts.label) == ("Backlog", "cloudflare-audit")
    assert connect().check().label is None
    assert written(sandbox) == {}


def test_the_team_s_own_label_goes_before_others_of_that_name(sandbox: Sandbox, connect: Connect) -> None:
    connect(label="cloudflare-audit", team_key="ENG").open_ticket(FIRST)
    issue = only_issue(sandbox)
    assert (issue["team"], issue["labels"]) == ("ENG", ["cloudflare-audit"])


def test_a_label_of_the_workspace_will_do(connect: Connect) -> None:
    assert connect(label="Improvement").check().label == "Improvement"


@pytest.mark.parametrize("label", ["nonesuch", "bug"])
def test_a_missing_label_is_one_clear_sentence(connect: Connect, label: str) -> None:
    with pytest.raises(Refused) as caught:
        connect(label=label).open_ticket(FIRST)
    assert str(caught.value) == (
        f"Linear has no label '{label}' for the team 'SEC': create it there, or set LINEAR_LABEL to one that exists, "
        "or leave it empty."
    )


def test_a_missing_team_is_one_clear_sentence(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(team_key="NOPE").open_ticket(FIRST)
    assert str(caught.value) == (
        "Linear shows no team with the key 'NOPE' to this API key: set LINEAR_TEAM_KEY to the letters before the "
        "number of the team's tickets, such as SEC in SEC-12."
    )
    assert written(sandbox) == {}


def test_wrong_teams_and_wrong_labels_are_refused(sandbox: Sandbox, connect: Connect) -> None:
    plan(sandbox, "issueLabels", "wrong_nodes")
    with pytest.raises(Incomplete, match="labels that were not asked for"):
        connect(label="cloudflare-audit").check()


def test_a_bad_key_is_one_clear_sentence(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(api_key="lin_api_canary").open_ticket(FIRST)
    assert str(caught.value) == KEY_REFUSED
    assert sandbox.stage.count()["linear", "viewer"] == 1


def test_a_missing_permission_is_one_clear_sentence(sandbox: Sandbox, client: LinearClient) -> None:
    plan(sandbox, "issueCreate", "forbidden")
    with pytest.raises(Refused) as caught:
        client.open_ticket(FIRST)
    assert str(caught.value) == KEY_FORBIDDEN


def test_a_key_that_was_copied_with_its_bearer_works(connect: Connect) -> None:
    assert connect(api_key=" Bearer lin_api_sandbox\n").check().team == "Security"


def test_an_oauth_token_keeps_its_bearer(connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(api_key="Bearer canary").check()
    assert str(caught.value) == KEY_REFUSED


@pytest.mark.parametrize("name", ["api_key", "team_key", "url"])
@pytest.mark.parametrize("value", ["", "  ", "a\nb", "a\x00b", "a\ud800b"])
def test_a_setting_that_can_not_be_right_is_named(name: str, value: str) -> None:
    setting = {"api_key": "LINEAR_API_KEY", "team_key": "LINEAR_TEAM_KEY", "url": "LINEAR_API_URL"}[name]
    known: dict[str, Any] = {"api_key": "lin_api_x", "team_key": "SEC"}
    with pytest.raises(SettingError, match=setting):
        LinearClient(**(known | {name: value}))


@pytest.mark.parametrize("key", ["lin_api_é", "lin api x", "Bearer ", "Bearer lin_api_x y"])
def test_a_key_that_can_not_be_one_is_never_sent(key: str) -> None:
    with pytest.raises(SettingError, match="LINEAR_API_KEY"):
        LinearClient(api_key=key, team_key="SEC")


@pytest.mark.parametrize("url", ["localhost:1/graphql", "ftp://127.0.0.1/graphql", "http://[", "nothing"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(AuditAssetsError, match="address"):
        check_at(url)


def check_at(url: str) -> None:
    with LinearClient(api_key="lin_api_x", team_key="SEC", url=url) as client:
        client.check()


def test_a_wrong_address_is_named(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused, match="LINEAR_API_URL"):
        connect(url=f"{sandbox.url}/nothing/here").check()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 401, "body": "lin_api_sandbox"}),
        ("status", {"status": 400, "body": '{"errors": [{"message": "lin_api_sandbox is no good"}]}'}),
        ("status", {"status": 500, "body": "lin_api_sandbox"}),
        ("drop_before", {}),
        ("torn", {}),
        ("forbidden", {}),
        ("rate_limited", {}),
    ],
)
def test_the_key_is_in_no_error_and_no_repr(
    sandbox: Sandbox, client: LinearClient, kind: str, options: dict[str, Any]
) -> None:
    plan(sandbox, "*", kind, times=1_000, **options)
    with pytest.raises(AuditAssetsError) as caught:
        client.open_ticket(finding(deviations=(burst(),)))
    told = "".join(map(repr, (client, client._transport, client._transport._http.headers, caught.value)))
    assert "lin_api_sandbox" not in told + str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
