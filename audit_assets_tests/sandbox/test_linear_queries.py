"""What reading the sandbox's Linear gives: entities, filters, pages, and what is hidden."""

from datetime import timedelta
from typing import Any

import pytest

from audit_assets.sandbox.linear.seeded_workspace import seeded_id
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import ATTACH, COMMENT, ISSUES, OWN_ID, SECURITY, Caller

AUDIT = seeded_id("label", "SEC", "cloudflare-audit")

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller


def names(connection: dict[str, Any]) -> set[str]:
    return {node["name"] for node in connection["nodes"]}


def test_a_team_is_found_by_its_key(caller: Caller) -> None:
    (team,) = caller.data(
        """{ teams(filter: { key: { eq: "SEC" } }, first: 1) { nodes { id name triageEnabled
        defaultIssueState { name type } triageIssueState { name } states { nodes { type } }
        labels { nodes { name team { key } } } } } }"""
    )["nodes"]
    assert team["id"] == SECURITY
    assert team["name"] == "Security"
    assert team["triageEnabled"] is True
    assert team["defaultIssueState"] == {"name": "Backlog", "type": "backlog"}
    assert team["triageIssueState"] == {"name": "Triage"}
    kinds = {"triage", "backlog", "unstarted", "started", "completed", "canceled", "duplicate"}
    assert {state["type"] for state in team["states"]["nodes"]} == kinds
    assert names(team["labels"]) == {"cloudflare-audit", "confirmed-incident", "false-positive"}


def test_an_unknown_team_is_no_node_and_by_id_an_error(caller: Caller) -> None:
    assert caller.data('{ teams(filter: { key: { eq: "NO" } }) { nodes { id } } }') == {"nodes": []}
    assert caller.data(f'{{ team(id: "{SECURITY}") {{ key }} }}') == {"key": "SEC"}
    assert caller.error(f'{{ team(id: "{OWN_ID}") {{ key }} }}')["message"] == "Entity not found: Team"


def test_two_teams_may_have_labels_of_one_name(caller: Caller) -> None:
    query = "query ($filter: IssueLabelFilter) { issueLabels(filter: $filter) { nodes { name team { key } } } }"
    found = caller.data(query, filter={"name": {"eq": "cloudflare-audit"}})["nodes"]
    assert {label["team"]["key"] for label in found} == {"SEC", "ENG"}
    of_security = {"name": {"eqIgnoreCase": "CloudFlare-Audit"}, "team": {"key": {"eq": "SEC"}}}
    assert caller.data(query, filter=of_security)["nodes"] == [{"name": "cloudflare-audit", "team": {"key": "SEC"}}]
    assert {"name": "Improvement", "team": None} in caller.data(query, filter={"team": {"null": True}})["nodes"]


def test_states_are_found_by_type(caller: Caller) -> None:
    query = "query ($filter: WorkflowStateFilter) { workflowStates(filter: $filter) { nodes { name } } }"
    started = {"type": {"eq": "started"}, "team": {"id": {"eq": SECURITY}}}
    assert names(caller.data(query, filter=started)) == {"In Progress", "In Review"}


def test_an_issue_is_found_by_id_and_by_identifier(caller: Caller) -> None:
    caller.open(id=OWN_ID)
    for reference in (OWN_ID, OWN_ID.upper(), "SEC-1", "sec-1"):
        query = "query ($id: String!) { issue(id: $id) { identifier creator { name } team { key } trashed } }"
        expected = {"identifier": "SEC-1", "creator": {"name": "Audit bot"}, "team": {"key": "SEC"}, "trashed": None}
        assert caller.data(query, id=reference) == expected


@pytest.mark.parametrize("reference", ["SEC-2", "3f2b9c1e-5a77-4d20-9b41-0c6de0a1f002", "", "' OR 1=1 --"])
def test_an_unknown_issue_is_an_error(caller: Caller, reference: str) -> None:
    caller.open()
    error = caller.error("query ($id: String!) { issue(id: $id) { id } }", id=reference)
    assert error["message"] == "Entity not found: Issue"
    assert error["path"] == ["issue"]
    assert error["extensions"]["userPresentableMessage"] == "Could not find referenced Issue."


def test_comments_and_attachments_belong_to_their_issue(caller: Caller) -> None:
    caller.open()
    comment = caller.data(COMMENT, input={"issueId": "SEC-1", "body": "Hello."})["comment"]
    attachment = caller.data(ATTACH, input={"issueId": "SEC-1", "title": "Q", "url": "https://x.example"})["attachment"]
    query = """{ issue(id: "SEC-1") { comments { nodes { id body parent { id } } }
      attachments(filter: { url: { eq: "https://x.example" } }) { nodes { id title } }
      none: attachments(filter: { url: { eq: "https://y.example" } }) { nodes { id } } } }"""
    assert caller.data(query) == {
        "comments": {"nodes": [{"id": comment["id"], "body": "Hello.", "parent": None}]},
        "attachments": {"nodes": [{"id": attachment["id"], "title": "Q"}]},
        "none": {"nodes": []},
    }
    assert caller.data(f'{{ comment(id: "{comment["id"]}") {{ body }} }}') == {"body": "Hello."}
    assert caller.data(f'{{ attachment(id: "{attachment["id"]}") {{ title creator {{ name }} }} }}')["title"] == "Q"
    assert caller.error("{ comment { body } }")["message"] == "Entity not found: Comment"


