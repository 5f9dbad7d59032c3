"""The list of v2: windows, order, cursors, and what shows when."""

import json
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.exports.timed_entries import TimedEntry
from audit_assets.sandbox.cloudflare.audit_log import AuditLog
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets_tests.sandbox.cloudflare_calls import (
    END,
    HOUR,
    Caller,
    Door,
    caller,
    door,
    every,
    faults,
    ids,
    service,
    text,
    v2_entry,
)

__all__ = ["caller", "door", "faults", "service"]

SECOND = timedelta(seconds=1)


def errors(reply: httpx.Response) -> tuple[int, list[str]]:
    body = reply.json()
    assert body["success"] is False
    return reply.status_code, [error["message"] for error in body["errors"]]


def test_an_empty_window_is_an_empty_list(caller: Caller) -> None:
    body = caller.v2().json()
    assert (body["success"], body["errors"], body["result"]) == (True, [], [])
    assert body["result_info"]["count"] == 0
    assert not body["result_info"].get("cursor")


def test_the_newest_come_first_by_default(service: CloudflareService, caller: Caller) -> None:
    service.add("v2", every(1, 3))
    assert ids(caller.v2(direction=None).json()["result"]) == [2, 1, 0]
    assert ids(caller.v2(direction="desc").json()["result"]) == [2, 1, 0]
    assert ids(caller.v2(direction="asc").json()["result"]) == [0, 1, 2]


def test_a_page_has_a_hundred_entries_by_default(service: CloudflareService, caller: Caller) -> None:
    service.add("v2", every(1, 1001))
    assert caller.v2().json()["result_info"]["count"] == 100
    assert caller.v2(limit=1000).json()["result_info"]["count"] == 1000


def test_numbers_of_pages_have_no_effect(service: CloudflareService, caller: Caller) -> None:
    service.add("v2", every(1, 5))
    assert caller.v2(page=3, per_page=2).json()["result"] == caller.v2().json()["result"]


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_cursor_separates_entries_of_the_same_time(
    service: CloudflareService, caller: Caller, direction: str
) -> None:
    service.add("v2", every(0, 10))
    found = ids(caller.sweep(limit=3, direction=direction))
    assert found == sorted(range(10), reverse=direction == "desc")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offsets=st.lists(st.integers(0, 20), max_size=40),
    limit=st.integers(1, 15),
    direction=st.sampled_from(["asc", "desc"]),
    exact=st.booleans(),
)
def test_a_sweep_finds_every_entry_once(
    service: CloudflareService, caller: Caller, offsets: list[int], limit: int, direction: str, exact: bool
) -> None:
    service.logs["v2"] = AuditLog("v2")
    service.behaviour.cursor_after_exact_page = exact
    service.add("v2", [v2_entry(number, HOUR + offset * SECOND) for number, offset in enumerate(offsets)])
    found = ids(caller.sweep(limit=limit, direction=direction))
    expected = sorted(range(len(offsets)), key=lambda number: (offsets[number], number))
    assert found == (expected if direction == "asc" else expected[::-1])


@pytest.mark.parametrize("inclusive", [True, False])
def test_either_end_of_a_window_may_be_in_it_or_not(
    service: CloudflareService, caller: Caller, inclusive: bool
) -> None:
    service.behaviour.since_inclusive = service.behaviour.before_inclusive = inclusive
    service.add("v2", [v2_entry(1, HOUR), v2_entry(2, HOUR + SECOND), v2_entry(3, END)])
    assert ids(caller.v2().json()["result"]) == ([1, 2, 3] if inclusive else [2])


def test_bounds_are_exact_to_the_nanosecond(service: CloudflareService, caller: Caller) -> None:
    times = [f"2026-11-22T10:00:00.{decimals}Z" for decimals in ("1", "12", "123456788", "123456789")]
    service.add("v2", [{"id": str(n), "action": {"time": moment}} for n, moment in enumerate(times)])
    found = caller.v2(since="2026-11-22T11:00:00.12+01:00", before="2026-11-22T10:00:00.123456789Z").json()["result"]
    assert [entry["id"] for entry in found] == ["1", "2"]


@pytest.mark.parametrize(("end_of_day", "found"), [(False, []), (True, [1])])
def test_a_bare_date_is_midnight_and_as_an_end_perhaps_the_next(
    service: CloudflareService, caller: Caller, end_of_day: bool, found: list[int]
) -> None:
    service.behaviour.before_day_inclusive = end_of_day
    service.add("v2", [v2_entry(1)])
    assert ids(caller.v2(since="2026-11-22", before="2026-11-22").json()["result"]) == found
    assert ids(caller.v2(since="2026-11-22", before="2026-11-23").json()["result"]) == [1]


@pytest.mark.parametrize(
    "asked",
    [
        {"since": None},
        {"before": None},
        {"since": "yesterday"},
        {"since": "2026-13-01"},
        {"before": "2026-11-22T11:00:00"},
        {"limit": 1001},
        {"limit": 0},
        {"limit": "many"},
        {"direction": "up"},
        {"cursor": "not-a-cursor"},
        {"actor_email": "a@example.com"},
    ],
)
def test_invalid_parameters_are_400_with_a_message_and_no_code(caller: Caller, asked: dict[str, Any]) -> None:
    reply = caller.v2(**asked)
    status, messages = errors(reply)
    assert (status, len(messages)) == (400, 1)
    assert "code" not in reply.json()["errors"][0]


