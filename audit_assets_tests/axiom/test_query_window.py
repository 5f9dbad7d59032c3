"""How a question is cut when its answer would not fit."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from audit_assets.axiom.query_window import Piece, by_actors_then_time, by_time, by_time_then_prefix
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, DAY, HOUR

starts = st.integers(0, 60 * 60 * 24 * 40).map(lambda seconds: AT + timedelta(seconds=seconds))
lengths = st.integers(1, 60 * 60 * 24 * 95).map(lambda seconds: timedelta(seconds=seconds))


@given(starts, lengths)
def test_pieces_of_time_cover_the_whole_once_and_meet_at_full_hours(start: datetime, length: timedelta) -> None:
    pieces = by_time(Piece(start, start + length))
    if not pieces:
        assert int(start.timestamp()) // 3600 == int((start + length - timedelta(seconds=1)).timestamp()) // 3600
        return
    assert (pieces[0].start, pieces[-1].end) == (start, start + length)
    for earlier, later in pairwise(pieces):
        assert earlier.end == later.start
        assert (later.start.minute, later.start.second) == (0, 0)
    assert all(piece.start < piece.end for piece in pieces)
    assert 2 <= len(pieces) <= 4


def test_many_days_are_cut_at_midnight_and_a_day_at_hours() -> None:
    midnights = [piece.start for piece in by_time(Piece(AT - 30 * DAY, AT))][1:]
    assert {time.hour for time in midnights} == {0}
    assert [piece.end - piece.start for piece in by_time(Piece(AT, AT + DAY))] == [6 * HOUR] * 4


def test_actors_are_cut_before_time() -> None:
    actors = tuple(f"{n:032x}" for n in range(10))
    pieces = by_actors_then_time(Piece(AT - 30 * DAY, AT, actors=actors))
    assert [len(piece.actors) for piece in pieces] == [3, 3, 3, 1]
    assert tuple(actor for piece in pieces for actor in piece.actors) == actors
    assert {(piece.start, piece.end) for piece in pieces} == {(AT - 30 * DAY, AT)}


def test_one_actor_is_cut_by_time_down_to_an_hour() -> None:
    assert len(by_actors_then_time(Piece(AT - 30 * DAY, AT, actors=(ANNE,)))) == 4
    assert by_actors_then_time(Piece(AT, AT + HOUR, actors=(ANNE,))) == []
    assert len(by_actors_then_time(Piece(AT, AT + HOUR, actors=(ANNE, BORIS)))) == 2


def test_the_ids_of_one_hour_are_cut_by_prefix() -> None:
    pieces = by_time_then_prefix(Piece(AT, AT + HOUR))
    assert [piece.prefix for piece in pieces] == list("0123456789abcdef")
    assert [piece.prefix for piece in by_time_then_prefix(pieces[10])][:2] == ["a0", "a1"]
    assert by_time_then_prefix(Piece(AT, AT + HOUR, prefix="abc")) == []
