"""What writing to the sandbox's Linear does, by the API and by people's hands."""

from datetime import timedelta
from typing import Any

import pytest

from audit_assets.sandbox.linear.entity_store import timestamp
from audit_assets.sandbox.linear.seeded_workspace import seeded_id
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import (
    ATTACH,
    COMMENT,
    CREATE,
    ENGINEERING,
    OWN_ID,
    SECURITY,
    UPDATE,
    Caller,
)

AUDIT = seeded_id("label", "SEC", "cloudflare-audit")
OTHER_TEAMS_LABEL = seeded_id("label", "ENG", "cloudflare-audit")

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller


def test_an_issue_reads_back_as_linear_shows_it(sandbox: Sandbox, caller: Caller) -> None:
    issue = caller.open(id=OWN_ID, description="**Why**", priority=2, labelIds=[AUDIT])
    assert isinstance(issue["priority"], float)
    assert issue == {
        "id": OWN_ID,
        "identifier": "SEC-1",
        "url": f"{sandbox.url}/sandbox/tickets/SEC-1",
        "priority": 2.0,
        "state": {"name": "Backlog"},
        "labels": {"nodes": [{"name": "cloudflare-audit"}]},
    }
    (kept,) = sandbox.linear.issues()
    shown = {name: kept[name] for name in ("title", "description", "state", "stateType", "labels", "team", "path")}
    assert shown == {
        "title": "A ticket",
        "description": "**Why**",
        "state": "Backlog",
        "stateType": "backlog",
        "labels": ["cloudflare-audit"],
        "team": "SEC",
        "path": "/sandbox/tickets/SEC-1",
    }


def test_each_team_counts_its_own_issues(caller: Caller) -> None:
    assert [caller.open()["identifier"] for _ in range(2)] == ["SEC-1", "SEC-2"]
    issue = caller.data(CREATE, input={"teamId": ENGINEERING, "title": "x"})["issue"]
    assert issue["identifier"] == "ENG-1"


def test_an_issue_without_a_state_starts_in_the_default_state_of_its_author(sandbox: Sandbox, caller: Caller) -> None:
    assert caller.open()["state"] == {"name": "Backlog"}
    sandbox.linear.behaviour.key_is_member = False
    assert caller.open()["state"] == {"name": "Triage"}
    todo = seeded_id("state", "SEC", "Todo")
    assert caller.open(stateId=todo)["state"] == {"name": "Todo"}


@pytest.mark.parametrize(
    ("given", "message", "shown"),
    [
        ({"title": None}, "Argument Validation Error", "title should not be empty."),
        ({"title": ""}, "Argument Validation Error", "title should not be empty."),
        ({"title": "x" * 256}, "Argument Validation Error", "title must be shorter than or equal to 255 characters."),
        ({"title": "\U0001f600" * 128}, "Argument Validation Error", "title must be shorter than or equal to 255"),
        ({"title": "a\0b"}, "Argument Validation Error", "The text is not valid Unicode."),
        ({"description": "half \ud800"}, "Argument Validation Error", "The text is not valid Unicode."),
        ({"priority": 5}, "Argument Validation Error", "priority must not be greater than 4"),
        ({"priority": -1}, "Argument Validation Error", "priority must not be greater than 4"),
        ({"labelIds": ["x"]}, "Argument Validation Error", "each value in labelIds must be a UUID."),
        ({"labelIds": [OWN_ID]}, "Entity not found: IssueLabel", "Could not find referenced IssueLabel."),
        ({"labelIds": [OTHER_TEAMS_LABEL]}, "LabelIds for incorrect team", "LabelIds for incorrect team"),
        ({"teamId": "SEC"}, "Argument Validation Error", "teamId must be a UUID."),
        ({"teamId": OWN_ID}, "Entity not found: Team", "Could not find referenced Team."),
        ({"stateId": OWN_ID}, "Entity not found: WorkflowState", "Could not find referenced WorkflowState."),
        ({"stateId": seeded_id("state", "ENG", "Todo")}, "Discrepancy between issue team and state", "Discrepancy"),
    ],
)
def test_an_invalid_issue_is_not_created(
    sandbox: Sandbox, caller: Caller, given: dict[str, Any], message: str, shown: str
) -> None:
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x", **given})
    assert error["message"].startswith(message)
    assert error["extensions"]["userPresentableMessage"].startswith(shown)
    assert error["extensions"]["code"] == ("INPUT_ERROR" if message.startswith("Entity") else "INVALID_INPUT")
    assert error["extensions"]["type"] == "invalid input"
    assert sandbox.linear.issues() == []


