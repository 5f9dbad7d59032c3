"""Tickets open where the table has them; what the workspace lacks costs none of them its opening."""

from datetime import timedelta
from typing import Any

import pytest

from audit_assets.config.errors import Incomplete, Refused
from audit_assets.config.policy_tables import TicketFields
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.lifecycle import OpenedTicket
from audit_assets.tickets.ticket import ticket_for
from audit_assets_tests.linear.workspace import BOB, FIRST, Connect, only_issue, plan, written
from audit_assets_tests.sandbox.linear_calls import door, sandbox
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import HOUR, finding, overflow

__all__ = ["door", "sandbox"]

NETWORK = TicketFields(
    actors=("alice*",), team="ENG", project="Edge hardening", labels=("bug", "Edge"), assignee="Ben Okafor", priority=1
)
LATER = finding(hour=HOUR + timedelta(hours=1), severity="urgent")


@pytest.fixture(autouse=True)
def the_hour_has_just_ended(clock: JumpingClock) -> None:
    """Linear's times are the sandbox's."""
    clock.sleep((HOUR + timedelta(minutes=75) - clock.now()).total_seconds())


def fields(sandbox: Sandbox, number: int = 0) -> dict[str, Any]:
    issue = sandbox.linear.issues()[number]
    return {name: issue[name] for name in ("team", "project", "labels", "assignee", "priority")}


BARE = {"team": "SEC", "project": None, "labels": [], "assignee": None, "priority": 2}


def test_a_ticket_opens_in_another_team_with_project_labels_assignee_and_priority(
    sandbox: Sandbox, connect: Connect
) -> None:
    client = connect(fields=(NETWORK,), label="cloudflare-audit")
    opened = client.open_ticket(FIRST)
    assert opened == OpenedTicket(str(ticket_for(FIRST).id), "ENG-1", opened.url, "opened")
    assert fields(sandbox) == {
        "team": "ENG",
        "project": "Edge hardening",
        "labels": ["cloudflare-audit", "bug", "Edge"],
        "assignee": "Ben Okafor",
        "priority": 1,
    }
    assert only_issue(sandbox)["state"] == "Backlog"
    assert client.open_ticket(BOB).identifier == "SEC-1"
    assert fields(sandbox, 1) == BARE | {"labels": ["cloudflare-audit"]}


def test_names_are_looked_up_once_and_only_those_that_a_ticket_needs(sandbox: Sandbox, connect: Connect) -> None:
    client = connect(fields=(NETWORK, TicketFields(actors=("nobody",), team="NOPE", assignee="nobody")))
    for name in ("alice@example.com", "alice two"):
        client.open_ticket(finding(actor=name, actor_key=name))
    calls = sandbox.shared.call_counts()
    asked = {call: calls["linear", call] for call in ("viewer", "issueLabels", "projects", "users", "team")}
    assert asked == {"viewer": 1, "issueLabels": 1, "projects": 1, "users": 1, "team": 0}


def test_an_assignee_is_known_by_address_or_name(sandbox: Sandbox, connect: Connect) -> None:
    who = ("ben@sandbox.invalid", "BEN@sandbox.invalid", "ben", "Ben Okafor")
    client = connect(
        fields=[TicketFields(actors=(str(key),), team="ENG", assignee=each) for key, each in enumerate(who)]
    )
    assert {client.open_ticket(finding(actor_key=str(key))).refused for key in range(4)} == {None}
    assert {issue["assignee"] for issue in sandbox.linear.issues()} == {"Ben Okafor"}


WITHOUT = "until then tickets open without it."
NO_LABEL = "Linear has no label '{}' for the team 'SEC' (a group of labels is none, nor is a retired one): create it "
NO_LABEL += f"there, or correct `labels` in [[ticket_fields]]; {WITHOUT}"
OR_ASSIGNEE = f", or correct `assignee` in [[ticket_fields]], which takes an e-mail address or a name; {WITHOUT}"


