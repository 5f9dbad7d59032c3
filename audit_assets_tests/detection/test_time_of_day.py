"""Other hours than the actor keeps make an hour rarer; its own hours, and those of an unknown actor, do not."""

import polars as pl
import pytest

from audit_assets.detection.activity_arrays import build_activity_arrays, count_changes
from audit_assets.detection.time_of_day import find_unusual_times
from audit_assets_tests.detection.streams import at, burst, quiet, score_events, stream


def times(events: pl.DataFrame) -> pl.DataFrame:
    arrays = build_activity_arrays(count_changes(events))
    found = find_unusual_times(arrays)
    return pl.DataFrame({"actor": arrays.actors.gather(arrays.actor), "factor": found.factor, "share": found.share})


def office(days: int = 60) -> list[pl.DataFrame]:
    """Every working day at ten."""
    return [burst("anne", at(day, 10), 3, "type-0") for day in range(days) if day % 7 < 5]


@pytest.mark.parametrize(("hour", "lowest", "highest"), [(10, 1.0, 1.0), (11, 1.0, 1.0), (3, 0.1, 0.4), (20, 0.1, 0.4)])
def test_a_time_is_as_unusual_as_it_is_seldom(hour, lowest, highest):
    last = times(stream([*office(), burst("anne", at(63, hour), 3, "type-0")])).row(-1, named=True)
    assert lowest <= last["factor"] <= highest
    assert last["share"] == (1.0 if hour in (10, 11) else 0.0)


def test_a_weekend_has_times_of_its_own():
    assert times(stream([*office(), burst("anne", at(61, 10), 3, "type-0")]))["factor"][-1] < 0.5


def test_of_a_new_actor_no_time_is_unusual():
    assert times(burst("anne", at(0, 3), 3, "type-0"))["factor"].to_list() == [1.0]


def test_the_same_burst_is_rarer_at_night():
    background = [quiet(days=63, actors=12, seed=3), *office(63)]
    by_day, by_night = (
        score_events(stream([*background, burst("anne", at(63, hour), 12, "type-0")]))
        .filter(pl.col("actor") == "anne")
        .row(-1, named=True)
        for hour in (10, 3)
    )
    assert by_night["p_volume"] < 0.5 * by_day["p_volume"]
    assert by_day["time_share"] is None
    assert by_night["time_share"] == 0
