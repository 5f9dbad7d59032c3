"""New resource types that come one a day add up over one and two weeks."""

import polars as pl
import pytest

from audit_assets.detection.schemas import NEW_RESOURCE_TYPE
from audit_assets_tests.detection.judging import flagged
from audit_assets_tests.detection.streams import at, burst, daily, quiet, score_events, stream

DAY = 105


@pytest.fixture(scope="module")
def background() -> list[pl.DataFrame]:
    anne = daily("anne", range(DAY), 5, "type-0", "type-1")
    return [quiet(days=125, actors=25, seed=3, a_day=25, types=20), *anne]


def slow(days: int, *, first: int = DAY) -> list[pl.DataFrame]:
    """A usual type a day that is new to this actor."""
    return [burst("anne", at(first + day, 10), 1, f"type-{day + 2}") for day in range(days)]


def of_anne(events: pl.DataFrame) -> pl.DataFrame:
    return score_events(events).filter(pl.col("actor") == "anne", pl.col("hour") >= at(DAY)).sort("hour")


def test_the_p_of_slow_types_falls_with_each_day(background):
    p = of_anne(stream([*background, *slow(7)]))["p_slow"].to_list()
    assert p[0] == 1
    assert p == sorted(p, reverse=True)
    assert p[-1] < 0.005


def test_eight_usual_types_on_as_many_days_alert_and_the_ticket_shows_the_days(background):
    scores = of_anne(stream([*background, *slow(8)]))
    alerting = scores.filter(pl.col("reasons").list.contains("new_resource_types_over_days"))
    assert not alerting.is_empty()
    first = alerting.row(0, named=True)
    rows = flagged(stream([*background, *slow(8)]), first["hour"])
    found = rows.filter(pl.col("actor_key") == "anne", pl.col("kind") == NEW_RESOURCE_TYPE).row(0, named=True)
    assert found["disposition"] == "ticket"
    assert found["new_type_days"] == first["new_type_days"] >= 3


def test_an_hour_without_new_types_is_no_such_hour(background):
    later = burst("anne", at(DAY + 8, 10), 3, "type-0")
    last = of_anne(stream([*background, *slow(8), later])).row(-1, named=True)
    assert (last["p_slow"], last["new_type_days"]) == (1, None)


def test_natural_hours_are_seldom_so_unusual(background):
    scores = score_events(stream(background)).filter(pl.col("hour") >= at(60), pl.col("p_slow") < 1)
    assert (scores["p_slow"] < 0.01).sum() <= 0.03 * len(scores)