LACKS: tuple[tuple[dict[str, Any], str, dict[str, Any]], ...] = (
    (
        {"team": "NOPE", "labels": ("Edge", "bug"), "assignee": "Anne Archer"},
        "Linear shows no team with the key 'NOPE' to this API key: correct `team` in [[ticket_fields]], or let the "
        "key of LINEAR_API_KEY into that team, if it is restricted to others; until then such tickets go to 'SEC'.",
        {"labels": ["Edge"], "assignee": "Anne Archer"},
    ),
    (
        {"project": "Moon shot", "labels": ("Edge",)},
        "Linear shows no project 'Moon shot' to this API key: create it, or correct `project` in "
        f"[[ticket_fields]]; {WITHOUT}",
        {"labels": ["Edge"]},
    ),
    (
        {"project": "Edge hardening"},
        "The project 'Edge hardening' is not of the team 'SEC' in Linear: add the team to it, or correct "
        f"`project` in [[ticket_fields]]; {WITHOUT}",
        {},
    ),
    ({"labels": ("bug", "Edge", "Area")}, f"{NO_LABEL.format('bug')} {NO_LABEL.format('Area')}", {"labels": ["Edge"]}),
    (
        {"labels": ("Edge", "Identity")},
        "The labels 'Edge' and 'Identity' are of one group in Linear, which puts but one of them on a ticket: "
        "leave one out of [[ticket_fields]]; until then tickets open without 'Identity'.",
        {"labels": ["Edge"]},
    ),
    ({"assignee": "zoe"}, f"Linear shows no user 'zoe' to this API key: invite them{OR_ASSIGNEE}", {}),
    (
        {"assignee": "Ben Okafor", "project": "Zero trust"},
        f"The user 'Ben Okafor' is no member of the team 'SEC' in Linear: add them to it{OR_ASSIGNEE}",
        {"project": "Zero trust"},
    ),
    (
        {"assignee": "clara"},
        f"The user 'clara' is suspended in Linear, or can be assigned nothing: let them in again{OR_ASSIGNEE}",
        {},
    ),
)
"""A row, what is reported about it, and what is on its ticket all the same."""


