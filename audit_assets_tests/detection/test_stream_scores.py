from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from audit_assets.detection import alert_threshold as budget
from audit_assets.detection.activity_arrays import activity_of
from audit_assets.detection.hour_scores import assess_hours, organisation
from audit_assets.detection.ranking import ranked
from audit_assets.detection.schemas import SCORES
from audit_assets.detection.stream_scores import score, score_activity
from audit_assets_tests.detection.streams import EVENTS, at, burst, daily, quiet, stream

REASONS = ["p_volume", "p_novelty", "p_many_new"]


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return quiet(days=200)


@pytest.fixture(scope="module")
def scores(events) -> pl.DataFrame:
    return score(events)


def test_every_active_hour_has_one_row(events, scores):
    hours = events.select("actor", hour=pl.col("time").dt.truncate("1h")).unique()
    assert len(scores) == len(hours)
    assert scores.schema == SCORES
    assert scores.drop_nulls(["p", "p_volume", "p_novelty", "tickets_a_day", "flagged"]).height == len(hours)


def test_no_events_have_no_scores():
    assert score(EVENTS.to_frame()).schema == SCORES


@settings(max_examples=12, deadline=None)
@given(st.integers(20 * 24, 100 * 24), st.integers(0, 99))
def test_an_hour_sees_nothing_after_it(cut, seed):
    whole = quiet(days=100, actors=8, seed=seed, a_day=6)
    until = at(0, cut)
    altered = pl.concat(
        [
            whole.filter(pl.col("time") < until),
            whole.filter(pl.col("time") >= until).sample(fraction=0.3, seed=seed),
            burst("actor-1", until, 500, "type-0", "never-seen"),
        ]
    )
    before = [score(each).filter(pl.col("hour") < until) for each in (whole, altered)]
    assert_frame_equal(*before)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 99))
def test_order_duplicates_names_and_weeks_change_nothing(seed):
    plain = quiet(days=60, actors=8, seed=seed, a_day=8).with_row_index("entry_id")
    other = (
        pl.concat([plain, plain.sample(fraction=0.5, seed=seed)])
        .sample(fraction=1, shuffle=True, seed=seed)
        .with_columns(
            actor=pl.col("actor").str.reverse(),
            time=pl.col("time") + timedelta(weeks=3),
        )
    )
    back = score(other).with_columns(pl.col("actor").str.reverse(), pl.col("hour") - timedelta(weeks=3))
    numbers = ["actor", "hour", "changes", *REASONS, "p", "flagged"]
    assert_frame_equal(
        back.select(numbers).sort("hour", "actor"), score(plain).select(numbers).sort("hour", "actor"), rel_tol=1e-6
    )


@pytest.fixture(scope="module")
def incident(events, scores) -> pl.DataFrame:
    """The activity of the stream with a confirmed incident in it: far more changes, and a type never seen before."""
    hours = [at(140, hour) for hour in (9, 10, 20)]
    active = scores.filter(pl.col("hour").is_in(hours))["actor"]
    actor = next(name for name in events["actor"].unique().sort() if name not in active)
    attack = [burst(actor, hour, 400, "type-0", "never-seen") for hour in hours]
    attacked = pl.col("actor") == actor, pl.col("hour").is_in(hours)
    return activity_of(stream([events, *attack])).with_columns(confirmed=pl.when(*attacked).then(True))


def test_a_confirmed_incident_is_scored_but_leaves_no_trace(incident, scores):
    judged = score_activity(incident)
    attack = judged.filter("confirmed")
    assert attack["changes"].to_list() == [400, 400, 400]
    assert attack["flagged"].all()
    untouched = scores.join(attack, on=["actor", "hour"], how="anti")
    assert_frame_equal(judged.filter(~pl.col("confirmed")), untouched)


def test_a_type_of_a_confirmed_incident_stays_new(incident):
    actor = incident.filter("confirmed")["actor"][0]
    after = activity_of(burst(actor, at(145), 2, "never-seen")).with_columns(confirmed=None)
    for seen, activity in ((["never-seen"], incident), ([], incident.with_columns(confirmed=None))):
        judged = score_activity(pl.concat([activity, after.select(activity.columns).cast(activity.schema)]))
        row = judged.filter(pl.col("actor") == actor, pl.col("hour") == at(145))
        assert row["new_to_organisation"].to_list() == [seen]


