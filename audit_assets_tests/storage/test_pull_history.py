"""What the pull history of an hour shows: how late its entries were, and whether two hours hold the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.storage.pull_history import (
    HourPull,
    KnownPull,
    added_when_settled,
    content_of,
    last_began,
    lateness,
    pulls_of,
    with_pull,
)

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)
ENDED = HOUR + timedelta(hours=1)
H = timedelta(hours=1)

ids = st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=30)


def pulled(after: timedelta) -> dict[str, dict[str, Any]]:
    return {"v2": {"started_at": (ENDED + after).isoformat()}, "v1": {"started_at": (ENDED + after + H).isoformat()}}


def held(entry_ids: list[str], stream: str = "v2") -> pl.DataFrame:
    rows = {"entry_id": entry_ids, "stream": [stream] * len(entry_ids)}
    return pl.DataFrame(rows, schema={"entry_id": pl.String, "stream": pl.String})


def listed(entry_ids: list[str]) -> pl.Series:
    return pl.Series(entry_ids, dtype=pl.String)


@given(ids, ids)
def test_a_pull_shows_what_it_added_and_what_it_lacks(before: list[str], now: list[str]) -> None:
    first = with_pull(None, pulled(H / 4), held([]), listed(before))
    second = with_pull(first, pulled(2 * H), held(before), listed(now))
    assert pulls_of(second) == [
        HourPull(ENDED + H / 4, len(before), 0),
        HourPull(ENDED + 2 * H, len(set(now) - set(before)), len(set(before) - set(now))),
    ]
    assert last_began(second) == ENDED + 2 * H


@given(ids, ids, st.randoms())
def test_the_fingerprint_is_that_of_the_entries_in_whatever_order_and_pulls_they_came(
    some: list[str], more: list[str], random: Any
) -> None:
    everything = sorted({*some, *more})
    at_once = with_pull(None, pulled(H), held([]), listed(random.sample(everything, len(everything))))
    by_two = with_pull(None, pulled(H), held(some), listed(more))
    assert at_once["entry_ids_sha256"] == by_two["entry_ids_sha256"]
    less = with_pull(None, pulled(H), held([]), listed(everything[1:]))
    assert (less["entry_ids_sha256"] == at_once["entry_ids_sha256"]) == (not everything)


def test_entries_of_a_stream_that_was_not_pulled_are_not_taken_back() -> None:
    history = with_pull({}, {"v2": pulled(H)["v2"]}, held(["a"], stream="v1"), listed([]))
    assert pulls_of(history)[-1].no_longer_listed == 0


@given(ids, ids)
def test_a_pull_confirms_what_an_hour_held_if_it_lists_that_and_nothing_else(before: list[str], now: list[str]) -> None:
    history = with_pull(None, pulled(H), held([]), listed(before)) | {"quarantined": 2}
    known = KnownPull(ENDED + H, content_of(history))
    assert known.is_confirmed_by(listed(now)) == ({*before} == {*now})
    assert known.is_confirmed_by(listed(before[::-1]))
    lacking = with_pull(history, pulled(2 * H), held(before), listed([])) | {"quarantined": 2}
    assert KnownPull(ENDED, content_of(lacking)).is_confirmed_by(listed(before)) == (not before), "it is back"
    assert not KnownPull(ENDED, None).is_confirmed_by(listed(now)), "of an hour that an earlier version stored"


def test_the_newest_pull_in_passing_is_recorded_with_the_next_pull_once() -> None:
    first = with_pull(None, pulled(H / 4), held([]), listed(["a"]))
    later = with_pull(first, pulled(72 * H), held(["a"]), listed(["a", "b"]), ENDED + 24 * H)
    assert pulls_of(later) == [*pulls_of(first), HourPull(ENDED + 24 * H, 0), HourPull(ENDED + 72 * H, 1)]
    assert pulls_of(with_pull(first, pulled(H), held(["a"]), listed([]), ENDED + H / 4)) == [
        *pulls_of(first),
        HourPull(ENDED + H, 0, 1),
    ], "it was recorded itself"
    assert len(pulls_of(with_pull(None, pulled(H), held([]), listed([]), ENDED + H / 4))) == 1, "a file that was lost"


def test_a_history_without_pulls_has_none() -> None:
    assert pulls_of(pulled(H)) == []
    assert last_began({}) is None


def test_lateness_follows_from_the_pull_that_brought_an_entry() -> None:
    late = [(15, 10), (64, 5), (59, 1), (6 * 60, 4), (30 * 60, 3), (90 * 60, 2)]
    pulls = [HourPull(ENDED + timedelta(minutes=minutes), added) for minutes, added in late]
    zero = timedelta(0)
    assert lateness(HOUR, pulls) == {zero: 11, H: 5, 6 * H: 4, 24 * H: 3, 72 * H: 2}
    assert lateness(HOUR, [HourPull(ENDED + 90 * H, 7)]) == {zero: 7}, "nothing was there to miss them"


@pytest.mark.parametrize(("before", "after", "count"), [(23, 24, 0), (24, 25, 7), (30, 72, 7), (0.25, 72, 0)])
def test_what_came_after_a_settled_pull_is_counted(before: float, after: float, count: int) -> None:
    assert added_when_settled(HOUR, [HourPull(ENDED + before * H, 3), HourPull(ENDED + after * H, 7)]) == count
