"""Paging against services that never come to an end, or pretend to have come to one."""

from collections.abc import Sequence
from typing import Any

import pytest

from audit_assets.cloudflare import paging as sweeps
from audit_assets.cloudflare.page_parser import Page
from audit_assets.cloudflare.paging import Answer, NotAccepted, Question, sweep_v1, sweep_v2
from audit_assets.cloudflare.pulls import Collection, Window
from audit_assets.config.errors import Incomplete
from audit_assets_tests.cloudflare.samples import ACCOUNT, AN_HOUR, HOUR, spread


def collection(stream: str) -> Collection:
    return Collection(stream, ACCOUNT, Window(HOUR, HOUR + AN_HOUR))


class Service:
    """Answers every question with the same entries, and says that there is more."""

    def __init__(self, entries: Sequence[dict[str, Any]], *, capped_at: int = 1_000) -> None:
        self.entries = entries
        self.capped_at = capped_at
        self.asked: list[Question] = []

    def answer(self, question: Question) -> Answer:
        """A page with a cursor that is new each time."""
        self.asked.append(question)
        return Answer(Page([*self.entries], f"cursor {len(self.asked)}"), HOUR, 0, b"")

    def capped(self, question: Question) -> Answer:
        """v1 with fewer entries a page than were asked for, and none before `since`."""
        self.asked.append(question)
        size = min(self.capped_at, int(question["per_page"]))
        left = [entry for entry in self.entries if entry["when"] >= question["since"]]
        return Answer(Page(left[(int(question["page"]) - 1) * size :][:size], None), HOUR, 0, b"")


@pytest.mark.parametrize("count", [0, 3])
def test_v2_without_end_is_given_up_when_it_brings_nothing_new(count: int) -> None:
    service = Service(spread("v2", count))
    with pytest.raises(Incomplete, match="page 1002 brings nothing that had not come before, and leads on"):
        sweep_v2(service.answer, collection("v2"), 1000)
    assert len(service.asked) == 1002


def test_v2_with_ever_new_entries_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "MOST_PAGES", 50)
    entries = spread("v2", 200)

    def answer(question: Question) -> Answer:
        return Answer(Page([entries.pop()], f"cursor {len(entries)}"), HOUR, 0, b"")

    with pytest.raises(Incomplete, match="it does not end within 50 pages"):
        sweep_v2(answer, collection("v2"), 1000)


def test_v1_that_ignores_the_page_is_found_out_at_once() -> None:
    service = Service(spread("v1", 100))
    with pytest.raises(Incomplete, match="page 2 brings nothing that had not come before"):
        sweep_v1(service.answer, collection("v1"), 100)
    assert len(service.asked) == 2


def test_v1_that_sends_fewer_than_asked_is_asked_on_or_given_up() -> None:
    some = collection("v1")
    sweep_v1(Service(spread("v1", 250), capped_at=100).capped, some, 1000)
    assert some.pull().evidence.kept == 250
    with pytest.raises(Incomplete, match="it went on after its end 3 times"):
        sweep_v1(Service(spread("v1", 950), capped_at=100).capped, collection("v1"), 1000)


def test_an_end_of_v1_that_is_refused_everywhere_is_none() -> None:
    service = Service(spread("v1", 100))

    def answer(question: Question) -> Answer:
        if question["page"] == 2 or question["per_page"] == 99:
            raise NotAccepted("HTTP 400")
        return service.answer(question)

    with pytest.raises(Incomplete, match="its end could not be confirmed: HTTP 400"):
        sweep_v1(answer, collection("v1"), 100)


def test_a_question_that_is_not_accepted_at_all_is_told_as_such() -> None:
    def answer(question: Question) -> Answer:
        raise NotAccepted("HTTP 400")

    with pytest.raises(NotAccepted):
        sweep_v1(answer, collection("v1"), 100)
    with pytest.raises(NotAccepted):
        sweep_v2(answer, collection("v2"), 100)


def test_v1_of_nothing_but_undated_entries_still_ends() -> None:
    some = collection("v1")
    sweep_v1(lambda _: Answer(Page([{"id": "undated"}], None), HOUR, 0, b""), some, 100)
    assert some.pull().evidence.quarantined == 1