def test_one_hour_alone_is_scored_as_in_the_stream(events, scores, incident):
    with_incident = score_activity(incident)
    for whole, activity, hour in (
        (scores, activity_of(events), at(150, 9)),
        (scores, activity_of(events), at(199, 23)),
        (with_incident, incident, at(140, 10)),
        (with_incident, incident, at(141, 9)),
        (with_incident, incident, at(170, 15)),
    ):
        since = max(h for h in whole["hour"].unique() if h <= hour)
        active = whole.filter(pl.col("hour") == since)["actor"]
        theirs = activity.filter(
            pl.col("actor").is_in(active.implode()),
            pl.col("hour") <= since,
        )
        alone = assess_hours(theirs, organisation(activity, since.replace(hour=0)), since=since)
        got = ranked(pl.concat([whole.filter(pl.col("hour") < since), alone]), budget=1.0, since=since)
        assert_frame_equal(got, whole.filter(pl.col("hour") == since), check_exact=True)


def test_the_hours_of_a_day_are_scored_to_the_last_digit_the_same_together_and_one_by_one():
    whole = activity_of(quiet(days=130, actors=25, a_day=60, types=300))
    day = at(128)
    everybody = organisation(whole, day)

    def assessed(hours: list) -> pl.DataFrame:
        active = whole.filter(pl.col("hour").is_in(hours))["actor"]
        theirs = whole.filter(pl.col("actor").is_in(active.implode()), pl.col("hour") <= hours[-1])
        return assess_hours(theirs, everybody, since=hours[0])

    hours = whole.filter(pl.col("hour").is_between(day, at(129), closed="left"))["hour"].unique().sort().to_list()
    one_by_one = pl.concat([assessed([hour]) for hour in hours])
    assert len(hours) > 10
    assert one_by_one["new_resource_types"].list.len().sum() > 0
    assert_frame_equal(one_by_one, assessed(hours), check_row_order=False, check_exact=True)


def test_the_budget_is_kept_on_a_stream_without_attacks():
    long = quiet(days=500, seed=3)
    activity = activity_of(long)
    for asked in (0.5, 1.0, 2.0):
        judged = score_activity(activity, budget=asked).filter(pl.col("hour") >= at(75))
        assert judged["flagged"].sum() / 425 == pytest.approx(asked, rel=0.15)


def test_a_larger_budget_rings_for_all_that_a_smaller_one_does(events, scores):
    more = score(events, budget=4.0)
    assert more["p"].equals(scores["p"])
    assert more["flagged"].sum() > scores["flagged"].sum()


@pytest.mark.parametrize("changes", [3, 10, 30])
def test_a_newcomers_calm_first_days_do_not_ring(events, changes):
    first_days = daily("new", range(190, 198), changes, "type-0", "type-1")
    judged = score(stream([events, *first_days])).filter(pl.col("actor") == "new")
    assert judged["active_hours"].to_list() == list(range(8))
    assert judged["learning"].list.contains("actor").to_list() == [True] * 6 + [False] * 2
    assert not judged["flagged"].any()


@pytest.mark.parametrize(("changes", "rings"), [(50, False), (1000, True)])
def test_a_newcomers_very_first_hour_rings_only_if_it_is_huge(events, changes, rings):
    judged = score(stream([events, burst("new", at(195, 9), changes, "type-0")])).filter(pl.col("actor") == "new")
    assert judged["flagged"].to_list() == [rings]


def test_a_token_that_deploys_in_waves_is_told_of_at_first_and_again_when_a_wave_is_ten_times_as_large(events):
    waves = [
        burst("ci", at(day, 9 + hour), 300 + 20 * (day % 5) - 30 * hour, "type-0", "type-1", actor_type="token")
        for day in range(2, 200, 7)
        for hour in range(3)
    ]
    between = daily("ci", range(1, 198), 4, "type-0")
    attack = burst("ci", at(197, 15), 3500, "type-0", actor_type="token")
    judged = score(stream([events, *waves, *between, attack])).filter(pl.col("actor") == "ci", pl.col("flagged"))
    assert judged["hour"][0] < at(10)
    assert judged.filter(pl.col("hour") >= at(60))["hour"].to_list() == [at(197, 15)]


