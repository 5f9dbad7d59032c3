"""The list of v1: pages by number, and how they end."""

from datetime import timedelta
from typing import Any

import pytest

from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets_tests.sandbox.cloudflare_calls import (
    HOUR,
    Caller,
    caller,
    door,
    every,
    faults,
    ids,
    service,
    text,
    v1_entry,
)

__all__ = ["caller", "door", "faults", "service"]


def test_an_empty_window_looks_as_it_was_seen(caller: Caller) -> None:
    assert caller.v1().text == '{"errors":[],"messages":[],"result":[],"success":true}'


def test_pages_are_numbered_and_nothing_counts_them(service: CloudflareService, caller: Caller) -> None:
    service.add("v1", every(1, 5, "v1"))
    pages = [caller.v1(per_page=2, page=page).json() for page in (1, 2, 3)]
    assert [ids(page["result"]) for page in pages] == [[0, 1], [2, 3], [4]]
    assert all("result_info" not in page for page in pages)


def test_the_newest_come_first_a_hundred_a_page(service: CloudflareService, caller: Caller) -> None:
    service.add("v1", every(1, 101, "v1"))
    assert ids(caller.v1(direction=None).json()["result"]) == list(range(100, 0, -1))


def test_a_page_past_the_end_is_refused(service: CloudflareService, caller: Caller) -> None:
    service.add("v1", every(1, 4, "v1"))
    assert caller.v1(per_page=2, page=2).status_code == 200
    assert caller.v1(per_page=2, page=3).status_code == 400
    service.behaviour.past_the_end = "empty"
    assert caller.v1(per_page=2, page=3).json()["result"] == []


def test_both_ends_may_be_open(service: CloudflareService, caller: Caller) -> None:
    service.add("v1", every(1, 3, "v1"))
    assert ids(caller.v1(since=None, before=None).json()["result"]) == [0, 1, 2]
    assert ids(caller.v1(since=None, before=text(HOUR + timedelta(seconds=1))).json()["result"]) == [0]


def test_a_page_shifts_when_an_entry_arrives_and_the_newest_come_first(
    service: CloudflareService, caller: Caller
) -> None:
    service.add("v1", every(1, 4, "v1"))
    first = ids(caller.v1(per_page=2, direction="desc").json()["result"])
    service.add("v1", [v1_entry(9, HOUR + timedelta(seconds=9))])
    assert first + ids(caller.v1(per_page=2, page=2, direction="desc").json()["result"]) == [3, 2, 2, 1]


def test_more_than_eighteen_months_back_is_code_113(service: CloudflareService, caller: Caller) -> None:
    reply = caller.v1(since="2025-05-01")
    (error,) = reply.json()["errors"]
    assert (reply.status_code, error["code"], "18 months" in error["message"]) == (400, 113, True)
    assert caller.v1(since="2025-06-01").status_code == 200
    service.behaviour.v1_kept = None
    assert caller.v1(since="2020-01-01").status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"page": 0},
        {"per_page": 1001},
        {"per_page": "x"},
        {"since": "now"},
        {"direction": "up"},
        {"action.type": "login"},
        {"export": "true"},
    ],
)
def test_invalid_parameters_are_400(caller: Caller, asked: dict[str, Any]) -> None:
    reply = caller.v1(**asked)
    assert (reply.status_code, reply.json()["success"]) == (400, False)
