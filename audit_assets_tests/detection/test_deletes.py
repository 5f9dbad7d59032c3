"""Few changes, nearly all of them deletes, by somebody who hardly deletes: a finding of its own."""

import polars as pl

from audit_assets.detection.schemas import MANY_DELETES
from audit_assets_tests.detection.judging import flagged
from audit_assets_tests.detection.streams import at, burst, daily, quiet, score_events, stream

DAY = 100


def with_action(events: pl.DataFrame, action: str = "update") -> pl.DataFrame:
    return events.with_columns(action=pl.lit(action))


def background() -> list[pl.DataFrame]:
    return [
        with_action(quiet(days=110, actors=12, seed=3, a_day=16)),
        *map(with_action, daily("anne", range(DAY), 12, "type-0", "type-1")),
    ]


def test_deletes_that_are_no_burst_are_a_finding():
    attack = with_action(burst("anne", at(DAY, 9), 14, "type-0"), "delete")
    rows = flagged(stream_with_actions([*background(), attack]), at(DAY, 9))
    found = rows.filter(pl.col("kind") == MANY_DELETES).row(0, named=True)
    assert (found["actor_key"], found["disposition"]) == ("anne", "ticket")
    assert (found["changes"], found["hour_changes"]) == (14, 14)
    assert found["usual_deletes"] < 0.01


def test_the_same_changes_that_are_updates_are_none():
    attack = with_action(burst("anne", at(DAY, 9), 14, "type-0"))
    assert (
        flagged(stream_with_actions([*background(), attack]), at(DAY, 9))
        .filter(pl.col("actor_key") == "anne")
        .is_empty()
    )


def test_who_always_deletes_is_not_unusual():
    cleaner = [with_action(each, "delete") for each in daily("cleaner", range(DAY + 1), 12, "type-0")]
    rows = flagged(stream_with_actions([*background(), *cleaner]), at(DAY, 9))
    assert rows.filter(pl.col("kind") == MANY_DELETES).is_empty()


def test_two_deletes_are_no_reason():
    attack = with_action(burst("anne", at(DAY, 9), 2, "type-0"), "delete")
    rows = flagged(stream_with_actions([*background(), attack]), at(DAY, 9))
    assert rows.filter(pl.col("kind") == MANY_DELETES).is_empty()


def test_without_actions_nothing_is_a_delete():
    scores = score_events(stream([quiet(days=30, actors=5, seed=1)]))
    assert scores["deletes"].sum() == 0
    assert (scores["p_deletes"] == 1).all()


def stream_with_actions(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts).sort("time", "actor", "resource_type")
