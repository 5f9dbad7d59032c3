"""Replies as they came: whatever they hold, they can be looked at."""

from datetime import UTC, datetime
from typing import Any

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.cloudflare.log_answers import ListedEntry, LogAnswer
from audit_assets.config.errors import Refused, Unavailable
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def answer(envelope: Any, stream: str = "v2", status: int = 200) -> LogAnswer:
    return LogAnswer(stream, status, envelope, NOW)


@pytest.mark.parametrize(
    ("stream", "entry"),
    [
        ("v2", {"id": "a", "action": {"time": "2026-11-22T10:00:00.5Z"}}),
        ("v1", {"id": "a", "when": "2026-11-22T10:00:00.5Z"}),
    ],
)
def test_entries_have_their_time_as_it_was_written(stream: str, entry: dict[str, Any]) -> None:
    time = datetime(2026, 11, 22, 10, 0, 0, 500_000, UTC)
    assert answer({"result": [entry]}, stream).entries == [ListedEntry("a", time, "2026-11-22T10:00:00.5Z")]


@pytest.mark.parametrize(
    "item",
    [None, 7, "x", {}, {"id": "a"}, {"id": "a", "action": {"time": "soon"}}, {"id": 7, "action": []}, {"action": 1}],
)
def test_an_entry_without_id_or_time_is_counted_and_left_out(item: Any) -> None:
    page = answer({"result": [item], "result_info": {"count": 1}})
    assert (page.is_list, page.length, page.entries, page.count) == (True, 1, [], 1)


@pytest.mark.parametrize("envelope", [None, 7, [], {}, {"result": {}}, {"result": [], "result_info": []}])
def test_another_shape_has_no_cursor_and_no_count(envelope: Any) -> None:
    page = answer(envelope)
    assert (page.cursor, page.other_cursor, page.count, page.ids) == (None, None, None, [])


def test_both_places_of_a_cursor_are_told_apart() -> None:
    assert answer({"result": [], "result_info": {"cursor": "c"}}).cursor == "c"
    assert answer({"result": [], "result_info": {"cursors": {"after": "c"}}}).other_cursor == "c"
    assert answer({"result": [], "result_info": {"cursors": {"after": 7}, "cursor": ""}}).cursor is None


def test_a_refusal_is_an_answer_but_a_denied_token_is_an_error(sandbox: Sandbox, client: CloudflareClient) -> None:
    assert client.ask("v2", {"limit": 1}).status == 400
    assert client.ask_without_token("v2", {"limit": 1}).status == 400
    sandbox.faults.add(Fault("cloudflare", "v2", "status", times=10, options={"status": 403}))
    with pytest.raises(Refused, match="Account Settings Read"):
        client.ask("v2", {"limit": 1})
    sandbox.faults.clear()
    sandbox.faults.add(Fault("cloudflare", "v2", "status", times=10, options={"status": 503}))
    with pytest.raises(Unavailable):
        client.ask("v2", {"limit": 1})


def test_a_denial_that_passes_is_no_error(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.faults.add(Fault("cloudflare", "v2", "status", times=2, options={"status": 403}))
    assert client.ask("v2", {"since": "2026-11-22", "before": "2026-11-23"}).is_list