@pytest.mark.parametrize(
    "changed", [{"before": text(END + SECOND)}, {"since": text(HOUR - SECOND)}, {"direction": "desc"}, {"limit": 3}]
)
def test_a_cursor_is_valid_only_with_its_own_query(
    service: CloudflareService, caller: Caller, changed: dict[str, Any]
) -> None:
    service.add("v2", every(1, 5))
    cursor = caller.v2(limit=2).json()["result_info"]["cursor"]
    assert ids(caller.v2(limit=2, cursor=cursor).json()["result"]) == [2, 3]
    status, (message,) = errors(caller.v2(**{"limit": 2, "cursor": cursor, **changed}))
    assert (status, "another query" in message) == (400, True)


@pytest.mark.parametrize(("end", "info"), [("absent", {}), ("null", {"cursor": None}), ("empty", {"cursor": ""})])
def test_the_last_page_has_three_forms(
    service: CloudflareService, caller: Caller, end: Literal["absent", "null", "empty"], info: dict[str, Any]
) -> None:
    service.behaviour.last_cursor = end
    assert caller.v2().json()["result_info"] == {"count": 0, **info}


def test_the_form_of_the_last_page_depends_on_the_query_only(caller: Caller) -> None:
    infos = [json.dumps(caller.v2(limit=limit).json()["result_info"]) for limit in (*range(1, 20), *range(1, 20))]
    assert infos[:19] == infos[19:]
    assert len(set(infos)) == 3


def test_a_full_last_page_may_lead_to_an_empty_one(service: CloudflareService, caller: Caller) -> None:
    service.behaviour.cursor_after_exact_page = True
    service.add("v2", every(1, 2))
    cursor = caller.v2(limit=2).json()["result_info"]["cursor"]
    last = caller.v2(limit=2, cursor=cursor).json()
    assert (last["result"], bool(last["result_info"].get("cursor"))) == ([], False)


def test_the_other_documented_shapes(service: CloudflareService, caller: Caller) -> None:
    service.add("v2", every(1, 2))
    service.behaviour.count_as, service.behaviour.cursor_place = "string", "cursors.after"
    service.behaviour.errors_on_success = "absent"
    body = caller.v2(limit=1).json()
    assert "errors" not in body
    assert body["result_info"]["count"] == "1"
    following = caller.v2(limit=1, cursor=body["result_info"]["cursors"]["after"]).json()
    assert ids(following["result"]) == [1]


def test_nothing_is_visible_before_its_time(service: CloudflareService, caller: Caller, door: Door) -> None:
    soon = door.clock.now() + timedelta(minutes=10)
    window: dict[str, Any] = {"since": text(HOUR), "before": text(soon + timedelta(days=1))}
    service.add("v2", [v2_entry(1, soon)])
    assert caller.v2(**window).json()["result"] == []
    door.clock.advance(timedelta(minutes=11))
    assert ids(caller.v2(**window).json()["result"]) == [1]


def test_a_late_entry_is_visible_when_it_arrives(service: CloudflareService, caller: Caller, door: Door) -> None:
    service.add("v2", every(1, 3))
    service.add("v2", [v2_entry(7, HOUR + 1.5 * SECOND)], visible_at=door.clock.now() + timedelta(minutes=5))
    assert ids(caller.sweep(limit=2)) == [0, 1, 2]
    door.clock.advance(timedelta(minutes=6))
    assert ids(caller.sweep(limit=2)) == [0, 1, 7, 2]


def test_an_entry_that_arrives_behind_the_cursor_is_missed_by_that_sweep(
    service: CloudflareService, caller: Caller
) -> None:
    service.add("v2", every(1, 4))
    cursor = caller.v2(limit=2).json()["result_info"]["cursor"]
    service.add("v2", [v2_entry(8, HOUR), v2_entry(9, HOUR + 2 * SECOND)])
    assert ids(caller.v2(limit=5, cursor=None).json()["result"]) == [0, 8, 1, 2, 9]
    assert ids(caller.v2(limit=2, cursor=cursor).json()["result"]) == [2, 9]


def test_any_text_is_served_as_it_is(service: CloudflareService, caller: Caller) -> None:
    hostile = ['{"id": "\\ud800", "pad": NaN}', '"no object"', '{"note":"no id, no time"}']
    service.add("v2", [TimedEntry(HOUR, body) for body in hostile])
    service.add_text("v2", '{"a":1,"a":2}', HOUR)
    service.add(
        "v2", ['{"id":"x","action":{"time":"2026-11-22T10:00:01Z"}}', {"id": "\ud800", "action": {"time": text(HOUR)}}]
    )
    body = caller.v2().text
    assert all(each in body for each in hostile)
    assert '{"a":1,"a":2}' in body
    assert '"\\ud800"' in body


def test_an_entry_without_a_time_is_refused(service: CloudflareService) -> None:
    for entry in ({"id": "1"}, "[]", "{", {"id": "1", "action": {"time": "soon"}}):
        with pytest.raises(ValueError, match="without a time"):
            service.add("v2", [entry])


def test_a_body_is_compressed_for_clients_that_accept_gzip(service: CloudflareService, caller: Caller) -> None:
    service.add("v2", every(1, 100))
    assert caller.v2().headers["content-encoding"] == "gzip"
    plain = caller.v2(headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == caller.v2().json()
