"""Whoever makes the detector less sensitive by many unusual hours is seen, once, and natural histories are not."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.schemas import LITTLE_KNOWN, THRESHOLD_FALL, WELL_KNOWN
from audit_assets.detection.threshold_falls import THRESHOLD_FALLS, find_threshold_falls, flag_threshold_falls
from audit_assets_tests.detection.judging import flagged
from audit_assets_tests.detection.streams import at, burst, quiet, score_activity, score_events, stream

DAYS, FIRST = 125, 100
"""So many days, from one of which on somebody poisons the history."""

ATTACKED = [f"actor-{number}" for number in range(12)]


def midnights(days: Iterable[int] = range(DAYS + 1)) -> list[datetime]:
    return [at(day) for day in days]


def poison(days: Iterable[int], *, a_day: int = 4, changes: int = 300) -> list[pl.DataFrame]:
    """On each of these days some known actors, each day others, have an hour with many changes."""
    return [
        burst(ATTACKED[(a_day * day + each) % len(ATTACKED)], at(day, 9 + 2 * each), changes, "type-0")
        for day in days
        for each in range(a_day)
    ]


@pytest.fixture(scope="module")
def background() -> pl.DataFrame:
    return quiet(days=DAYS, actors=12, seed=3, a_day=16)


@pytest.fixture(scope="module")
def poisoned(background: pl.DataFrame) -> pl.DataFrame:
    """SCORES of a history with two weeks of poison."""
    return score_events(stream([background, *poison(range(FIRST, FIRST + 14))]))


def test_a_fall_is_found_once_with_who_caused_it(poisoned: pl.DataFrame) -> None:
    falls = find_threshold_falls(poisoned, midnights())
    assert falls.schema == THRESHOLD_FALLS
    [fall] = falls.to_dicts()
    assert at(FIRST + 2) <= fall["hour"] <= at(FIRST + 16)
    assert fall["familiarity"] == WELL_KNOWN
    assert fall["threshold_before"] >= 2 * fall["threshold"]
    recent = poisoned.filter(pl.col("hour").is_between(fall["hour"] - timedelta(days=14), fall["hour"], closed="left"))
    unusual = recent.filter(pl.col("p_first") <= fall["threshold_before"])
    assert fall["hours"] == unusual.height
    assert fall["hours_before"] < fall["hours"] / 2
    assert {*fall["members"]} == {*ATTACKED}
    assert fall["members"][0] == unusual.sort("p_first", "actor")["actor"][0], "the most extreme first"


def test_what_follows_a_day_does_not_decide_about_it(poisoned: pl.DataFrame) -> None:
    whole = find_threshold_falls(poisoned, midnights())
    day = whole["hour"][0]
    known = poisoned.filter(pl.col("hour") < day)
    assert_frame_equal(find_threshold_falls(known, [day]), whole)
    later = known.filter(pl.col("hour") >= known["hour"][0] + timedelta(days=1))
    assert find_threshold_falls(later, [day]).height == 1
    assert find_threshold_falls(poisoned, [day + timedelta(hours=1), day + timedelta(days=1)]).is_empty()


@pytest.mark.parametrize(("actors", "a_day", "seed"), [(12, 16, 2), (40, 20, 0), (8, 3, 2), (100, 20, 4)])
def test_a_natural_history_has_none(actors: int, a_day: int, seed: int) -> None:
    scores = score_events(quiet(days=160, actors=actors, seed=seed, a_day=a_day))
    assert find_threshold_falls(scores, midnights(range(161))).is_empty()


def test_a_loud_day_has_none(background: pl.DataFrame) -> None:
    loud = [burst(actor, at(FIRST, 9 + hour), 3_000, "type-0") for actor in ATTACKED for hour in range(10)]
    assert find_threshold_falls(score_events(stream([background, *loud])), midnights()).is_empty()


def test_a_young_threshold_moves_by_itself(background: pl.DataFrame) -> None:
    began = at(FIRST - 25)
    young = score_events(stream([background.filter(pl.col("time") >= began), *poison(range(FIRST, FIRST + 14))]))
    thresholds = young.filter(pl.col("familiarity") == WELL_KNOWN).select("hour", "p_threshold")
    before, after = (thresholds.filter(pl.col("hour") >= at(day))["p_threshold"][0] for day in (FIRST, FIRST + 14))
    assert before >= 2 * after, "it falls, as an older one would"
    assert find_threshold_falls(young, midnights()).is_empty()


def test_confirmed_hours_lower_nothing(background: pl.DataFrame) -> None:
    activity = count_changes(stream([background, *poison(range(FIRST, FIRST + 14))]))
    of_attack = (pl.col("hour") >= at(FIRST)) & (pl.col("changes") >= 300)
    scores = score_activity(activity.with_columns(confirmed=of_attack.any().over("actor", "hour")))
    assert find_threshold_falls(scores, midnights()).is_empty()


def test_the_little_known_are_watched_by_themselves(background: pl.DataFrame) -> None:
    """Each is active on three days: one seen first a month before, and two, when it is no newcomer any more."""

    def visitor(number: int, day: int, changes: int) -> list[pl.DataFrame]:
        days = [day - 28, day - 12, day]
        return [
            burst(f"visitor-{number}", at(each, 8 + number % 3), changes if each == day else 3, f"type-{number % 5}")
            for each in days
        ]

    guests = [each for day in range(30, DAYS) for each in visitor(day, day, 3)]
    intruders = [
        each for day in range(FIRST, FIRST + 14) for n in range(3) for each in visitor(900 + 9 * day + n, day, 900)
    ]
    calm = score_events(stream([background, *guests]))
    assert find_threshold_falls(calm, midnights()).is_empty()
    falls = find_threshold_falls(score_events(stream([background, *guests, *intruders])), midnights())
    assert falls["familiarity"].to_list() == [LITTLE_KNOWN]
    assert falls["members"][0].str.starts_with("visitor-").all()


def test_no_scores_have_no_falls(poisoned: pl.DataFrame) -> None:
    assert find_threshold_falls(poisoned.clear(), midnights()).equals(THRESHOLD_FALLS.to_frame())
    assert find_threshold_falls(poisoned, []).equals(THRESHOLD_FALLS.to_frame())
    assert flag_threshold_falls(THRESHOLD_FALLS.to_frame()).is_empty()


def test_it_opens_a_ticket_of_its_own_at_any_budget(background: pl.DataFrame, poisoned: pl.DataFrame) -> None:
    events = stream([background, *poison(range(FIRST, FIRST + 14))])
    [fall] = find_threshold_falls(poisoned, midnights()).to_dicts()
    for policy in (Policy(), Policy(preset="quiet", tickets_a_day=0.25)):
        rows = flagged(events, fall["hour"], policy)
        [found] = rows.filter(pl.col("kind") == THRESHOLD_FALL).to_dicts()
        assert (found["actor_key"], found["ticket_key"]) == (THRESHOLD_FALL, THRESHOLD_FALL)
        assert (found["disposition"], found["severity"]) == ("ticket", "high")
        assert (found["changes"], found["members"]) == (fall["hours"], fall["members"])
        assert (found["threshold_before"], found["threshold"]) == (fall["threshold_before"], fall["threshold"])
    plain = flagged(events, fall["hour"], Policy(preset="plain"))
    assert plain.filter(pl.col("kind") == THRESHOLD_FALL).is_empty(), "it has no threshold"
