from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.hour_scores import build_organisation, score_hours
from audit_assets.detection.ranking import REACH, rank_scores
from audit_assets.detection.schemas import SCORES
from audit_assets_tests.detection.streams import EVENTS, at, burst, daily, quiet, score_activity, score_events, stream

REASONS = ["p_volume", "p_novelty", "p_many_new"]


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return quiet(days=200)


@pytest.fixture(scope="module")
def scores(events) -> pl.DataFrame:
    return score_events(events)


def test_every_active_hour_has_one_row(events, scores):
    hours = events.select("actor", hour=pl.col("time").dt.truncate("1h")).unique()
    assert len(scores) == len(hours)
    assert scores.schema == SCORES
    assert scores.drop_nulls(["p", "p_volume", "p_novelty", "tickets_a_day", "flagged"]).height == len(hours)


def test_no_events_have_no_scores():
    assert score_events(EVENTS.to_frame()).schema == SCORES


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
    before = [score_events(each).filter(pl.col("hour") < until) for each in (whole, altered)]
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
    back = score_events(other).with_columns(pl.col("actor").str.reverse(), pl.col("hour") - timedelta(weeks=3))
    numbers = ["actor", "hour", "changes", *REASONS, "p", "flagged"]
    assert_frame_equal(
        back.select(numbers).sort("hour", "actor"),
        score_events(plain).select(numbers).sort("hour", "actor"),
        rel_tol=1e-6,
    )


@pytest.fixture(scope="module")
def incident(events, scores) -> pl.DataFrame:
    """The activity of the stream with a confirmed incident in it: far more changes, and a type never seen before."""
    hours = [at(140, hour) for hour in (9, 10, 20)]
    active = scores.filter(pl.col("hour").is_in(hours))["actor"]
    actor = next(name for name in events["actor"].unique().sort() if name not in active)
    attack = [burst(actor, hour, 400, "type-0", "never-seen") for hour in hours]
    attacked = pl.col("actor") == actor, pl.col("hour").is_in(hours)
    return count_changes(stream([events, *attack])).with_columns(confirmed=pl.when(*attacked).then(True))


def test_a_confirmed_incident_is_scored_but_leaves_no_trace(incident, scores):
    judged = score_activity(incident)
    attack = judged.filter("confirmed")
    assert attack["changes"].to_list() == [400, 400, 400]
    assert attack["flagged"].all()
    untouched = scores.join(attack, on=["actor", "hour"], how="anti")
    assert_frame_equal(judged.filter(~pl.col("confirmed")), untouched)


def test_a_type_of_a_confirmed_incident_stays_new(incident):
    actor = incident.filter("confirmed")["actor"][0]
    after = count_changes(burst(actor, at(145), 2, "never-seen")).with_columns(confirmed=None)
    for seen, activity in ((["never-seen"], incident), ([], incident.with_columns(confirmed=None))):
        judged = score_activity(pl.concat([activity, after.select(activity.columns).cast(activity.schema)]))
        row = judged.filter(pl.col("actor") == actor, pl.col("hour") == at(145))
        assert row["new_to_organisation"].to_list() == [seen]