@pytest.mark.parametrize("hours", [1, 6, 24])
@pytest.mark.parametrize(("baseline_mean", "seed"), [(3, 1), (20, 2)])
def test_ten_times_the_usual_rings_whether_at_once_or_spread(events, hours, usual, seed):
    habit = daily("spread", range(198), usual, "type-0", "type-1", spread=0.5, seed=seed)
    attack = [burst("spread", at(198, 12 + hour), -(-10 * usual // hours), "type-0") for hour in range(hours)]
    judged = score(stream([events, *habit, *attack]))
    rung = judged.filter(pl.col("actor") == "spread", pl.col("hour") >= at(198, 12), pl.col("flagged"))
    assert len(rung) >= 1


@pytest.mark.parametrize("baseline_mean", [10, 30, 100])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_attacker_who_grows_by_five_percent_a_day_is_found_before_four_times(usual, seed):
    """From ten changes a day on; of three the shift of the logarithm asks for 12 to 16, four to five times as many."""
    habit = daily("slow", range(150), usual, "type-0", spread=0.15, seed=seed)
    growth = [burst("slow", at(150 + day, 9), round(usual * 1.05**day), "type-0") for day in range(28)]
    judged = score(stream([quiet(days=180, seed=seed), *habit, *growth])).filter(pl.col("actor") == "slow")
    rung = judged.filter(pl.col("hour") >= at(150), pl.col("flagged"))
    assert (rung["changes"] < 4 * usual).any()


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 99))
def test_an_actor_who_has_long_been_inactive_changes_nothing(seed):
    long = quiet(days=310, actors=8, seed=seed, a_day=6)
    former = [burst("former", at(2 + day, 9), 40, "type-0", "type-7") for day in range(5)]
    numbers = ["actor", "hour", "changes", *REASONS, "p", "p_limit", "flagged"]
    without, with_former = (
        score(events).filter(pl.col("hour") >= at(295)).select(numbers) for events in (long, stream([long, *former]))
    )
    assert_frame_equal(with_former, without)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 99))
def test_more_changes_in_the_judged_hour_never_make_it_less_unusual(seed):
    past = quiet(days=90, actors=8, seed=seed, a_day=8)
    judged = [
        score(stream([past, burst("actor-1", at(90, 9), changes, "type-0")])).row(-1, named=True)
        for changes in (1, 3, 10, 40, 200, 2000)
    ]
    for column in ("p_volume", "p", "tickets_a_day"):
        values = [row[column] for row in judged]
        assert values == sorted(values, reverse=True)
    assert judged[-1]["flagged"]


def test_what_is_no_more_extreme_within_a_day_is_the_same_ticket(events):
    actor = events["actor"].value_counts().sort("count")["actor"][-1]
    attack = [burst(actor, at(196, hour), 600, "type-0") for hour in (0, 20)]
    judged = score(stream([events, *attack])).filter(pl.col("actor") == actor, pl.col("changes") >= 600)
    assert judged["flagged"].to_list() == [True, False]
    assert judged["p_volume"][1] < 0.01


def test_a_rate_is_counted_and_goes_on_beyond_the_smallest():
    past = np.linspace(0.001, 1, 1000)
    scores = budget.Past(past, 60)
    assert scores.rate_at(np.array([0.06, 0.5])) == pytest.approx([1.0, 500 / 60], rel=0.01)
    rates = scores.rate_at(np.array([1e-6, 1e-5, 1e-4, 1e-3]))
    assert (np.diff(rates) > 0).all()
    assert rates[-1] < 2 / 60


@given(st.floats(1e-3, 5), st.integers(0, 60))
def test_a_limit_is_where_the_rate_is_what_was_asked(rate, days):
    scores = budget.Past(np.linspace(0.001, 1, 1000) ** 2, days)
    limit = scores.limit_at(rate)
    assert limit < budget.LEAST_UNUSUAL
    assert scores.rate_at(np.array([limit])) == pytest.approx([rate], rel=1e-3)


def test_without_history_a_probability_is_taken_at_its_word():
    assert budget.Past(np.ones(0), 0).rate_at(np.array([0.01])) == pytest.approx([0.01 * budget.USUAL_LOAD])


def test_severity_follows_from_how_rare_a_ticket_is():
    rates = pl.DataFrame({"rate": [0.05, 0.3, 0.7, 1.0, 1.1]})
    named = rates.select(budget.severity(pl.col("rate"), 1.0)).to_series()
    assert named.to_list() == ["urgent", "high", "medium", "low", None]
