"""How a query's window is split when its result would not fit."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from audit_assets.axiom.query_window import (
    QueryWindow,
    split_by_actors_then_time,
    split_by_time_then_prefix,
)
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, DAY, HOUR

starts = st.integers(0, 60 * 60 * 24 * 40).map(lambda seconds: AT + timedelta(seconds=seconds))
lengths = st.integers(1, 60 * 60 * 24 * 95).map(lambda seconds: timedelta(seconds=seconds))


@given(starts, lengths)
def test_parts_of_time_cover_the_whole_once_and_meet_at_full_hours(start: datetime, length: timedelta) -> None:
    parts = split_by_actors_then_time(QueryWindow(start, start + length))
    if not parts:
        assert int(start.timestamp()) // 3600 == int((start + length - timedelta(seconds=1)).timestamp()) // 3600
        return
    assert (parts[0].start, parts[-1].end) == (start, start + length)
    for earlier, later in pairwise(parts):
        assert earlier.end == later.start
        assert (later.start.minute, later.start.second) == (0, 0)
    assert all(part.start < part.end for part in parts)
    assert 2 <= len(parts) <= 4


def test_many_days_are_split_at_midnight_and_a_day_at_hours() -> None:
    midnights = [part.start for part in split_by_actors_then_time(QueryWindow(AT - 30 * DAY, AT))][1:]
    assert {time.hour for time in midnights} == {0}
    assert [part.end - part.start for part in split_by_actors_then_time(QueryWindow(AT, AT + DAY))] == [6 * HOUR] * 4


def test_actors_are_split_before_time() -> None:
    actors = tuple(f"{n:032x}" for n in range(10))
    parts = split_by_actors_then_time(QueryWindow(AT - 30 * DAY, AT, actors=actors))
    assert [len(part.actors) for part in parts] == [3, 3, 3, 1]
    assert tuple(actor for part in parts for actor in part.actors) == actors
    assert {(part.start, part.end) for part in parts} == {(AT - 30 * DAY, AT)}


def test_one_actor_is_split_by_time_down_to_an_hour() -> None:
    assert len(split_by_actors_then_time(QueryWindow(AT - 30 * DAY, AT, actors=(ANNE,)))) == 4
    assert split_by_actors_then_time(QueryWindow(AT, AT + HOUR, actors=(ANNE,))) == []
    assert len(split_by_actors_then_time(QueryWindow(AT, AT + HOUR, actors=(ANNE, BORIS)))) == 2


def test_the_ids_of_one_hour_are_split_by_prefix() -> None:
    parts = split_by_time_then_prefix(QueryWindow(AT, AT + HOUR))
    assert [part.prefix for part in parts] == list("0123456789abcdef")
    assert [part.prefix for part in split_by_time_then_prefix(parts[10])][:2] == ["a0", "a1"]
    assert split_by_time_then_prefix(QueryWindow(AT, AT + HOUR, prefix="abc")) == []
