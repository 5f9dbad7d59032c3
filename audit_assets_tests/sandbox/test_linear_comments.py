"""Comments and attachments on the issues of the sandbox's Linear."""

from typing import Any

import pytest

from audit_assets.sandbox.linear.seeded_workspace import VIEWER
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import (
    ATTACH,
    COMMENT,
    OWN_ID,
    Caller,
)

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller


def test_a_comment_belongs_to_its_issue(sandbox: Sandbox, caller: Caller) -> None:
    issue = caller.open()
    given = {"id": OWN_ID, "issueId": issue["id"], "body": "Again.", "doNotSubscribeToIssue": True}
    assert caller.data(COMMENT, input=given)["comment"] == {
        "id": OWN_ID,
        "body": "Again.",
        "url": f"{issue['url']}#comment-{OWN_ID[:8]}",
        "issueId": issue["id"],
        "user": {"name": "Audit bot"},
        "issue": {"identifier": "SEC-1"},
    }
    (comment,) = sandbox.linear.issue("SEC-1")["comments"]
    assert (comment["doNotSubscribeToIssue"], comment["userId"], comment["editedAt"]) == (True, VIEWER, None)
    edit = (
        f'mutation {{ commentUpdate(id: "{OWN_ID}", input: {{ body: "Edited." }}) {{ comment {{ body editedAt }} }} }}'
    )
    assert caller.data(edit)["comment"]["editedAt"]
    assert sandbox.linear.issue("SEC-1")["comments"][0]["body"] == "Edited."


@pytest.mark.parametrize(
    "given", [{"issueId": None}, {"body": None}, {"body": ""}, {"issueId": "SEC-2"}, {"parentId": OWN_ID}]
)
def test_a_comment_needs_an_issue_and_a_body(sandbox: Sandbox, caller: Caller, given: dict[str, Any]) -> None:
    caller.open()
    caller.error(COMMENT, input={"issueId": "SEC-1", "body": "x", **given})
    assert sandbox.linear.issue("SEC-1")["comments"] == []


def test_an_attachment_is_one_per_issue_and_url(sandbox: Sandbox, caller: Caller) -> None:
    caller.open()
    caller.open()
    given = {"title": "10:00", "subtitle": "3 changes", "url": "https://axiom.example/q", "metadata": {"changes": 3}}
    later = {**given, "subtitle": "4 changes", "id": OWN_ID}
    first = caller.data(ATTACH, input={"issueId": "SEC-1", **given})["attachment"]
    again = caller.data(ATTACH, input={"issueId": "SEC-1", **later})["attachment"]
    other = caller.data(ATTACH, input={"issueId": "SEC-2", **given})["attachment"]
    assert again == first | {"subtitle": "4 changes"}
    assert other["id"] != first["id"]
    assert [len(issue["attachments"]) for issue in sandbox.linear.issues()] == [1, 1]


def test_an_attachment_can_have_a_comment(sandbox: Sandbox, caller: Caller) -> None:
    caller.open()
    caller.data(ATTACH, input={"issueId": "SEC-1", "title": "x", "url": "https://x.example", "commentBody": "Look."})
    assert [comment["body"] for comment in sandbox.linear.issue("SEC-1")["comments"]] == ["Look."]


def test_a_mutation_is_executed_whole_or_not_at_all(sandbox: Sandbox, caller: Caller) -> None:
    caller.open()
    caller.data(ATTACH, input={"issueId": "SEC-1", "title": "x", "url": "https://x.example/1", "id": OWN_ID})
    given = {"issueId": "SEC-1", "title": "x", "url": "https://x.example/2", "id": OWN_ID, "commentBody": "Look."}
    assert caller.error(ATTACH, input=given)["message"] == "conflict on insert of Attachment"
    assert sandbox.linear.issue("SEC-1")["comments"] == []
