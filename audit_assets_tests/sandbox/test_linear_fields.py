"""The fields that an issue of the sandbox's Linear can have, and their change when it moves to another team."""

from typing import Any

import pytest

from audit_assets.sandbox.linear.seeded_workspace import seeded_id
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import CREATE, OWN_ID, SECURITY, Caller

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller

ANNE, BEN, CLARA = (seeded_id("user", name) for name in ("Anne Archer", "Ben Okafor", "Clara Voss"))
RESPONSE, HARDENING, ZERO_TRUST = (
    seeded_id("project", name) for name in ("Incident response", "Edge hardening", "Zero trust")
)
AREA, EDGE, IDENTITY, IMPROVEMENT = (
    seeded_id("label", "", name) for name in ("Area", "Edge", "Identity", "Improvement")
)
AUDIT = seeded_id("label", "SEC", "cloudflare-audit")

SHOWN = "{ issues { nodes { team { key } labels { nodes { name parent { name } } } } } }"


def test_an_issue_has_a_project_an_assignee_and_labels(sandbox: Sandbox, caller: Caller) -> None:
    caller.open(projectId=RESPONSE, assigneeId=ANNE.upper(), labelIds=[EDGE, IMPROVEMENT])
    (shown,) = caller.data(SHOWN)["nodes"]
    labels = sorted(shown.pop("labels")["nodes"], key=lambda label: label["name"])
    assert labels == [{"name": "Edge", "parent": {"name": "Area"}}, {"name": "Improvement", "parent": None}]
    assert shown == {"team": {"key": "SEC"}}
    kept = sandbox.linear.issue("SEC-1")
    assert (kept["project"], kept["assignee"]) == ("Incident response", "Anne Archer")


@pytest.mark.parametrize(
    ("given", "message", "shown"),
    [
        ({"projectId": "x"}, "Argument Validation Error", "projectId must be a UUID."),
        ({"projectId": OWN_ID}, "Entity not found: Project", "Could not find referenced Project."),
        ({"projectId": HARDENING}, "Discrepancy between issue team and state, cycle or project.", "Discrepancy"),
        ({"assigneeId": "anne"}, "Argument Validation Error", "assigneeId must be a UUID."),
        ({"assigneeId": OWN_ID}, "Entity not found: User", "Could not find referenced User."),
        ({"assigneeId": BEN}, "Argument Validation Error", "assigneeId"),
        ({"assigneeId": CLARA}, "Argument Validation Error", "assigneeId"),
        ({"labelIds": [AREA]}, "Argument Validation Error", "The label 'Area'"),
        ({"labelIds": [IMPROVEMENT]}, "Argument Validation Error", "The label 'Improvement'"),
        ({"labelIds": [EDGE, IDENTITY]}, "labelIds not exclusive child labels", "The label 'Identity' is in the same"),
    ],
)
def test_fields_of_another_team_are_refused(
    sandbox: Sandbox, caller: Caller, given: dict[str, Any], message: str, shown: str
) -> None:
    sandbox.linear.suspend("Clara Voss")
    sandbox.linear.retire_label("Improvement")
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x", **given})
    assert error["message"] == message
    assert error["extensions"]["userPresentableMessage"].startswith(shown)
    assert sandbox.linear.issues() == []


def test_the_users_that_can_be_assigned_can_be_chosen(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.suspend("Clara Voss")
    sandbox.linear.behaviour.assignee_must_be_member = sandbox.linear.behaviour.assignee_must_be_active = False
    for user in (BEN, CLARA):
        caller.open(assigneeId=user)
    assert [issue["assignee"] for issue in sandbox.linear.issues()] == ["Ben Okafor", "Clara Voss"]


def test_suspended_users_are_shown_if_included(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.suspend("Clara Voss")
    query = "query ($all: Boolean) { users(includeDisabled: $all) { nodes { displayName teams { nodes { key } } } } }"
    names = [{user["displayName"] for user in caller.data(query, all=each)["nodes"]} for each in (False, True)]
    assert names == [{"audit-bot", "anne", "ben"}, {"audit-bot", "anne", "ben", "clara"}]


def test_an_issue_that_is_moved_keeps_what_its_new_team_has(sandbox: Sandbox, caller: Caller) -> None:
    caller.open(projectId=RESPONSE, assigneeId=ANNE, labelIds=[AUDIT, EDGE])
    caller.open(projectId=ZERO_TRUST)
    for identifier in ("SEC-1", "SEC-2"):
        sandbox.linear.move_to_team(identifier, "ENG")
    kept = ("identifier", "team", "state", "project", "assignee", "labels", "previousIdentifiers")
    assert [[issue[name] for name in kept] for issue in sandbox.linear.issues()] == [
        ["ENG-1", "ENG", "Backlog", None, "Anne Archer", ["Edge"], ["SEC-1"]],
        ["ENG-2", "ENG", "Backlog", "Zero trust", None, [], ["SEC-2"]],
    ]
    assert caller.open()["identifier"] == "SEC-3", "a number is not used twice"


def test_the_page_shows_team_project_and_assignee(sandbox: Sandbox, caller: Caller) -> None:
    caller.open(projectId=RESPONSE, assigneeId=ANNE)
    html = caller.http.get("/sandbox/tickets/SEC-1").text
    for what, name in (("team", "SEC"), ("project", "Incident response"), ("assignee", "Anne Archer")):
        assert f"<span>{what} <bdi>{name}</bdi></span>" in html