def test_bad_input_is_answered_with_either_status(caller: Caller) -> None:
    statuses = []
    for _ in range(2):
        caller.error(CREATE, input={"teamId": SECURITY, "title": "x", "priority": 9})
        statuses.append(caller.reply.status_code)
    assert statuses == [400, 200]


def test_an_unknown_id_is_answered_with_either_status(caller: Caller) -> None:
    statuses = []
    for _ in range(2):
        error = caller.error(UPDATE, id="SEC-9", input={"priority": 1})
        assert error["message"] == "Entity not found: Issue"
        assert error["extensions"]["userPresentableMessage"] == "Could not find referenced Issue."
        statuses.append(caller.reply.status_code)
    assert statuses == [200, 400]


def test_an_update_changes_what_it_names(sandbox: Sandbox, caller: Caller) -> None:
    opened = caller.open(priority=3)
    before = sandbox.linear.issue("SEC-1")
    sandbox.shared.clock.advance(timedelta(minutes=5))
    issue = caller.data(UPDATE, id=opened["id"], input={"priority": 1})["issue"]
    assert issue["priority"] == 1
    assert issue["updatedAt"] > before["updatedAt"]
    changed = {"priority": 1, "priorityLabel": "Urgent", "updatedAt": issue["updatedAt"]}
    assert sandbox.linear.issue("SEC-1") == before | changed


@pytest.mark.parametrize(
    ("state", "kind", "times"),
    [
        ("In Review", "started", {"startedAt"}),
        ("Done", "completed", {"startedAt", "completedAt"}),
        ("Canceled", "canceled", {"canceledAt"}),
        ("Duplicate", "duplicate", set()),
        ("Triage", "triage", set()),
    ],
)
def test_a_state_sets_its_times_and_another_clears_them(
    sandbox: Sandbox, caller: Caller, state: str, kind: str, times: set[str]
) -> None:
    caller.open()
    moved = caller.data(UPDATE, id="SEC-1", input={"stateId": seeded_id("state", "SEC", state)})["issue"]
    assert moved["state"] == {"type": kind}
    kept = sandbox.linear.issue("SEC-1")
    assert {name for name in ("startedAt", "completedAt", "canceledAt") if kept[name]} == times
    back = caller.data(UPDATE, id="SEC-1", input={"stateId": seeded_id("state", "SEC", "Todo")})["issue"]
    assert (back["completedAt"], back["canceledAt"]) == (None, None)


@pytest.mark.parametrize("hidden_by", ["archive", "trash"])
def test_an_archived_issue_takes_nothing_more(sandbox: Sandbox, caller: Caller, hidden_by: str) -> None:
    caller.open()
    getattr(sandbox.linear, hidden_by)("SEC-1")
    attachment = {"issueId": "SEC-1", "title": "x", "url": "https://x.example"}
    for document, given in ((COMMENT, {"issueId": "SEC-1", "body": "x"}), (ATTACH, attachment)):
        assert caller.error(document, input=given)["message"] == "Entity not found: Issue"
    sandbox.linear.behaviour.archived_issues_are_writable = True
    assert caller.data(ATTACH, input=attachment)["success"] is True