def test_archived_issues_are_hidden_unless_included(sandbox: Sandbox, caller: Caller) -> None:
    for _ in range(3):
        caller.open()
    caller.data(ATTACH, input={"issueId": "SEC-1", "title": "Q", "url": "https://x.example"})
    sandbox.linear.archive("SEC-1")
    sandbox.linear.trash("SEC-2")
    assert caller.found() == ["SEC-3"]
    assert caller.found(archived=True) == ["SEC-3", "SEC-2", "SEC-1"]
    by_url = """query ($all: Boolean) {
      attachmentsForURL(url: "https://x.example", includeArchived: $all) { nodes { title } } }"""
    assert caller.data(by_url)["nodes"] == []
    assert caller.data(by_url, all=True)["nodes"] == [{"title": "Q"}]
    by_id = "query ($id: String!) { issue(id: $id) { identifier } }"
    assert [caller.data(by_id, id=f"SEC-{number}")["identifier"] for number in (1, 2)] == ["SEC-1", "SEC-2"]
    sandbox.linear.behaviour.unreadable_by_id = frozenset({"trashed"})
    assert caller.data(by_id, id="SEC-1") == {"identifier": "SEC-1"}
    assert caller.error(by_id, id="SEC-2")["message"] == "Entity not found: Issue"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({}, ["SEC-3", "SEC-2", "SEC-1"]),
        ({"id": {"in": [OWN_ID]}}, ["SEC-1"]),
        ({"id": {"nin": [OWN_ID]}}, ["SEC-3", "SEC-2"]),
        ({"id": {"eq": OWN_ID}, "title": {"eq": "Beta"}}, []),
        ({"id": None, "title": {"eq": None}}, ["SEC-3", "SEC-2", "SEC-1"]),
        ({"title": {"containsIgnoreCase": "ALP"}}, ["SEC-1"]),
        ({"title": {"startsWith": "B"}}, ["SEC-2"]),
        ({"title": {"notEndsWith": "a"}}, []),
        ({"description": {"null": True}}, ["SEC-3", "SEC-2"]),
        ({"description": {"contains": "marker"}}, ["SEC-1"]),
        ({"description": {"notContains": "marker"}}, ["SEC-3", "SEC-2"]),
        ({"priority": {"lte": 2, "gt": 0}}, ["SEC-1"]),
        ({"team": {"key": {"eq": "SEC"}}}, ["SEC-3", "SEC-2", "SEC-1"]),
        ({"team": {"key": {"eq": "ENG"}}}, []),
        ({"state": {"type": {"in": ["completed", "canceled", "duplicate"]}}}, ["SEC-2"]),
        ({"labels": {"some": {"name": {"eq": "cloudflare-audit"}}}}, ["SEC-1"]),
        ({"labels": {"every": {"name": {"eq": "x"}}}}, ["SEC-3", "SEC-2"]),
        ({"attachments": {"some": {"url": {"eq": "https://x.example"}}}}, ["SEC-3"]),
        ({"or": [{"title": {"eq": "Alpha"}}, {"title": {"eq": "Beta"}}]}, ["SEC-2", "SEC-1"]),
        ({"and": [{"title": {"endsWith": "a"}}, {"priority": {"eq": 1}}]}, ["SEC-1"]),
    ],
)
def test_filters_find_what_meets_all_their_conditions(
    sandbox: Sandbox, caller: Caller, condition: dict[str, Any], found: list[str]
) -> None:
    caller.open("Alpha", id=OWN_ID, description="a marker", priority=1, labelIds=[AUDIT])
    caller.open("Beta")
    caller.open("Gamma")
    sandbox.linear.complete("SEC-2")
    caller.data(ATTACH, input={"issueId": "SEC-3", "title": "Q", "url": "https://x.example"})
    assert caller.found(filter=condition) == found


def test_a_state_s_type_is_a_string(caller: Caller) -> None:
    error = caller.error("{ issues(filter: { state: { type: { eq: completed } } }) { nodes { id } } }")
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_pages_follow_each_other_newest_first(sandbox: Sandbox, caller: Caller) -> None:
    for _ in range(5):
        caller.open()
    seen, after = [], None
    while True:
        page = caller.data(ISSUES, first=2, after=after)
        seen.append([node["identifier"] for node in page["nodes"]])
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasPreviousPage"] == (len(seen) > 1)
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [["SEC-5", "SEC-4"], ["SEC-3", "SEC-2"], ["SEC-1"]]
    backwards = '{ issues(last: 2, before: "%s") { edges { cursor node { identifier } } } }'
    edges = caller.data(backwards % after)["edges"]
    assert [edge["node"]["identifier"] for edge in edges] == ["SEC-3", "SEC-2"]


def test_pages_can_follow_the_last_update(sandbox: Sandbox, caller: Caller) -> None:
    for _ in range(3):
        caller.open()
    sandbox.shared.clock.advance(timedelta(minutes=1))
    sandbox.linear.edit_description("SEC-1", "x")
    found = caller.data("{ issues(orderBy: updatedAt) { nodes { identifier } } }")["nodes"]
    assert [node["identifier"] for node in found] == ["SEC-1", "SEC-3", "SEC-2"]


@pytest.mark.parametrize("arguments", ["first: 0", "first: 251", "last: -1", 'after: "nowhere"'])
def test_an_invalid_page_size_is_refused(caller: Caller, arguments: str) -> None:
    error = caller.error(f"{{ teams({arguments}) {{ nodes {{ id }} }} }}")
    assert error["extensions"]["code"] == "INVALID_INPUT"


def test_a_page_has_fifty_nodes_by_default(caller: Caller) -> None:
    for _ in range(51):
        caller.open()
    assert len(caller.found()) == 50
    assert len(caller.found(first=100)) == 51
