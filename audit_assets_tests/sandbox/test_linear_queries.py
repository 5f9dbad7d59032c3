"""What reading the sandbox's Linear gives: entities, filters, the size of a page, and what is hidden."""

from typing import Any

import pytest

from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import ATTACH, COMMENT, OWN_ID, SECURITY, Caller

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller


def test_a_team_is_found_by_its_key(caller: Caller) -> None:
    (team,) = caller.data(
        """{ teams(filter: { key: { eq: "SEC" } }, first: 1) { nodes { id name
        defaultIssueState { name type } states { nodes { type } } } } }"""
    )["nodes"]
    assert team["id"] == SECURITY
    assert team["name"] == "Security"
    assert team["defaultIssueState"] == {"name": "Backlog", "type": "backlog"}
    kinds = {"triage", "backlog", "unstarted", "started", "completed", "canceled", "duplicate"}
    assert {state["type"] for state in team["states"]["nodes"]} == kinds


def test_an_unknown_team_is_no_node_and_by_id_an_error(caller: Caller) -> None:
    assert caller.data('{ teams(filter: { key: { eq: "NO" } }) { nodes { id } } }') == {"nodes": []}
    assert caller.data(f'{{ team(id: "{SECURITY}") {{ key }} }}') == {"key": "SEC"}
    assert caller.error(f'{{ team(id: "{OWN_ID}") {{ key }} }}')["message"] == "Entity not found: Team"


def test_two_teams_may_have_labels_of_one_name(caller: Caller) -> None:
    query = "query ($filter: IssueLabelFilter) { issueLabels(filter: $filter) { nodes { name team { key } } } }"
    found = caller.data(query, filter={"name": {"eq": "cloudflare-audit"}})["nodes"]
    assert {label["team"]["key"] for label in found} == {"SEC", "ENG"}
    of_security = {"name": {"eqIgnoreCase": "CloudFlare-Audit"}, "team": {"id": {"eq": SECURITY}}}
    assert caller.data(query, filter=of_security)["nodes"] == [{"name": "cloudflare-audit", "team": {"key": "SEC"}}]
    assert {"name": "Improvement", "team": None} in caller.data(query, filter={"team": {"null": True}})["nodes"]


def test_comments_and_attachments_belong_to_their_issue(caller: Caller) -> None:
    caller.open()
    caller.open()
    comment = caller.data(COMMENT, input={"issueId": "SEC-1", "body": "Hello."})["comment"]
    given = {"issueId": "SEC-1", "title": "Q", "url": "https://x.example"}
    attachment = caller.data(ATTACH, input=given)["attachment"]
    query = """query ($comment: ID, $url: AttachmentFilter) { issues { nodes {
      comments(filter: { id: { eq: $comment } }) { nodes { id } }
      attachments(filter: $url) { nodes { id url } } } } }"""
    variables = {"comment": comment["id"], "url": {"url": {"eq": "https://x.example"}}}
    nothing = {"comments": {"nodes": []}, "attachments": {"nodes": []}}
    attached = {"id": attachment["id"], "url": "https://x.example"}
    assert caller.data(query, **variables)["nodes"] == [
        nothing,
        {"comments": {"nodes": [comment]}, "attachments": {"nodes": [attached]}},
    ]
    other = {"comment": OWN_ID, "url": {"or": [{"id": {"eq": OWN_ID}}, {"url": {"eq": "https://y.example"}}]}}
    assert caller.data(query, **other)["nodes"] == [nothing, nothing]


def test_archived_issues_are_hidden_unless_included(sandbox: Sandbox, caller: Caller) -> None:
    for _ in range(3):
        caller.open()
    sandbox.linear.archive("SEC-1")
    sandbox.linear.trash("SEC-2")
    assert caller.found() == ["SEC-3"]
    assert caller.found(archived=True) == ["SEC-3", "SEC-2", "SEC-1"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({}, ["audit-bot", "anne", "ben", "clara"]),
        ({"name": {"eq": "Anne Archer"}}, ["anne"]),
        ({"name": {"in": ["Anne Archer", "Ben Okafor", "Nobody"]}}, ["anne", "ben"]),
        ({"email": {"eqIgnoreCase": "ANNE@Sandbox.invalid"}}, ["anne"]),
        ({"name": {"eq": "Anne Archer"}, "displayName": {"eq": "ben"}}, []),
        ({"name": None, "displayName": {"eq": None}}, ["audit-bot", "anne", "ben", "clara"]),
        ({"or": [{"displayName": {"eq": "ben"}}, {"name": {"eq": "Anne Archer"}}]}, ["anne", "ben"]),
    ],
)
def test_filters_find_what_meets_all_their_conditions(
    caller: Caller, condition: dict[str, Any], found: list[str]
) -> None:
    users = caller.data(
        "query ($filter: UserFilter) { users(filter: $filter) { nodes { displayName } } }", filter=condition
    )
    assert {user["displayName"] for user in users["nodes"]} == set(found)


def test_issues_are_found_by_their_ids_newest_first(caller: Caller) -> None:
    ids = [caller.open()["id"] for _ in range(3)]
    assert caller.found() == ["SEC-3", "SEC-2", "SEC-1"]
    assert caller.found(filter={"id": {"in": [ids[0], ids[2], OWN_ID]}}) == ["SEC-3", "SEC-1"]


@pytest.mark.parametrize("arguments", ["first: 0", "first: 251", "first: -1"])
def test_an_invalid_page_size_is_refused(caller: Caller, arguments: str) -> None:
    error = caller.error(f"{{ teams({arguments}) {{ nodes {{ id }} }} }}")
    assert error["extensions"]["code"] == "INVALID_INPUT"


def test_a_page_has_fifty_nodes_by_default(caller: Caller) -> None:
    for _ in range(51):
        caller.open()
    assert len(caller.found()) == 50
    assert len(caller.found(first=100)) == 51
