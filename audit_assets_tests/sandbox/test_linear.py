"""The door of the sandbox's Linear: credentials, errors and their statuses, limits, faults, and what outlives it."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from audit_assets.sandbox.faults import Fault
from audit_assets.sandbox.linear.service import API_KEY
from audit_assets.sandbox.server import Sandbox, running
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import ATTACH, COMMENT, CREATE, OWN_ID, SECURITY, UPDATE, Caller

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller


def plan(sandbox: Sandbox, call: str, kind: str, **options: object) -> None:
    sandbox.faults.add(Fault("linear", call, kind, options=options))


# Who may ask


@pytest.mark.parametrize(
    ("credential", "status", "message"),
    [
        (None, 401, "Authentication required, not authenticated"),
        ("lin_api_another", 401, "Authentication required, not authenticated"),
        ("Bearer an-oauth-token", 401, "Authentication required, not authenticated"),
        (f"Bearer {API_KEY}", 400, "It looks like you're trying to use an API key as a Bearer token"),
    ],
)
def test_only_the_bare_key_is_let_in(sandbox: Sandbox, credential: str | None, status: int, message: str) -> None:
    caller = Caller(sandbox.url, credential)
    error = caller.error("{ viewer { name } }")
    caller.http.close()
    assert caller.reply.status_code == status
    assert error["message"].startswith(message)
    assert error["extensions"]["code"] == "AUTHENTICATION_ERROR"
    assert error["extensions"]["statusCode"] == status


def test_the_environment_leads_here(sandbox: Sandbox) -> None:
    settings = sandbox.linear.environment(sandbox.url)
    assert settings == {
        "LINEAR_API_URL": f"{sandbox.url}/graphql",
        "LINEAR_API_KEY": API_KEY,
        "LINEAR_TEAM_KEY": "SEC",
    }
    headers = {"Authorization": settings["LINEAR_API_KEY"]}
    reply = httpx.post(settings["LINEAR_API_URL"], json={"query": "{ viewer { name isMe } }"}, headers=headers)
    assert reply.json() == {"data": {"viewer": {"name": "Audit bot", "isMe": True}}}


# What is no answer


def test_what_the_schema_does_not_have_is_a_validation_failure(caller: Caller) -> None:
    for query in (
        "{ issues { nodes { colour } } }",
        "{ searchIssues { nodes { id } } }",
        "{ issues(",
        "",
        "{ viewer }",
    ):
        error = caller.error(query)
        assert caller.reply.status_code == 400
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert error["extensions"]["type"] == "graphql error"


@pytest.mark.parametrize(
    "given",
    [{"priority": "2"}, {"teamId": None}, {"colour": "red"}, {"createdAt": "tomorrow"}, {"labelIds": [None]}],
)
def test_variables_that_do_not_fit_are_a_validation_failure(
    sandbox: Sandbox, caller: Caller, given: dict[str, object]
) -> None:
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x", **given})
    assert caller.reply.status_code == 400
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert sandbox.linear.issues() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"query": 1}', b'{"query": "{a}", "variables": []}'])
def test_a_body_that_is_no_request_is_refused(sandbox: Sandbox, caller: Caller, body: bytes) -> None:
    reply = caller.http.post("/graphql", content=body)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_only_posts_are_answered(caller: Caller) -> None:
    assert caller.http.get("/graphql?query={viewer{id}}").status_code == 405


def test_one_of_several_operations_is_carried_out_by_its_name(sandbox: Sandbox, caller: Caller) -> None:
    query = "query A { viewer { name } } query B { teams(first: 1) { nodes { key } } }"
    named = caller.http.post("/graphql", json={"query": query, "operationName": "A"})
    unnamed = caller.http.post("/graphql", json={"query": query})
    assert named.json() == {"data": {"viewer": {"name": "Audit bot"}}}
    assert unnamed.status_code == 400
    assert sandbox.stage.count() == {("linear", "viewer"): 1, ("linear", "graphql"): 1}


def test_a_call_is_named_by_its_first_root_field(sandbox: Sandbox, caller: Caller) -> None:
    caller.open()
    caller.data('query Named { seen: issue(id: "SEC-1") { title } }')
    assert sandbox.stage.count() == {("linear", "issueCreate"): 1, ("linear", "issue"): 1}


# An id that is taken


@pytest.mark.parametrize(
    ("entity", "document", "given"),
    [
        ("Issue", CREATE, {"teamId": SECURITY, "title": "Another"}),
        ("Comment", COMMENT, {"issueId": "SEC-1", "body": "Another"}),
        ("Attachment", ATTACH, {"issueId": "SEC-1", "title": "Another", "url": "https://axiom.example/another"}),
    ],
)
def test_a_taken_id_is_a_conflict_with_either_status(
    sandbox: Sandbox, caller: Caller, entity: str, document: str, given: dict[str, object]
) -> None:
    caller.open()
    caller.ask(document, input={**given, "id": OWN_ID})
    if entity == "Attachment":  # of one issue and url there is but one: the clash is with another url's
        given = {**given, "url": "https://axiom.example/a-third"}
    before = sandbox.linear.issues()
    statuses = []
    for written in (OWN_ID, OWN_ID.upper()):
        error = caller.error(document, input={**given, "id": written})
        statuses.append(caller.reply.status_code)
        assert error["message"] == f"conflict on insert of {entity}"
        assert error["extensions"] == {
            "code": "INPUT_ERROR",
            "type": "invalid input",
            "userError": True,
            "statusCode": 400,
            "userPresentableMessage": f"Entity {entity} with id {OWN_ID} already exists.",
        }
    assert statuses == [200, 400]
    assert sandbox.linear.issues() == before


def test_the_status_of_a_conflict_can_be_chosen(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.behaviour.conflict_statuses = (400,)
    caller.open(id=OWN_ID)
    for _ in range(2):
        caller.error(CREATE, input={"teamId": SECURITY, "title": "x", "id": OWN_ID})
        assert caller.reply.status_code == 400


@pytest.mark.parametrize("taken", ["not-a-uuid", "3f2b9c1e-5a77-5d20-9b41-0c6de0a1f001", "", OWN_ID.replace("-", "")])
def test_an_id_must_be_v4(sandbox: Sandbox, caller: Caller, taken: str) -> None:
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x", "id": taken})
    assert error["message"] == "Argument Validation Error"
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert error["extensions"]["userPresentableMessage"] == "id must be a UUID."
    assert sandbox.linear.issues() == []


# Limits


def test_every_answer_tells_its_cost_and_what_is_left(sandbox: Sandbox, caller: Caller) -> None:
    caller.ask("{ issues(first: 10) { nodes { id title url } } }")
    headers = caller.reply.headers
    assert headers["X-Complexity"] == "14"
    assert headers["X-RateLimit-Requests-Limit"] == "2500"
    assert headers["X-RateLimit-Requests-Remaining"] == "2499"
    assert headers["X-RateLimit-Complexity-Limit"] == "3000000"
    assert headers["X-RateLimit-Complexity-Remaining"] == str(3_000_000 - 14)
    now = sandbox.stage.clock.now().timestamp() * 1000
    for name in ("Requests", "Complexity"):
        assert re.fullmatch(r"\d{13}", headers[f"X-RateLimit-{name}-Reset"])
        assert 0 <= int(headers[f"X-RateLimit-{name}-Reset"]) - now + 1000 < 4000


def test_too_many_requests_are_limited_until_the_bucket_leaks(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.behaviour.requests_per_hour = 3
    for _ in range(3):
        caller.data("{ viewer { id } }")
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert caller.reply.status_code == 400
    assert error["extensions"]["code"] == "RATELIMITED"
    assert error["extensions"]["type"] == "ratelimited"
    assert caller.reply.headers["X-RateLimit-Requests-Remaining"] == "0"
    full_again = int(caller.reply.headers["X-RateLimit-Requests-Reset"]) / 1000 - sandbox.stage.clock.now().timestamp()
    assert full_again == pytest.approx(3600, abs=10)
    assert sandbox.linear.issues() == []
    sandbox.stage.clock.advance(timedelta(minutes=20))
    caller.data("{ viewer { id } }")
    caller.error("{ viewer { id } }")


def test_complexity_is_limited_by_the_hour(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.behaviour.complexity_per_hour = 100
    query = "{ issues(first: 50) { nodes { id title url } } }"
    caller.data(query)
    error = caller.error(query)
    assert error["extensions"]["code"] == "RATELIMITED"
    assert caller.reply.headers["X-RateLimit-Complexity-Remaining"] == "34"
    assert caller.reply.headers["X-RateLimit-Requests-Remaining"] == "2498"


def test_a_query_above_the_strict_limit_is_refused(caller: Caller) -> None:
    body = "comments(first: 20) { nodes { body %s } }"
    assert caller.ask("{ issues(first: 250) { nodes { id " + body % "" + " } } }")["data"]
    assert caller.reply.headers["X-Complexity"] == "6026"
    error = caller.error("{ issues(first: 250) { nodes { id " + body % ("issue { id }") + " } } }")
    assert caller.reply.status_code == 400
    assert error["message"] == "Query too complex"
    assert error["extensions"]["userPresentableMessage"] == (
        "The query is too complex. Complexity: 11526. Maximum allowed complexity: 10000."
    )


# Misbehaviour


@pytest.mark.parametrize(
    ("kind", "options", "status", "said"),
    [
        ("lock_timeout", {}, 200, {"type": "lock timeout"}),
        ("lock_timeout", {"status": 400}, 400, {"type": "lock timeout"}),
        ("internal_error", {}, 500, {"type": "internal error", "code": "INTERNAL_SERVER_ERROR"}),
        ("forbidden", {}, 403, {"type": "forbidden", "code": "FORBIDDEN"}),
        ("description_conflict", {}, 400, {"type": "invalid input", "code": "INPUT_ERROR"}),
        ("rate_limited", {}, 400, {"type": "ratelimited", "code": "RATELIMITED"}),
    ],
)
def test_a_planned_refusal_carries_nothing_out(
    sandbox: Sandbox, caller: Caller, kind: str, options: dict[str, object], status: int, said: dict[str, str]
) -> None:
    plan(sandbox, "issueCreate", kind, **options)
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert caller.reply.status_code == status
    assert error["extensions"] | said == error["extensions"]
    assert sandbox.linear.issues() == []
    assert caller.open()["identifier"] == "SEC-1"


def test_a_planned_rate_limit_says_until_when(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "*", "rate_limited", seconds=90)
    caller.error("{ viewer { id } }")
    assert caller.reply.headers["X-RateLimit-Requests-Remaining"] == "0"
    reset = int(caller.reply.headers["X-RateLimit-Requests-Reset"]) / 1000
    assert reset - sandbox.stage.clock.now().timestamp() == pytest.approx(90, abs=5)


def test_no_success_carries_nothing_out(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "issueCreate", "success_false")
    payload = caller.data(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert (payload["success"], payload["issue"]) == (False, None)
    assert sandbox.linear.issues() == []


def test_no_success_of_a_comment_has_no_comment_to_show(sandbox: Sandbox, caller: Caller) -> None:
    caller.open()
    plan(sandbox, "commentCreate", "success_false")
    error = caller.error(COMMENT, input={"issueId": "SEC-1", "body": "x"})  # comment is not nullable
    assert error["extensions"]["type"] == "internal error"
    plan(sandbox, "commentCreate", "success_false")
    bare = 'mutation { commentCreate(input: { issueId: "SEC-1", body: "x" }) { success } }'
    assert caller.data(bare) == {"success": False}
    assert sandbox.linear.issue("SEC-1")["comments"] == []


def test_a_payload_may_lack_the_issue_that_was_created(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "issueCreate", "no_entity")
    payload = caller.data(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert (payload["success"], payload["issue"]) == (True, None)
    assert len(sandbox.linear.issues()) == 1


def test_an_answer_that_was_dropped_was_carried_out(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "issueCreate", "drop_after")
    with pytest.raises(httpx.TransportError):
        caller.ask(CREATE, input={"teamId": SECURITY, "title": "x", "id": OWN_ID})
    assert sandbox.linear.issue(OWN_ID)["identifier"] == "SEC-1"


def test_wrong_nodes_are_what_was_not_asked_for(sandbox: Sandbox, caller: Caller) -> None:
    issues = [caller.open(title=title) for title in ("One", "Two")]
    for issue in issues:
        caller.data(
            ATTACH, input={"issueId": issue["id"], "title": "x", "url": f"https://{issue['identifier']}.example"}
        )
    plan(sandbox, "issues", "wrong_nodes")
    assert caller.found(filter={"id": {"in": [issues[0]["id"]]}}) == ["SEC-2"]
    assert caller.found(filter={"id": {"in": [issues[0]["id"]]}}) == ["SEC-1"]
    plan(sandbox, "issue", "wrong_nodes")
    assert caller.data('{ issue(id: "SEC-1") { identifier } }') == {"identifier": "SEC-2"}
    plan(sandbox, "attachmentsForURL", "wrong_nodes")
    query = '{ attachmentsForURL(url: "https://SEC-1.example") { nodes { issue { identifier } } } }'
    assert caller.data(query)["nodes"] == [{"issue": {"identifier": "SEC-2"}}]


def test_a_fault_that_it_does_not_know_is_loud(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "viewer", "explode")
    assert caller.http.post("/graphql", json={"query": "{ viewer { id } }"}).status_code == 500


# What outlives the process


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    def told(sandbox: Sandbox) -> list[dict[str, object]]:
        return sandbox.linear.issues()

    with running(Sandbox(tmp_path)) as first:
        caller = Caller(first.url)
        caller.open(title="Kept", id=OWN_ID)
        caller.data(COMMENT, input={"issueId": "SEC-1", "body": "Kept too"})
        caller.data(ATTACH, input={"issueId": "SEC-1", "title": "And this", "url": "https://axiom.example/q"})
        sync = caller.data(UPDATE.replace("success", "success lastSyncId"), id="SEC-1", input={"priority": 1})[
            "lastSyncId"
        ]
        caller.http.close()
        before = told(first)
    with running(Sandbox(tmp_path)) as second:
        caller = Caller(second.url)
        assert told(second) == before
        assert caller.error(CREATE, input={"teamId": SECURITY, "title": "x", "id": OWN_ID})["message"].startswith(
            "conflict"
        )
        assert caller.open()["identifier"] == "SEC-2"
        assert caller.data(CREATE, input={"teamId": SECURITY, "title": "x"})["lastSyncId"] == sync + 2
        assert len(caller.data("{ teams { nodes { key } } }")["nodes"]) == 2
        caller.http.close()