def test_people_work_on_tickets_too(sandbox: Sandbox, caller: Caller) -> None:
    for _ in range(3):
        caller.open()
    people = sandbox.linear
    people.complete("SEC-1")
    people.archive("SEC-1")
    people.cancel("SEC-2")
    people.label("SEC-2", "false-positive")
    people.label("SEC-2", "false-positive")
    people.edit_description("SEC-3", "Known: the migration.")
    people.move("SEC-3", "In Progress")
    done, canceled, edited = people.issues()
    assert done["stateType"] == "completed"
    assert done["archivedAt"]
    assert done["autoArchivedAt"] == done["archivedAt"]
    assert (canceled["stateType"], canceled["labels"]) == ("canceled", ["false-positive"])
    assert (edited["state"], edited["description"]) == ("In Progress", "Known: the migration.")
    for there_is_none in ("SEC-9", ""):
        with pytest.raises(KeyError):
            people.archive(there_is_none)
    with pytest.raises(KeyError):
        people.move("SEC-1", "Lost")
    with pytest.raises(KeyError):
        people.label("SEC-1", "lost")


def test_every_time_is_of_the_sandbox_s_clock(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.shared.clock.advance(timedelta(days=400))
    before = timestamp(sandbox.shared.clock.now())
    caller.open()
    assert before <= sandbox.linear.issue("SEC-1")["createdAt"] <= timestamp(sandbox.shared.clock.now())


RELATE = """mutation ($input: IssueRelationCreateInput!) { issueRelationCreate(input: $input) {
  success issueRelation { id } } }"""


def test_two_issues_are_related_once(sandbox: Sandbox, caller: Caller) -> None:
    old, new = caller.open("old"), caller.open("new")
    given = {"id": OWN_ID, "issueId": new["id"], "relatedIssueId": old["id"], "type": "related"}
    assert caller.data(RELATE, input=given)["issueRelation"] == {"id": OWN_ID}
    assert caller.error(RELATE, input=given)["message"] == "conflict on insert of IssueRelation"
    assert [issue["related"] for issue in sandbox.linear.issues()] == [[], ["SEC-1"]]


def test_a_key_without_write_can_create_but_not_change_or_relate(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.behaviour.key_may_write = False
    issue, other = caller.open(), caller.open()
    given = {"issueId": issue["id"], "relatedIssueId": other["id"], "type": "related"}
    errors = [caller.error(UPDATE, id="SEC-1", input={"priority": 1}), caller.error(RELATE, input=given)]
    assert {error["extensions"]["code"] for error in errors} == {"FORBIDDEN"}
    assert caller.data(COMMENT, input={"issueId": "SEC-1", "body": "still"})["success"]


@pytest.mark.parametrize("sets", ["", "canceledAt", "completedAt"])
def test_the_time_that_a_duplicate_sets_can_be_chosen(sandbox: Sandbox, caller: Caller, sets: str) -> None:
    sandbox.linear.behaviour.duplicate_sets = sets
    caller.open()
    sandbox.linear.move("SEC-1", "Duplicate")
    issue = sandbox.linear.issue("SEC-1")
    assert {name for name in ("canceledAt", "completedAt") if issue[name]} == ({sets} if sets else set())


ARCHIVE = "mutation ($id: String!) { issueArchive(id: $id) { success entity { updatedAt archivedAt } } }"


def test_archiving_an_issue_is_no_change_of_it(sandbox: Sandbox, caller: Caller) -> None:
    caller.open(id=OWN_ID)
    (before,) = sandbox.linear.issues()
    sandbox.shared.clock.advance(timedelta(minutes=5))
    archived = caller.data(ARCHIVE, id="SEC-1")
    assert archived["entity"]["updatedAt"] == before["updatedAt"]
    assert before["updatedAt"] < archived["entity"]["archivedAt"] <= timestamp(sandbox.shared.clock.now())


def test_archiving_needs_write_and_an_issue(sandbox: Sandbox, caller: Caller) -> None:
    assert caller.error(ARCHIVE, id="SEC-7")["message"] == "Entity not found: Issue"
    caller.open(id=OWN_ID)
    sandbox.linear.behaviour.key_may_write = False
    assert caller.error(ARCHIVE, id="SEC-1")["extensions"]["code"] == "FORBIDDEN"
