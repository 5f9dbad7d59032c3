"""From matching entries to alerts: one for each actor and rule of an hour, and windows that reach over its border."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from audit_assets.detection.watch_alerts import WATCH_ALERTS
from audit_assets.watch.examples import BEGINS
from audit_assets_tests.watch.rules import alerts, entries, rule

HOUR = timedelta(hours=1)
ZONE: dict[str, Any] = {"action": {"type": "delete"}, "resource": {"type": "zone"}}
BOB = {"id": "b0b", "email": "bob@example.com"}


def by(actor: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ZONE, "actor": actor, **more}


def test_an_alert_is_of_an_actor_and_has_the_rule_and_the_entries() -> None:
    found = alerts(rule(), BEGINS, entries({**ZONE, "times": 25}, by(BOB, minute=5)))
    assert found.schema == WATCH_ALERTS
    by_actor = {row["actor"]: row for row in found.to_dicts()}
    assert {name: row["entries"] for name, row in by_actor.items()} == {"anne@example.com": 25, "bob@example.com": 1}
    row = by_actor["anne@example.com"]
    assert (row["hour"], row["rule"], row["severity"], row["repeated"]) == (BEGINS, "test_rule", "high", False)
    assert row["watch"]["title"] == "A zone was deleted"
    times = [each["time"] for each in row["matched"]]
    assert len(times) == 20
    assert times == sorted(times)
    assert {each["actor"] for each in row["matched"]} == {"anne@example.com"}


def test_entries_outside_of_the_hour_alert_in_theirs() -> None:
    frame = entries({**ZONE, "minute": -1}, {**ZONE, "minute": 60})
    assert alerts(rule(), BEGINS, frame).is_empty()
    assert alerts(rule(), BEGINS - HOUR, frame).height == alerts(rule(), BEGINS + HOUR, frame).height == 1


TEN = {"at_least": 10, "minutes": 10}


@pytest.mark.parametrize(
    ("every", "minute", "times", "hours"),
    [
        (1, 0, 10, [0]),
        (1, 0, 9, []),
        (1.2, 0, 10, []),
        (1, 55, 10, [1]),
        (1, 50, 10, [0]),
        (1, 51, 10, [1]),
        (1, 45, 20, [0, 1]),
        (0.5, 58, 10, [1]),
    ],
)
def test_a_window_slides_over_the_border_of_hours(every: float, minute: float, times: int, hours: list[int]) -> None:
    frame = entries({**ZONE, "times": times, "every": every, "minute": minute})
    found = [back for back in (-1, 0, 1, 2) if not alerts(rule(count=TEN), BEGINS + back * HOUR, frame).is_empty()]
    assert found == hours


def test_the_entries_before_the_hour_are_on_the_alert() -> None:
    (row,) = alerts(rule(count=TEN), BEGINS + HOUR, entries({**ZONE, "times": 10, "minute": 55, "every": 1})).to_dicts()
    assert (row["entries"], row["matched"][0]["time"]) == (10, BEGINS + timedelta(minutes=55))


@pytest.mark.parametrize(
    ("per", "story", "actors"),
    [
        ("actor", [by({"id": "a"}, times=5), by({"id": "b"}, times=5)], []),
        ("account", [by({"id": "a", "email": "a@example.com"}, times=4), by(BOB, times=6)], ["bob@example.com"]),
        ("zone", [by(BOB, times=5, zone={"id": "z"}), by({"id": "b"}, times=5, zone={"id": "y"})], []),
        ("zone", [by(BOB, times=6, zone={"id": "z"}), by({"id": "b"}, times=4, zone={"id": "z"})], ["bob@example.com"]),
        ("zone", [by(BOB, times=20)], []),
        ("person", [by({"id": "", "email": "BOB@example.com"}, times=4), by(BOB, times=6)], ["bob@example.com"]),
        ("person", [by({**BOB, "token_id": "t"}, times=4), by(BOB, times=6)], []),
    ],
)
def test_whose_entries_are_counted_together(per: str, story: list[dict[str, Any]], actors: list[str]) -> None:
    found = alerts(rule(count={**TEN, "per": per}), BEGINS, entries(*story))
    assert found["actor"].to_list() == actors
    assert found["entries"].to_list() == [10] * len(actors)


AFTER = {"at_least": 3, "minutes": 30, "match": [{"action": "fail"}]}


@pytest.mark.parametrize(
    ("story", "count"),
    [
        ([{"action": {"type": "fail"}, "times": 3}, {**ZONE, "minute": 29}], 1),
        ([{"action": {"type": "fail"}, "times": 3}, {**ZONE, "minute": 31}], 0),
        ([{"action": {"type": "fail"}, "times": 2}, {**ZONE, "minute": 9}], 0),
        ([{**ZONE}, {"action": {"type": "fail"}, "times": 3, "minute": 5}], 0),
        ([{"action": {"type": "fail"}, "times": 3, "minute": -20}, {**ZONE, "minute": 5}], 1),
        ([{"action": {"type": "fail"}, "times": 3}, by(BOB, minute=5)], 0),
    ],
)
def test_a_match_may_have_to_come_after_others(story: list[dict[str, Any]], count: int) -> None:
    assert alerts(rule(after=AFTER), BEGINS, entries(*story)).height == count


def test_the_same_entries_in_any_order_have_the_same_alerts() -> None:
    frame = entries({**ZONE, "times": 12, "every": 1}, by(BOB, times=12))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    assert alerts(rule(count=TEN), BEGINS, frame).equals(alerts(rule(count=TEN), BEGINS, shuffled))
    assert isinstance(frame, pl.DataFrame)
