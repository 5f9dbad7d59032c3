"""Paging through services whose list never ends, or that only pretend to be at its end."""

from collections.abc import Sequence
from typing import Any

import pytest

from audit_assets.cloudflare import paging
from audit_assets.cloudflare.page_parser import Page
from audit_assets.cloudflare.paging import PageRequest, RequestRejected, fetch_all_v1, fetch_all_v2
from audit_assets.cloudflare.pulls import PullBuilder, PullWindow
from audit_assets.config.errors import Incomplete
from audit_assets_tests.cloudflare.samples import ACCOUNT, AN_HOUR, HOUR, spread


def builder_of(stream: str) -> PullBuilder:
    return PullBuilder(stream, ACCOUNT, PullWindow(HOUR, HOUR + AN_HOUR))


class Service:
    """Answers every request with the same entries, and announces more."""

    def __init__(self, entries: Sequence[dict[str, Any]], *, capped_at: int = 1_000) -> None:
        self.entries = entries
        self.capped_at = capped_at
        self.requests: list[PageRequest] = []

    def reply(self, request: PageRequest) -> Page:
        """A page with a cursor that is new each time."""
        self.requests.append(request)
        return Page([*self.entries], f"cursor {len(self.requests)}", HOUR, 0, b"")

    def capped(self, request: PageRequest) -> Page:
        """v1 with fewer entries a page than requested, and none before `since`."""
        self.requests.append(request)
        size = min(self.capped_at, int(request["per_page"]))
        left = [entry for entry in self.entries if entry["when"] >= request["since"]]
        return Page(left[(int(request["page"]) - 1) * size :][:size], None, HOUR, 0, b"")


@pytest.mark.parametrize("count", [0, 3])
def test_v2_without_end_is_given_up_when_it_brings_nothing_new(count: int) -> None:
    service = Service(spread("v2", count))
    with pytest.raises(Incomplete, match="page 1002 brings nothing new, and more pages are announced"):
        fetch_all_v2(service.reply, builder_of("v2"), 1000)
    assert len(service.requests) == 1002


def test_v2_with_ever_new_entries_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 50)
    entries = spread("v2", 200)

    def reply(request: PageRequest) -> Page:
        return Page([entries.pop()], f"cursor {len(entries)}", HOUR, 0, b"")

    with pytest.raises(Incomplete, match="it does not end within 50 pages"):
        fetch_all_v2(reply, builder_of("v2"), 1000)


def test_v1_that_ignores_the_page_is_detected_at_once() -> None:
    service = Service(spread("v1", 100))
    with pytest.raises(Incomplete, match="page 2 brings nothing new"):
        fetch_all_v1(service.reply, builder_of("v1"), 100)
    assert len(service.requests) == 2


@pytest.mark.parametrize("count", [250, 950])
def test_v1_that_sends_fewer_than_requested_is_read_to_its_end(count: int) -> None:
    some = builder_of("v1")
    fetch_all_v1(Service(spread("v1", count), capped_at=100).capped, some, 1000)
    assert some.build().evidence.kept == count


def test_v1_that_goes_on_after_every_end_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 50)
    entries = iter(spread("v1", 200))
    with pytest.raises(Incomplete, match="it does not end within 50 pages"):
        fetch_all_v1(lambda _: Page([next(entries)], None, HOUR, 0, b""), builder_of("v1"), 1000)


def test_an_end_of_v1_that_can_not_be_confirmed_is_no_end() -> None:
    service = Service(spread("v1", 100))

    def reply(request: PageRequest) -> Page:
        if request["page"] == 2 or request["per_page"] == 99:
            raise RequestRejected("HTTP 400")
        return service.reply(request)

    with pytest.raises(Incomplete, match="its end could not be confirmed: HTTP 400"):
        fetch_all_v1(reply, builder_of("v1"), 100)


def test_a_rejected_first_page_is_reported_as_such() -> None:
    def reply(request: PageRequest) -> Page:
        raise RequestRejected("HTTP 400")

    with pytest.raises(RequestRejected):
        fetch_all_v1(reply, builder_of("v1"), 100)
    with pytest.raises(RequestRejected):
        fetch_all_v2(reply, builder_of("v2"), 100)


def test_v1_of_nothing_but_undated_entries_still_ends() -> None:
    some = builder_of("v1")
    fetch_all_v1(lambda _: Page([{"id": "undated"}], None, HOUR, 0, b""), some, 100)
    assert some.build().evidence.quarantined == 1
