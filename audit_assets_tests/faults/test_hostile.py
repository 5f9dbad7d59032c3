"""Hostile entries go through the whole hour: none is lost, none blocks it, none gets out of its quotation marks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.axiom.events import LONGEST_RAW
from audit_assets.storage.tables import ENTRIES, QUARANTINE
from audit_assets_tests.faults.hostile import Trial, trial
from audit_assets_tests.faults.hostile_entries import TIMES, Fragment, Twist, member, twists

AT_ONCE = 80


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Trial]:
    """A trial for each test: the hours that one plays, at random or by name, are no past of another."""
    with trial(tmp_path) as started:
        yield started


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # it would hide what failed
def test_every_hostile_entry_is_kept_or_quarantined_and_in_axiom(played: Trial) -> None:
    @settings(
        max_examples=4,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(st.lists(twists(), min_size=AT_ONCE, max_size=AT_ONCE))
    def play(hostile: list[Twist]) -> None:
        played.play(hostile)

    play()


def an_entry(stream: str = "v2", **of: Any) -> Twist:
    return Twist(**{"stream": stream, "laid_over": (), "time": None, "actor": 0, "minute": 30, "shape": "entry"} | of)


def test_a_time_that_is_none_is_quarantined_and_the_hour_goes_on(played: Trial) -> None:
    kept, quarantined = played.kept, played.quarantined
    streams = [stream for _ in TIMES for stream in ("v1", "v2")]
    timeless = [an_entry(stream, time=time) for time in TIMES for stream in ("v1", "v2")]
    played.play([*timeless, *map(an_entry, streams)])
    assert (played.kept - kept, played.quarantined - quarantined) == (len(streams), len(timeless))


def test_a_second_60_and_a_key_that_stands_twice_are_understood(played: Trial) -> None:
    kept, hour = played.kept, played.next_hour
    twice = an_entry(laid_over=((("actor",), Fragment('{"id":"x"}')),))
    assert str(member(twice, "m", hour).body).count('"actor":{"id":') == 2
    played.play([an_entry(time=f'"{hour:%Y-%m-%dT%H}:30:60Z"'), twice])
    assert played.kept == kept + 2


def test_entries_of_10_mb_cost_a_bounded_event_each(played: Trial) -> None:
    played.play([an_entry()])  # an actor who is known can touch something new
    kept, hour = played.kept, played.next_hour
    huge = Fragment('"' + "x" * 10_000_000 + '"')
    played.play(
        [
            an_entry(laid_over=((("resource", "request"), huge),)),
            an_entry(laid_over=((("actor", "email"), huge), (("resource", "type"), Fragment('"never_touched"')))),
            an_entry(laid_over=((("resource", "type"), huge),)),
            an_entry(time="null", laid_over=((("resource", "request"), huge),)),
        ]
    )
    assert played.kept == kept + 3
    assert played.pipeline.summary(hour)["flagged"], "it is in a ticket, too"
    store = played.pipeline.store
    assert max(store.require(ENTRIES, hour)["raw"].str.len_bytes()) > 10_000_000, "whole in the hour store"
    assert max(store.require(QUARANTINE, hour)["raw"].str.len_bytes()) > 10_000_000
    assert max(len(json.dumps(event)) for event in played.events(hour)) < 6 * LONGEST_RAW
    assert len(json.dumps(played.pipeline.summary(hour))) < 100_000