def test_what_the_workspace_lacks_is_left_out_and_reported(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.linear.suspend("Clara Voss")
    client = connect(fields=[TicketFields(actors=(str(key),), **row) for key, (row, _, _) in enumerate(LACKS)])
    for key, (_, refused, left) in enumerate(LACKS):
        opened = client.open_ticket(finding(actor_key=str(key)))
        assert (opened.outcome, opened.refused) == ("opened", refused)
        assert fields(sandbox, key) == BARE | left
        assert client.open_ticket(finding(actor_key=str(key))).outcome == "already_on_ticket"
    assert written(sandbox)["issueCreate"] == len(LACKS), "what can't be had is not asked for"
    problems = client.linear.check().problems
    for row, (_, refused, _) in enumerate(LACKS, start=1):
        start = f"[[ticket_fields]] {row}: "
        assert " ".join(each.removeprefix(start) for each in problems if each.startswith(start)) == refused


def test_two_of_one_name_are_distinguished_by_team_or_address(sandbox: Sandbox, connect: Connect) -> None:
    store = sandbox.linear.store
    (anne,) = (user for user in store.all("User") if user["displayName"] == "anne")
    (project,) = (each for each in store.all("Project") if each["name"] == "Zero trust")
    with store.transaction():
        store.add("User", anne | {"id": None, "displayName": "anne2", "email": "anne2@sandbox.invalid"})
        store.add("Project", project | {"id": None})
    row = TicketFields(project="Zero trust", assignee="Anne Archer")
    assert connect(fields=(row,)).open_ticket(FIRST).refused == (
        "Linear has several projects 'Zero trust' of the team 'SEC': rename all but one; until then tickets open "
        "without it. Several members of the team 'SEC' are called 'Anne Archer' in Linear: name the e-mail address; "
        "until then tickets open without it."
    )
    assert connect(fields=(TicketFields(assignee="anne2@sandbox.invalid"),)).open_ticket(BOB).refused is None


def test_a_retired_team_gets_no_ticket(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.linear.retire_team("ENG")
    opened = connect(fields=(NETWORK,)).open_ticket(FIRST)
    assert opened.identifier == "SEC-1"
    assert opened.refused == (
        "The team 'ENG' was retired in Linear: name another as `team` in [[ticket_fields]]; until then such tickets go "
        "to 'SEC'."
    )


def test_without_the_team_of_the_settings_nothing_is_opened(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused, match="set LINEAR_TEAM_KEY to one that it sees"):
        connect(team_key="NOPE", fields=(TicketFields(assignee="anne"),)).open_ticket(FIRST)
    assert written(sandbox) == {}


@pytest.mark.parametrize("call", ["issueLabels", "projects", "users"])
def test_what_was_not_asked_for_is_not_believed(sandbox: Sandbox, connect: Connect, call: str) -> None:
    plan(sandbox, call, "wrong_nodes")
    client = connect(fields=(NETWORK,))
    with pytest.raises(Incomplete, match="that were not asked for"):
        client.open_ticket(FIRST)
    assert client.open_ticket(FIRST).refused is None


def test_a_look_that_is_forbidden_costs_its_field_alone(sandbox: Sandbox, connect: Connect) -> None:
    plan(sandbox, "users", "forbidden")
    opened = connect(fields=(NETWORK,)).open_ticket(FIRST)
    assert opened.refused
    assert opened.refused.startswith("Linear does not allow this to the owner of LINEAR_API_KEY")
    assert (fields(sandbox)["assignee"], fields(sandbox)["project"]) == (None, "Edge hardening")


NOT_FOUND = (
    '{"errors": [{"message": "Entity not found in validateAccess: labelIds", "extensions": {"code": "INPUT_ERROR", '
    '"userPresentableMessage": "labelIds contained an entry that could not be found."}}], "data": null}'
)
"""As third parties saw it."""


@pytest.mark.parametrize("status", [200, 400])
def test_what_is_gone_when_the_ticket_opens_costs_its_fields_and_is_reported(
    sandbox: Sandbox, connect: Connect, status: int
) -> None:
    sandbox.linear.behaviour.invalid_input_statuses = (status,)
    client = connect(fields=(NETWORK,))
    client.open_ticket(finding(actor="alice one", actor_key="1"))
    for number, go in enumerate(
        (
            lambda: plan(sandbox, "issueCreate", "status", status=status, body=NOT_FOUND),
            lambda: sandbox.linear.suspend("Ben Okafor"),
            lambda: sandbox.linear.retire_label("bug", "ENG"),
        ),
        start=2,
    ):
        go()
        opened = client.open_ticket(finding(actor_key=str(number)))
        assert (opened.outcome, opened.identifier) == ("opened", f"ENG-{number}")
        assert opened.refused
        assert opened.refused.startswith(
            "Linear would not open a ticket in the team 'ENG' with its labels and project and assignee, so it has none "
            "of them: correct [[ticket_fields]] in the policy file, or what the key of LINEAR_API_KEY may do. Linear "
            "rejected the request: "
        )
        assert fields(sandbox, number - 1) == BARE | {"team": "ENG", "priority": 1}
        assert client.open_ticket(finding(actor_key=str(number))).outcome == "already_on_ticket"


def test_a_team_that_the_key_may_only_read_gets_no_ticket_and_that_is_reported(
    sandbox: Sandbox, connect: Connect
) -> None:
    plan(sandbox, "issueCreate", "forbidden", times=2)
    opened = connect(fields=(NETWORK,)).open_ticket(FIRST)
    assert (opened.identifier, fields(sandbox)) == ("SEC-1", BARE | {"priority": 1})
    assert opened.refused
    assert "so it went to 'SEC'" in opened.refused


def test_a_refusal_that_is_of_no_field_is_raised(sandbox: Sandbox, connect: Connect) -> None:
    plan(sandbox, "issueCreate", "description_conflict", times=3)
    with pytest.raises(Refused, match="DocumentContent"):
        connect(fields=(NETWORK,)).open_ticket(FIRST)
    assert sandbox.linear.issues() == []


def test_what_a_ticket_lacks_is_reported_though_the_answer_to_its_opening_was_lost(
    sandbox: Sandbox, connect: Connect
) -> None:
    plan(sandbox, "issueCreate", "drop_after")
    opened = connect(fields=(TicketFields(project="Moon shot"),)).open_ticket(FIRST)
    assert opened.outcome == "opened"
    assert "no project 'Moon shot'" in (opened.refused or "")


def test_the_priority_of_the_table_rises_and_never_falls(sandbox: Sandbox, connect: Connect) -> None:
    rows = (TicketFields(severities=("urgent",), priority=3), TicketFields(priority="low"))
    client = connect(fields=rows)
    priorities = []
    for hours, severity in enumerate(("high", "urgent", "low", "high", "urgent")):
        client.open_ticket(finding(hour=HOUR + timedelta(hours=hours), severity=severity))
        priorities.append(only_issue(sandbox)["priority"])
    assert priorities == [4, 3, 3, 3, 3]
    assert written(sandbox)["issueUpdate"] == 1


def test_what_people_set_on_a_ticket_stays(sandbox: Sandbox, connect: Connect) -> None:
    connect().open_ticket(FIRST)
    sandbox.linear.complete("SEC-1")
    row = TicketFields(team="ENG", labels=("Edge",), assignee="Anne Archer", project="Zero trust", priority="low")
    assert connect(fields=(row,)).open_ticket(LATER).outcome == "reopened"
    assert fields(sandbox) == BARE


def test_a_ticket_that_was_moved_is_reopened_in_a_state_of_its_team_now(sandbox: Sandbox, connect: Connect) -> None:
    client = connect()
    client.open_ticket(FIRST)
    sandbox.linear.move_to_team("SEC-1", "ENG")
    sandbox.linear.complete("ENG-1")
    reopened = client.open_ticket(LATER)
    assert (reopened.outcome, reopened.identifier, reopened.refused) == ("reopened", "ENG-1", None)
    issue = only_issue(sandbox)
    assert (issue["team"], issue["state"], issue["priority"], len(issue["comments"])) == ("ENG", "Backlog", 1, 1)
    assert client.open_ticket(BOB).identifier == "SEC-2", "the number of a ticket that was moved is not used again"


def test_a_ticket_whose_team_shows_no_state_joins_and_that_is_reported(sandbox: Sandbox, connect: Connect) -> None:
    client = connect()
    client.open_ticket(FIRST)
    sandbox.linear.complete("SEC-1")
    plan(sandbox, "team", "forbidden")
    joined = client.open_ticket(LATER)
    assert (joined.outcome, joined.closed, only_issue(sandbox)["priority"]) == ("joined", True, 1)
    assert joined.refused
    assert joined.refused.startswith("Linear does not show the states of the team of SEC-1: reopen it by hand. ")


def test_the_ticket_of_many_gets_what_rows_of_its_highest_severity_have(sandbox: Sandbox, connect: Connect) -> None:
    rows = (
        TicketFields(actors=("*",), team="ENG"),
        TicketFields(severities=("medium",), assignee="anne", priority="high", project="Moon shot"),
    )
    opened = connect(fields=rows, label="cloudflare-audit").open_shared_ticket(overflow(30))
    assert fields(sandbox) == BARE | {"labels": ["cloudflare-audit"], "assignee": "Anne Archer", "priority": 2}
    assert "no project 'Moon shot'" in (opened.refused or "")
