"""What people did in other accounts: a past of their own, and nothing to anybody else."""

from datetime import timedelta

import polars as pl
from polars.testing import assert_frame_equal

from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.hour_scores import score_stream
from audit_assets.detection.past_elsewhere import PAST_ELSEWHERE, past_elsewhere
from audit_assets.detection.schemas import ELSEWHERE
from audit_assets_tests.detection.streams import at, burst, daily, quiet, score_activity, stream

ANNE = "anne"
HERE = quiet(days=120, actors=15, a_day=30)
USUAL = ("type-1", "type-2")


def with_past(here: pl.DataFrame, elsewhere: list[pl.DataFrame]) -> pl.DataFrame:
    """Activity with hours elsewhere, as the scores take it."""
    there = count_changes(stream(elsewhere)).with_columns(pl.lit("Production").alias(ELSEWHERE))
    return pl.concat([count_changes(here), there], how="diagonal")


def scores_of(activity: pl.DataFrame) -> pl.DataFrame:
    return score_stream(activity).filter(pl.col("actor") == ANNE).sort("hour")


def test_hours_elsewhere_change_nobody_elses_scores_and_have_none() -> None:
    here = stream([HERE, burst(ANNE, at(100, 9), 5, *USUAL), burst(ANNE, at(101, 9), 5, "type-25")])
    elsewhere = daily(ANNE, range(40, 100), 40, *USUAL, "type-of-nobody", "type-28")
    alone, known = score_stream(count_changes(here)), score_stream(with_past(here, elsewhere))
    of_others = pl.col("actor") != ANNE
    assert_frame_equal(known.filter(of_others), alone.filter(of_others), check_row_order=False)
    assert known.filter(~of_others)["hour"].to_list() == [at(100, 9), at(101, 9)]
    assert (alone["familiarity"] == "newcomer").sum() > (known["familiarity"] == "newcomer").sum()


def test_a_past_elsewhere_begins_no_history_here() -> None:
    """Nobody is called a newcomer in an account that is young itself."""
    young = HERE.filter(pl.col("time") >= at(110))
    here = stream([young, burst(ANNE, at(115, 9), 5, *USUAL)])
    known = score_stream(with_past(here, daily(ANNE, range(20, 110), 5, *USUAL)))
    assert not (known["familiarity"] == "newcomer").any()


def test_the_first_day_here_is_no_sum_with_the_day_before_elsewhere() -> None:
    elsewhere = [burst(ANNE, at(99, 10 + hour), 200, *USUAL) for hour in range(10)]
    elsewhere += daily(ANNE, range(30, 99), 20, *USUAL)
    here = stream([HERE, burst(ANNE, at(100, 3), 4, *USUAL)])
    (row,) = scores_of(with_past(here, elsewhere)).iter_rows(named=True)
    assert row["p_volume"] > 0.01
    assert row["horizon_changes"] == 4


def test_ten_times_what_is_usual_elsewhere_alerts_and_what_is_usual_there_does_not() -> None:
    elsewhere = daily(ANNE, range(40, 100), 6, *USUAL)
    here = stream([HERE, burst(ANNE, at(100, 9), 6, *USUAL), burst(ANNE, at(101, 9), 60, *USUAL)])
    ranked = score_activity(with_past(here, elsewhere)).filter(pl.col("actor") == ANNE).sort("hour")
    assert ranked["flagged"].to_list() == [False, True]
    assert ranked["reasons"].to_list()[1] == ["volume"]


def elsewhere_at(*days: float) -> pl.DataFrame:
    rows = [{"actor_key": ANNE, "hour": at(day), "resource_type": "t", "changes": 1, "deletes": 0} for day in days]
    return pl.DataFrame([{**row, ELSEWHERE: "Production"} for row in rows], schema=PAST_ELSEWHERE)


def here_at(*days: float, actor: str = ANNE) -> pl.DataFrame:
    hours = pl.Series([at(day) for day in days], dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame({"actor_key": [actor] * len(days), "hour": hours}, schema_overrides={"actor_key": pl.String})


def days_of(found: pl.DataFrame) -> list[float]:
    return [(hour - at(0)) / timedelta(days=1) for hour in found["hour"]]


def test_only_what_was_before_a_persons_first_day_here_is_its_past() -> None:
    elsewhere = elsewhere_at(10, 20.25, 20.75, 21)
    assert days_of(past_elsewhere(elsewhere, here_at())) == [10, 20.25, 20.75, 21]
    assert days_of(past_elsewhere(elsewhere, here_at(20.5))) == [10]
    assert days_of(past_elsewhere(elsewhere, here_at(1, actor="bert"))) == [10, 20.25, 20.75, 21]


def test_who_was_away_for_so_long_that_nothing_is_remembered_is_known_from_elsewhere_again() -> None:
    elsewhere = elsewhere_at(100, 121, 122, 130)
    assert days_of(past_elsewhere(elsewhere, here_at(0, 140))) == [122, 130]
    assert days_of(past_elsewhere(elsewhere, here_at(0, 130.5))) == [122]
