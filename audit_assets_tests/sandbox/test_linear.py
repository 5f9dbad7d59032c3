"""The sandbox's Linear over HTTP: credentials, errors and their statuses, limits, faults, and persistence."""

import re
from datetime import timedelta

import httpx
import pytest

from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.linear.linear_service import API_KEY
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import ATTACH, COMMENT, CREATE, OWN_ID, SECURITY, Caller

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
    ids=["none", "another", "oauth", "bearer"],
)
def test_only_the_key_itself_is_accepted(sandbox: Sandbox, credential: str | None, status: int, message: str) -> None:
    caller = Caller(sandbox.url, credential)
    error = caller.error("{ viewer { name } }")
    caller.http.close()
    assert caller.reply.status_code == status
    assert error["message"].startswith(message)
    assert error["extensions"]["code"] == "AUTHENTICATION_ERROR"
    assert error["extensions"]["statusCode"] == status


def test_the_environment_has_the_settings_of_this_service(sandbox: Sandbox) -> None:
    settings = sandbox.linear.environment(sandbox.url)
    assert settings == {
        "LINEAR_API_URL": f"{sandbox.url}/graphql",
        "LINEAR_API_KEY": API_KEY,
        "LINEAR_TEAM_KEY": "SEC",
    }
    headers = {"Authorization": settings["LINEAR_API_KEY"]}
    reply = httpx.post(settings["LINEAR_API_URL"], json={"query": "{ viewer { name } }"}, headers=headers)
    assert reply.json() == {"data": {"viewer": {"name": "Audit bot"}}}


# What is no answer


def test_a_field_outside_of_the_schema_is_a_validation_failure(caller: Caller) -> None:
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
    [{"priority": "2"}, {"teamId": None}, {"colour": "red"}, {"labelIds": [None]}],
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


def test_only_posts_are_accepted(caller: Caller) -> None:
    assert caller.http.get("/graphql?query={viewer{id}}").status_code == 405


def test_one_of_several_operations_is_executed_by_its_name(sandbox: Sandbox, caller: Caller) -> None:
    query = "query A { viewer { name } } query B { teams(first: 1) { nodes { key } } }"
    named = caller.http.post("/graphql", json={"query": query, "operationName": "A"})
    unnamed = caller.http.post("/graphql", json={"query": query})
    assert named.json() == {"data": {"viewer": {"name": "Audit bot"}}}
    assert unnamed.status_code == 400
    assert sandbox.shared.call_counts() == {("linear", "viewer"): 1, ("linear", "graphql"): 1}


def test_a_call_is_named_by_its_first_root_field(sandbox: Sandbox, caller: Caller) -> None:
    caller.open()
    caller.data("query Named { seen: issues { nodes { identifier } } }")
    assert sandbox.shared.call_counts() == {("linear", "issueCreate"): 1, ("linear", "issues"): 1}


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


def test_every_answer_has_its_cost_and_the_remaining_limits(sandbox: Sandbox, caller: Caller) -> None:
    caller.ask("{ issues(first: 10) { nodes { id identifier url } } }")
    headers = caller.reply.headers
    assert headers["X-Complexity"] == "14"
    assert headers["X-RateLimit-Requests-Limit"] == "2500"
    assert headers["X-RateLimit-Requests-Remaining"] == "2499"
    assert headers["X-RateLimit-Complexity-Limit"] == "3000000"
    assert headers["X-RateLimit-Complexity-Remaining"] == str(3_000_000 - 14)
    now = sandbox.shared.clock.now().timestamp() * 1000
    for name in ("Requests", "Complexity"):
        assert re.fullmatch(r"\d{13}", headers[f"X-RateLimit-{name}-Reset"])
        assert 0 <= int(headers[f"X-RateLimit-{name}-Reset"]) - now + 1000 < 4000


def test_too_many_requests_are_refused_until_the_bucket_empties(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.behaviour.requests_per_hour = 3
    for _ in range(3):
        caller.data("{ viewer { id } }")
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert caller.reply.status_code == 400
    assert error["extensions"]["code"] == "RATELIMITED"
    assert error["extensions"]["type"] == "ratelimited"
    assert caller.reply.headers["X-RateLimit-Requests-Remaining"] == "0"
    full_again = int(caller.reply.headers["X-RateLimit-Requests-Reset"]) / 1000 - sandbox.shared.clock.now().timestamp()
    assert full_again == pytest.approx(3600, abs=10)
    assert sandbox.linear.issues() == []
    sandbox.shared.clock.advance(timedelta(minutes=20))
    caller.data("{ viewer { id } }")
    caller.error("{ viewer { id } }")


def test_complexity_is_limited_by_the_hour(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.linear.behaviour.complexity_per_hour = 100
    query = "{ issues(first: 50) { nodes { id identifier url } } }"
    caller.data(query)
    error = caller.error(query)
    assert error["extensions"]["code"] == "RATELIMITED"
    assert caller.reply.headers["X-RateLimit-Complexity-Remaining"] == "34"
    assert caller.reply.headers["X-RateLimit-Requests-Remaining"] == "2498"


def test_a_query_above_the_strict_limit_is_refused(caller: Caller) -> None:
    labels = "labels(first: 20) { nodes { name %s } }"
    assert caller.ask("{ issues(first: 250) { nodes { id " + labels % "" + " } } }")["data"]
    assert caller.reply.headers["X-Complexity"] == "6026"
    error = caller.error("{ issues(first: 250) { nodes { id " + labels % ("team { id }") + " } } }")
    assert caller.reply.status_code == 400
    assert error["message"] == "Query too complex"
    assert error["extensions"]["userPresentableMessage"] == (
        "The query is too complex. Complexity: 11526. Maximum allowed complexity: 10000."
    )