def test_one_hour_alone_is_scored_as_in_the_stream(events, scores, incident):
    with_incident = score_activity(incident)
    for whole, activity, hour in (
        (scores, count_changes(events), at(150, 9)),
        (scores, count_changes(events), at(199, 23)),
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
        alone = score_hours(theirs, build_organisation(activity, since.replace(hour=0)), since=since)
        got = rank_scores(pl.concat([whole.filter(pl.col("hour") < since), alone]), budget=1.0, since=since)
        assert_frame_equal(got, whole.filter(pl.col("hour") == since), check_exact=True)


def test_the_hours_of_a_day_are_scored_to_the_last_digit_the_same_together_and_one_by_one():
    whole = count_changes(quiet(days=130, actors=25, a_day=60, types=300))
    day = at(128)
    organisation = build_organisation(whole, day)

    def scored(hours: list) -> pl.DataFrame:
        active = whole.filter(pl.col("hour").is_in(hours))["actor"]
        theirs = whole.filter(pl.col("actor").is_in(active.implode()), pl.col("hour") <= hours[-1])
        return score_hours(theirs, organisation, since=hours[0])

    hours = whole.filter(pl.col("hour").is_between(day, at(129), closed="left"))["hour"].unique().sort().to_list()
    one_by_one = pl.concat([scored([hour]) for hour in hours])
    assert len(hours) > 10
    assert one_by_one["new_resource_types"].list.len().sum() > 0
    assert_frame_equal(one_by_one, scored(hours), check_row_order=False, check_exact=True)


def test_the_budget_is_kept_on_a_stream_without_attacks():
    long = quiet(days=500, seed=3)
    activity = count_changes(long)
    for budget in (0.5, 1.0, 2.0):
        judged = score_activity(activity, budget=budget).filter(pl.col("hour") >= at(75))
        spent = judged.filter(pl.col("p_first") <= pl.col("p_threshold"))
        assert spent["flagged"].all()
        assert len(spent) / 425 == pytest.approx(budget, rel=0.15)


def test_a_larger_budget_alerts_for_every_hour_that_a_smaller_one_does(events, scores):
    more = score_events(events, budget=4.0)
    assert more["p"].equals(scores["p"])
    assert more["flagged"].sum() > scores["flagged"].sum()


@pytest.mark.parametrize("changes", [3, 10])
def test_a_newcomers_calm_first_days_do_not_alert(events, changes):
    first_days = daily("new", range(190, 198), changes, "type-0", "type-1")
    judged = score_events(stream([events, *first_days])).filter(pl.col("actor") == "new")
    assert judged["active_hours"].to_list() == list(range(8))
    assert judged["learning"].list.contains("newcomer").to_list() == [True] * 7 + [False]
    assert not judged["flagged"].any()


@pytest.mark.parametrize(("changes", "alerts"), [(10, False), (50, True), (1000, True)])
def test_a_newcomers_very_first_hour_alerts_if_it_is_larger_than_nearly_all_hours_here(events, changes, alerts):
    every_hour = count_changes(events).group_by("actor", "hour").agg(pl.col("changes").sum())["changes"]
    assert ((every_hour >= changes).mean() < 0.001) == alerts
    judged = score_events(stream([events, burst("new", at(195, 9), changes, "type-0")])).filter(
        pl.col("actor") == "new"
    )
    assert judged["flagged"].to_list() == [alerts]


def test_a_token_that_deploys_in_waves_alerts_at_first_and_again_when_a_wave_is_ten_times_as_large(events):
    waves = [
        burst("ci", at(day, 9 + hour), 300 + 20 * (day % 5) - 30 * hour, "type-0", "type-1", actor_type="token")
        for day in range(2, 200, 7)
        for hour in range(3)
    ]
    between = daily("ci", range(1, 198), 4, "type-0")
    attack = burst("ci", at(197, 15), 3500, "type-0", actor_type="token")
    judged = score_events(stream([events, *waves, *between, attack])).filter(pl.col("actor") == "ci", pl.col("flagged"))
    assert judged["hour"][0] < at(10)
    assert judged.filter(pl.col("hour") >= at(60))["hour"].to_list() == [at(197, 15)]


@pytest.mark.parametrize("hours", [1, 6, 24])
@pytest.mark.parametrize(("usual", "seed"), [(3, 1), (20, 2)])
def test_ten_times_the_usual_alerts_whether_at_once_or_spread(events, hours, usual, seed):
    habit = daily("spread", range(198), usual, "type-0", "type-1", spread=0.5, seed=seed)
    attack = [burst("spread", at(198, 12 + hour), -(-10 * usual // hours), "type-0") for hour in range(hours)]
    judged = score_events(stream([events, *habit, *attack]))
    alerts = judged.filter(pl.col("actor") == "spread", pl.col("hour") >= at(198, 12), pl.col("flagged"))
    assert len(alerts) >= 1


@pytest.mark.parametrize("usual", [10, 30, 100])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_attacker_who_grows_by_five_percent_a_day_is_found_before_four_times(usual, seed):
    """From ten changes a day on; with three the shift of the logarithm needs 12 to 16, four to five times as many."""
    habit = daily("slow", range(150), usual, "type-0", spread=0.15, seed=seed)
    growth = [burst("slow", at(150 + day, 9), round(usual * 1.05**day), "type-0") for day in range(28)]
    judged = score_events(stream([quiet(days=180, seed=seed), *habit, *growth])).filter(pl.col("actor") == "slow")
    alerts = judged.filter(pl.col("hour") >= at(150), pl.col("flagged"))
    assert (alerts["changes"] < 4 * usual).any()


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 99))
def test_an_actor_who_has_long_been_inactive_changes_nothing(seed):
    long = quiet(days=REACH.days + 25, actors=8, seed=seed, a_day=6)
    former = [burst("former", at(2 + day, 9), 40, "type-0", "type-7") for day in range(5)]
    numbers = ["actor", "hour", "changes", *REASONS, "p", "p_threshold", "flagged"]
    without, with_former = (
        score_events(events).filter(pl.col("hour") >= at(REACH.days + 8)).select(numbers)
        for events in (long, stream([long, *former]))
    )
    assert_frame_equal(with_former, without)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 99))
