"""Planned faults of the sandbox's Linear, and what a restart keeps."""

from pathlib import Path

import httpx
import pytest

from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.sandbox import linear_calls
from audit_assets_tests.sandbox.linear_calls import ATTACH, COMMENT, CREATE, OWN_ID, SECURITY, UPDATE, Caller

door = linear_calls.door
sandbox = linear_calls.sandbox
caller = linear_calls.caller


def plan(sandbox: Sandbox, call: str, kind: str, **options: object) -> None:
    sandbox.faults.add(Fault("linear", call, kind, options=options))


@pytest.mark.parametrize(
    ("kind", "options", "status", "extensions"),
    [
        ("lock_timeout", {}, 200, {"type": "lock timeout"}),
        ("lock_timeout", {"status": 400}, 400, {"type": "lock timeout"}),
        ("internal_error", {}, 500, {"type": "internal error", "code": "INTERNAL_SERVER_ERROR"}),
        ("forbidden", {}, 403, {"type": "forbidden", "code": "FORBIDDEN"}),
        ("description_conflict", {}, 400, {"type": "invalid input", "code": "INPUT_ERROR"}),
        ("rate_limited", {}, 400, {"type": "ratelimited", "code": "RATELIMITED"}),
    ],
)
def test_a_planned_error_executes_nothing(
    sandbox: Sandbox, caller: Caller, kind: str, options: dict[str, object], status: int, extensions: dict[str, str]
) -> None:
    plan(sandbox, "issueCreate", kind, **options)
    error = caller.error(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert caller.reply.status_code == status
    assert error["extensions"] | extensions == error["extensions"]
    assert sandbox.linear.issues() == []
    assert caller.open()["identifier"] == "SEC-1"


def test_a_planned_rate_limit_has_the_time_of_its_reset(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "*", "rate_limited", seconds=90)
    caller.error("{ viewer { id } }")
    assert caller.reply.headers["X-RateLimit-Requests-Remaining"] == "0"
    reset = int(caller.reply.headers["X-RateLimit-Requests-Reset"]) / 1000
    assert reset - sandbox.shared.clock.now().timestamp() == pytest.approx(90, abs=5)


def test_success_false_executes_nothing(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "issueCreate", "success_false")
    payload = caller.data(CREATE, input={"teamId": SECURITY, "title": "x"})
    assert (payload["success"], payload["issue"]) == (False, None)
    assert sandbox.linear.issues() == []


def test_success_false_of_a_comment_is_an_error_for_its_selected_fields(sandbox: Sandbox, caller: Caller) -> None:
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


def test_a_call_with_a_dropped_answer_was_executed(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "issueCreate", "drop_after")
    with pytest.raises(httpx.TransportError):
        caller.ask(CREATE, input={"teamId": SECURITY, "title": "x", "id": OWN_ID})
    assert sandbox.linear.issue(OWN_ID)["identifier"] == "SEC-1"


def test_wrong_nodes_are_those_that_do_not_match(sandbox: Sandbox, caller: Caller) -> None:
    issues = [caller.open(title=title) for title in ("One", "Two")]
    plan(sandbox, "issues", "wrong_nodes")
    assert caller.found(filter={"id": {"in": [issues[0]["id"]]}}) == ["SEC-2"]
    assert caller.found(filter={"id": {"in": [issues[0]["id"]]}}) == ["SEC-1"]


def test_an_unknown_fault_is_an_error(sandbox: Sandbox, caller: Caller) -> None:
    plan(sandbox, "viewer", "explode")
    assert caller.http.post("/graphql", json={"query": "{ viewer { id } }"}).status_code == 500


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    def contents(sandbox: Sandbox) -> list[dict[str, object]]:
        return sandbox.linear.issues()

    with serve_sandbox(Sandbox(tmp_path)) as first:
        caller = Caller(first.url)
        caller.open(title="Kept", id=OWN_ID)
        caller.data(COMMENT, input={"issueId": "SEC-1", "body": "Kept too"})
        caller.data(ATTACH, input={"issueId": "SEC-1", "title": "And this", "url": "https://axiom.example/q"})
        caller.data(UPDATE, id="SEC-1", input={"priority": 1})
        caller.http.close()
        before = contents(first)
    with serve_sandbox(Sandbox(tmp_path)) as second:
        caller = Caller(second.url)
        assert contents(second) == before
        assert caller.error(CREATE, input={"teamId": SECURITY, "title": "x", "id": OWN_ID})["message"].startswith(
            "conflict"
        )
        assert caller.open()["identifier"] == "SEC-2"
        assert len(caller.data("{ teams { nodes { key } } }")["nodes"]) == 2
        caller.http.close()
