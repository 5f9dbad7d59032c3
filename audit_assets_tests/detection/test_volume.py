import numpy as np
import pytest
from scipy.stats import t

from audit_assets.detection.activity_arrays import build_activity_arrays, count_changes
from audit_assets.detection.volume import (
    DAY,
    DAY_AGAINST_LAST_MONTH,
    FORTNIGHT_AGAINST_LAST_MONTH,
    PRIORS,
    SHIFT,
    SIX_HOURS,
    VolumePrior,
    estimate_daily_priors,
    estimate_prior,
    predict_tail,
    score_volume,
    weigh_outliers,
)
from audit_assets_tests.detection.streams import at, burst, stream

NO_PRIORS = PRIORS.to_frame()


def test_an_actor_without_history_is_judged_by_the_prior_alone():
    prior = VolumePrior()
    nothing = np.zeros(1)
    p, usual = predict_tail(np.array([50.0]), prior_array(prior), nothing, nothing, nothing)
    scale = np.sqrt(prior.b0 * (prior.kappa + 1) / (prior.a0 * prior.kappa))
    assert p[0] == pytest.approx(t.sf((np.log(49.5 + SHIFT) - prior.m0) / scale, df=2 * prior.a0))
    assert usual[0] == pytest.approx(np.exp(1.1))


def test_the_posterior_of_three_hours_is_the_one_of_the_textbook():
    z = np.log(np.array([4.0, 6.0, 9.0]) + SHIFT)
    prior = VolumePrior(m0=2.0, kappa=5.0, a0=4.0, b0=1.0)
    p, _ = predict_tail(np.array([40.0]), prior_array(prior), *(np.array([s]) for s in (3.0, z.sum(), (z * z).sum())))
    kn, an = 8.0, 5.5
    mn = (5 * 2.0 + z.sum()) / 8
    bn = 1 + ((z - z.mean()) ** 2).sum() / 2 + 5 * 3 * (z.mean() - 2) ** 2 / 16
    expected = t.sf((np.log(39.5 + SHIFT) - mn) / np.sqrt(bn * (kn + 1) / (an * kn)), df=2 * an)
    assert p[0] == pytest.approx(expected)


def test_an_actor_far_from_its_class_is_busy_but_not_erratic():
    z = np.log(np.full(30, 100.0) + SHIFT)
    prior = VolumePrior(m0=1.5, kappa=6.0, a0=4.0, b0=2.0)
    p, usual = predict_tail(
        np.array([500.0]), prior_array(prior), *(np.array([s]) for s in (30.0, z.sum(), (z * z).sum()))
    )
    kn, an, bn = 36.0, 19.0, 2.0 + 2.0
    mn = (6 * 1.5 + z.sum()) / 36
    assert p[0] == pytest.approx(t.sf((np.log(499.5 + SHIFT) - mn) / np.sqrt(bn * (kn + 1) / (an * kn)), df=2 * an))
    assert usual[0] == pytest.approx(np.exp(mn) - SHIFT)


def test_a_prior_follows_what_is_common_to_a_class():
    rng = np.random.default_rng(1)
    actor = np.repeat(np.arange(50), 40)
    z = np.repeat(rng.normal(2, 0.5, 50), 40) + rng.normal(0, 0.8, 2000)
    prior = estimate_prior(z, actor)
    assert prior.m0 == pytest.approx(2, abs=0.2)
    assert prior.kappa == pytest.approx(0.64 / 0.25, rel=0.4)
    assert prior.b0 / prior.a0 == pytest.approx(0.64, rel=0.1)


def test_too_few_hours_leave_the_documented_defaults():
    assert estimate_prior(np.ones(199), np.arange(199)) == VolumePrior()


def test_weights_fall_from_one_to_a_hundredth():
    assert weigh_outliers(np.array([1.0, 0.03, 1e-4, 0.0])) == pytest.approx([1, 1, 0.01, 0.01])
    assert weigh_outliers(np.array([np.sqrt(0.03 * 1e-4)])) == pytest.approx([0.1])


