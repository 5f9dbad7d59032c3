"""The faults of the sandbox's Cloudflare."""

import json
from typing import Any

import httpx
import pytest

from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets.sandbox.fault_plan import FaultPlan
from audit_assets_tests.sandbox.cloudflare_calls import (
    HOUR,
    Caller,
    caller,
    door,
    every,
    fault,
    faults,
    ids,
    service,
    text,
    v1_entry,
    v2_entry,
)

__all__ = ["caller", "door", "faults", "service"]


@pytest.fixture
def four(service: CloudflareService) -> CloudflareService:
    """Four entries in either stream."""
    service.add("v2", every(1, 4))
    service.add("v1", every(1, 4, "v1"))
    return service


def faulty_reply(caller: Caller, faults: FaultPlan, kind: str, call: str = "v2", **options: Any) -> dict[str, Any]:
    """The body of the first page, two entries long, with that fault."""
    faults.add(fault(kind, call, **options))
    reply = caller.v2(limit=2) if call == "v2" else caller.v1(per_page=2)
    assert reply.status_code == 200
    return reply.json()


def test_rows_of_the_page_before_can_be_repeated(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    faults.add(fault("duplicate_rows", at=2))
    assert ids(caller.sweep(limit=2)) == [0, 1, 1, 2, 3]
    faults.add(fault("duplicate_rows", "v1", at=2, rows=2))
    assert [ids(caller.v1(per_page=2, page=page).json()["result"]) for page in (1, 2)] == [[0, 1], [0, 1, 2, 3]]


def test_the_count_includes_duplicated_rows(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    body = faulty_reply(caller, faults, "duplicate_rows")
    assert (ids(body["result"]), body["result_info"]["count"]) == ([1, 0, 1], 3)


@pytest.mark.parametrize("at", [1, 2])
def test_an_empty_page_can_come_first(four: CloudflareService, caller: Caller, faults: FaultPlan, at: int) -> None:
    faults.add(fault("empty_page", at=at))
    assert ids(caller.sweep(limit=2)) == [0, 1, 2, 3]


def test_a_cursor_can_lead_to_the_same_page(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    first = caller.v2(limit=2).json()["result_info"]["cursor"]
    faults.add(fault("repeat_cursor"))
    second = caller.v2(limit=2, cursor=first).json()
    assert (ids(second["result"]), second["result_info"]["cursor"]) == ([2, 3], first)


def test_the_count_may_be_wrong_or_missing(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    assert faulty_reply(caller, faults, "wrong_count")["result_info"]["count"] == 3
    assert faulty_reply(caller, faults, "wrong_count", by=-2)["result_info"]["count"] == 0
    assert "result_info" not in faulty_reply(caller, faults, "no_result_info")


def test_the_cursor_can_be_in_another_place(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    info = faulty_reply(caller, faults, "cursors_after")["result_info"]
    assert "cursor" not in info
    assert ids(caller.v2(limit=2, cursor=info["cursors"]["after"]).json()["result"]) == [2, 3]


def test_an_entry_can_be_outside_of_the_window(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    body = faulty_reply(caller, faults, "outside_window")
    assert body["result"][-1]["action"]["time"] == "2026-11-22T09:00:00Z"
    assert body["result_info"]["count"] == len(body["result"]) == 3
    body = faulty_reply(caller, faults, "outside_window", "v1", seconds=-7200)
    assert body["result"][-1]["when"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize("call", ["v2", "v1"])
def test_a_200_can_have_success_false(four: CloudflareService, caller: Caller, faults: FaultPlan, call: str) -> None:
    body = faulty_reply(caller, faults, "not_success", call)
    assert (body["success"], body["errors"]) == (False, [{"message": "internal error"}])


def test_the_result_may_be_no_list(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    assert faulty_reply(caller, faults, "result_not_list")["result"] == {}
    assert faulty_reply(caller, faults, "result_not_list", result="none")["result"] == "none"
    assert faulty_reply(caller, faults, "result_null")["result"] is None


def test_a_200_can_be_an_html_page(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    faults.add(fault("html"))
    reply = caller.v2()
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    assert reply.text.startswith("<!DOCTYPE html>")


def test_json_may_be_cut_off_though_its_length_is_right(
    four: CloudflareService, caller: Caller, faults: FaultPlan
) -> None:
    faults.add(fault("cut_json"))
    reply = caller.v2()
    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_a_page_may_be_out_of_order_or_lack_entries(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    assert ids(faulty_reply(caller, faults, "disorder")["result"]) == [1, 0]
    assert ids(faulty_reply(caller, faults, "short_page", "v1")["result"]) == [0]


def test_the_servers_clock_may_be_wrong(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    faults.add(fault("date", value="Thu, 01 Jan 1970 00:00:00 GMT"))
    assert caller.v2().headers.get_list("date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]


def test_an_entry_can_arrive_between_two_pages(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    faults.add(fault("insert", at=2, entries=[v2_entry(8, HOUR), v2_entry(9, HOUR.replace(second=3))]))
    assert ids(caller.sweep(limit=2)) == [0, 1, 2, 3, 9]
    faults.add(fault("insert", entries=[v1_entry(9)], stream="v1"))
    caller.v2()
    assert 9 in ids(caller.v1().json()["result"])


def test_all_calls_can_be_blocked_at_once(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    faults.add(fault("block", seconds=42))
    assert (caller.v2().status_code, caller.v1().headers["retry-after"]) == (429, "42")


def test_connection_faults_apply_to_uploads_too(four: CloudflareService, caller: Caller, faults: FaultPlan) -> None:
    faults.add(fault("status", status=502, body="<html>", headers={"content-type": "text/html"}))
    assert caller.v2().status_code == 502
    faults.add(fault("drop_before"))
    with pytest.raises(httpx.RemoteProtocolError):
        caller.v2()
    for kind in ("reset_before", "reset_after"):
        faults.add(fault(kind))
        with pytest.raises(httpx.ReadError, match="reset"):
            caller.v2()
    faults.add(fault("torn"))
    with pytest.raises(httpx.RemoteProtocolError):
        caller.v2()
    assert caller.v2(since=text(HOUR)).status_code == 200


def test_an_unknown_fault_is_an_error(
    four: CloudflareService, caller: Caller, faults: FaultPlan, caplog: pytest.LogCaptureFixture
) -> None:
    faults.add(fault("no_such_kind"))
    assert caller.v2().status_code == 500
