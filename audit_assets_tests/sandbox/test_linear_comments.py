"""Comments and attachments on the issues of the sandbox's Linear."""

from typing import Any

import pytest

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
    assert caller.data(COMMENT, input=given)["comment"] == {"id": OWN_ID}
    (comment,) = sandbox.linear.issue("SEC-1")["comments"]
    assert (comment["body"], comment["user"], comment["doNotSubscribeToIssue"]) == ("Again.", "Audit bot", True)


@pytest.mark.parametrize("given", [{"issueId": None}, {"body": None}, {"body": ""}, {"issueId": "SEC-2"}])
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
    assert again == first
    assert other["id"] != first["id"]
    subtitles = [[each["subtitle"] for each in issue["attachments"]] for issue in sandbox.linear.issues()]
    assert subtitles == [["4 changes"], ["3 changes"]]
