"""The sandbox's count of audit entries, in plain HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from audit_assets.sandbox.cloudflare.cloudflare_service import ACCOUNT_ID, CREDENTIAL, CloudflareService
from audit_assets_tests.sandbox.cloudflare_calls import HOUR, Caller, Door, caller, door, every, faults, service, text

__all__ = ["caller", "door", "faults", "service"]

QUERY = """query ($account: string!, $start: Time!, $end: Time!) {
  viewer { accounts(filter: { accountTag: $account }) {
    auditLogsGroups(limit: 10, filter: { datetime_geq: $start, datetime_leq: $end }, orderBy: [date_ASC]) {
      count dimensions { %s } } } } }"""

GROUPS = QUERY.replace("%s", "date actionType")


def ask(
    door: Door, query: str = GROUPS, *, token: str = CREDENTIAL, account: str = ACCOUNT_ID, days_back: int = 0
) -> tuple[int, Any]:
    """Status, and the groups of an hour or the first error's message."""
    start = HOUR - timedelta(days=days_back)
    variables = {"account": account, "start": text(start), "end": text(start + timedelta(hours=1))}
    body = {"query": query, "variables": variables}
    reply = httpx.post(
        f"{door.url}/client/v4/graphql", json=body, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    answer = reply.json()
    if answer["errors"]:
        return reply.status_code, answer["errors"][0]["message"]
    return reply.status_code, answer["data"]["viewer"]["accounts"][0]["auditLogsGroups"]


@pytest.mark.usefixtures("caller")
@pytest.mark.parametrize(
    ("counted", "expected"),
    [("v2", {"create": 5}), ("v1", {"rec_add": 3}), ("both", {"create": 5, "rec_add": 3})],
)
def test_entries_are_counted_by_action_type(
    service: CloudflareService, door: Door, counted: Any, expected: dict[str, int]
) -> None:
    service.add("v2", every(1, 5))
    service.add("v1", every(1, 3, "v1"))
    service.behaviour.counted = counted
    status, groups = ask(door)
    assert status == 200
    assert {group["dimensions"]["actionType"]: group["count"] for group in groups} == expected
    assert {group["dimensions"]["date"] for group in groups} == {"2026-11-22"}


@pytest.mark.usefixtures("caller")
def test_only_the_dimensions_that_are_asked_for_make_groups(service: CloudflareService, door: Door) -> None:
    service.add("v2", every(1, 5))
    assert ask(door, QUERY.replace("%s", "date")) == (200, [{"count": 5, "dimensions": {"date": "2026-11-22"}}])


@pytest.mark.usefixtures("caller")
def test_the_end_of_a_range_is_in_it(service: CloudflareService, door: Door) -> None:
    service.add("v2", every(3600, 2))
    assert ask(door)[1][0]["count"] == 2


@pytest.mark.usefixtures("caller", "service")
@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"token": "another"}, 401, "Unauthorized"),
        ({"account": "0" * 32}, 403, "not authorized for that account"),
        ({"days_back": 541}, 400, "cannot request data older than"),
        ({"query": "{ viewer { zones { x } } }"}, 400, "Cannot query field"),
        ({"query": GROUPS.replace("limit: 10,", "limit: 10001,")}, 400, "limit must be positive number"),
    ],
)
def test_what_is_refused(door: Door, asked: dict[str, Any], status: int, message: str) -> None:
    answered, words = ask(door, **asked)
    assert answered == status
    assert message in words


@pytest.mark.usefixtures("caller")
@pytest.mark.parametrize(("refusal", "status"), [("status", 403), ("errors", 200)])
def test_a_token_that_may_not_read_it(service: CloudflareService, door: Door, refusal: Any, status: int) -> None:
    service.behaviour.counts_are_readable, service.behaviour.count_refusal = False, refusal
    assert ask(door) == (status, "does not have access to the path")


def test_the_caller_of_the_lists_is_not_affected(service: CloudflareService, caller: Caller) -> None:
    service.behaviour.counts_are_readable = False
    assert caller.v2().status_code == 200