def test_a_first_burst_does_not_make_the_second_usual():
    habit = [burst("a", at(day, 9), 3, "dns") for day in range(20)]
    twice = [burst("a", at(20, 9), 300, "dns"), burst("a", at(21, 9), 300, "dns")]
    p = score_volume(build_activity_arrays(count_changes(stream([*habit, *twice]))), NO_PRIORS).p
    assert p[-2] < 1e-6
    assert p[-1] < 1e-4


def test_more_changes_are_never_more_usual():
    habit = [burst("a", at(day, 9), 2 + day % 5, "dns") for day in range(20)]
    p = [
        score_volume(
            build_activity_arrays(count_changes(stream([*habit, burst("a", at(21), changes, "dns")]))), NO_PRIORS
        ).p[-1]
        for changes in (1, 2, 5, 10, 50, 200, 1000)
    ]
    assert p == sorted(p, reverse=True)


@pytest.mark.parametrize(("horizon", "hours"), [(SIX_HOURS, 6), (DAY, 24)])
def test_a_burst_spread_over_hours_shows_in_their_sum(horizon, hours):
    habit = [burst("a", at(day, 9), 3 + day % 3, "dns") for day in range(1, 29)]
    spread = [burst("a", at(30, hour), 12, "dns") for hour in range(hours)]
    activity = build_activity_arrays(count_changes(stream([*habit, *spread])))
    scores = score_volume(activity, NO_PRIORS, horizon)
    assert scores.changes[-1] == 12 * hours
    assert scores.active_hours[-1] == 28
    assert scores.p[-1] < score_volume(activity, NO_PRIORS).p[-1] / 10


def test_slow_growth_is_seen_against_the_month_before_the_last():
    days = 110
    growth = [burst("a", at(day, 9), round(20 * 1.05 ** max(day - 70, 0)), "dns") for day in range(days)]
    activity = build_activity_arrays(count_changes(stream(growth)))
    lagged, recent = (score_volume(activity, NO_PRIORS, horizon) for horizon in (DAY_AGAINST_LAST_MONTH, DAY))
    before_four_times = 70 + int(np.log(4) / np.log(1.05))
    assert lagged.p[before_four_times] < recent.p[before_four_times] / 10
    assert lagged.p[before_four_times] < 0.02


def test_the_busiest_day_of_a_fortnight_is_left_out():
    """Else a burst that has its ticket would open another in each of the days after it."""
    days = [burst("a", at(day, 9), 3, "dns") for day in range(90)]
    evening = burst("a", at(75, 20), 40, "dns")
    activity = build_activity_arrays(count_changes(stream([*days, burst("a", at(75, 14), 500, "dns"), evening])))
    hours = score_volume(activity, NO_PRIORS, FORTNIGHT_AGAINST_LAST_MONTH)
    assert set(hours.changes[activity.hour > activity.hour[30]]) == {13 * 3}
    week = [burst("a", at(day, 14), 50, "dns") for day in range(70, 77)]
    steady = build_activity_arrays(count_changes(stream([*days, *week])))
    assert score_volume(steady, NO_PRIORS, FORTNIGHT_AGAINST_LAST_MONTH).changes.max() == 13 * 3 + 6 * 50


def test_priors_are_those_of_the_ninety_days_before_each_day():
    busy = stream(burst(f"a{actor}", at(day, 9), 2 + actor, "dns") for day in range(60) for actor in range(5))
    whole, first = (
        estimate_daily_priors(build_activity_arrays(count_changes(part)))
        for part in (busy, busy.filter(busy["time"] < at(50)))
    )
    day = first["day"].max()
    assert whole.filter(whole["day"] <= day).equals(first)


def prior_array(prior: VolumePrior) -> np.ndarray:
    return np.array([[prior.m0, prior.kappa, prior.a0, prior.b0]])