def test_more_changes_in_the_judged_hour_never_make_it_less_unusual(seed):
    past = quiet(days=90, actors=8, seed=seed, a_day=8)
    judged = [
        score_events(stream([past, burst("actor-1", at(90, 9), changes, "type-0")])).row(-1, named=True)
        for changes in (1, 3, 10, 40, 200, 2000)
    ]
    for column in ("p_volume", "p", "tickets_a_day"):
        values = [row[column] for row in judged]
        assert values == sorted(values, reverse=True)
    assert judged[-1]["flagged"]


def test_an_hour_that_is_no_more_extreme_within_a_day_alerts_and_costs_no_budget(events):
    actor = events["actor"].value_counts().sort("count")["actor"][-1]
    attack = [burst(actor, at(196, hour), 600, "type-0") for hour in (0, 20)]
    judged = score_events(stream([events, *attack])).filter(pl.col("actor") == actor, pl.col("changes") >= 600)
    assert judged["flagged"].to_list() == [True, True]
    assert judged["p_first"].to_list() == [judged["p"][0], 1.0]
    assert judged["p_volume"][1] < 0.01


def test_a_machine_that_grew_by_less_than_twice_still_alerts_when_it_bursts():
    rng = np.random.default_rng(1)
    usual = [10 * (1.8 if hour >= 76 * 24 else 1) * np.exp(rng.normal(0, 0.8)) for hour in range(90 * 24)]
    work = [burst("machine", at(0, hour), max(1, round(changes)), "type-0") for hour, changes in enumerate(usual)]
    attack = at(89, 12)
    scores = score_events(stream([quiet(days=90), *work, burst("machine", attack, 240, "type-0")]))
    (hour,) = scores.filter(pl.col("actor") == "machine", pl.col("hour") == attack).iter_rows(named=True)
    assert hour["p_volume"] < 1e-4


def test_a_sustained_day_counts_once_in_the_threshold_of_later_hours():
    """Each hour of a day in which the sums only grow is more extreme than the one before, so none is a repeat."""
    background = quiet(days=250)
    known = background["actor"].value_counts(sort=True)["actor"][:5].to_list()

    def thresholds(hours: int) -> float:
        loud = [
            burst(actor, at(200 + 5 * n, hour), 300, "type-0") for n, actor in enumerate(known) for hour in range(hours)
        ]
        scores = score_events(stream([background, *loud]), budget=0.25)
        return (
            scores.filter(pl.col("hour") >= at(235), pl.col("familiarity") == "well_known")["p_threshold"]
            .to_numpy()
            .mean()
        )

    assert thresholds(24) > 0.7 * thresholds(1)


def test_a_fortnight_of_an_actor_without_a_month_before_is_not_unusual():
    habit = daily("late", range(60, 90), 20, "type-0", spread=0.1)
    scores = score_events(stream([quiet(days=90), *habit])).filter(pl.col("actor") == "late")
    assert "14d" not in scores.filter(pl.col("p_volume") < 1)["horizon"].to_list()
