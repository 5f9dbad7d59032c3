"""A deviation is one sentence that a person understands, and that claims no more than is known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit_assets.tickets.deviation_sentences import (
    caution,
    describe,
    describe_in_ticket,
    describe_origin,
    describe_time,
    describe_together,
)
from audit_assets.tickets.finding import Deviation, PastDismissal
from audit_assets.tickets.phrases import describe_group
from audit_assets.tickets.ticket import ticket_for
from audit_assets_tests.tickets.sample_findings import (
    HOUR,
    TWELVE,
    around_the_clock,
    burst,
    finding,
    fortnight,
    new_type,
    newcomer,
    threshold_fall,
    together,
)

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            burst(),
            "214 changes in the hour; usual is 3.1 per active hour over 12 active hours in 30 days;"
            " at most 9 in any of them; 69 times the usual",
        ),
        (
            burst(changes=1_204, baseline_mean=0.04, ratio=30_100.0, baseline_max=1, active_hours=1),
            "1,204 changes in the hour; usual is 0.04 per active hour over 1 active hour in 30 days;"
            " at most 1 in any of them; 30,100 times the usual",
        ),
        (
            burst(
                changes=50,
                baseline_mean=4.2,
                ratio=11.9,
                baseline_max=None,
                active_hours=0,
                judged_against="organisation",
            ),
            "50 changes in the hour; usual is 4.2 per active hour of an actor here; 12 times the usual;"
            " judged against the organisation, as this actor has no history",
        ),
        (burst(baseline_mean=None, ratio=None, baseline_max=None), "214 changes in the hour"),
        (new_type(), "first change to api_tokens on record (4 changes)"),
        (
            new_type(first_ever=False, last_touched=LAST_TOUCHED, changes=1),
            "a change to api_tokens, last touched 2026-09-30 (1 change)",
        ),
        (new_type(first_ever=None), "a change to api_tokens, not touched in 30 days (4 changes)"),
        (
            new_type(judged_against="organisation", new_to_organisation=True, active_hours=0),
            "first change to api_tokens on record (4 changes); nobody here touched it in 30 days;"
            " judged against the organisation, as this actor has no history",
        ),
    ],
)
def test_a_deviation_of_the_plain_rule_is_one_line(deviation: Deviation, sentence: str) -> None:
    assert describe(deviation) == sentence


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            burst(baseline_mean=3.1, baseline_max=17, return_period_years=40.0, active_hours=200),
            "214 changes in the hour; usual is 3, at most 17 in 30 days; expected about once in 40 years for this"
            " actor",
        ),
        (
            burst(baseline_max=None, return_period_years=1e9, active_hours=400),
            "214 changes in the hour; usual is 3; expected less than once in 1,000 years for this actor",
        ),
        (
            burst(baseline_max=None, return_period_years=1e9, active_hours=14),
            "214 changes in the hour; usual is 3; expected less than once in 2 months for this actor, the most that 14"
            " active hours of history support",
        ),
        (
            burst(changes=90, baseline_mean=11.6, baseline_max=40, horizon_hours=6, return_period_years=0.1),
            "90 changes in the last 6 hours; usual is 12; expected about once in 5 weeks for this actor",
        ),
        (
            burst(changes=1_204, baseline_mean=80.3, baseline_max=None, horizon_hours=24, return_period_years=0.04),
            "1,204 changes in the last 24 hours; usual is 80; expected about once in 2 weeks for this actor",
        ),
        (burst(baseline_mean=None, baseline_max=None, horizon_hours=24), "214 changes in the last 24 hours"),
        (
            around_the_clock(return_period_years=3.0, active_hours=99),
            "active in 24 of the last 24 hours; usual is 3; expected about once in 3 years for this actor",
        ),
        (around_the_clock(baseline_mean=None), "active in 24 of the last 24 hours"),
        (fortnight(), "1,204 changes in the last 14 days without the busiest; usual was 310 a month before"),
        (
            burst(changes=90, baseline_mean=11.6, baseline_max=None, horizon_hours=24, slow_growth=True),
            "90 changes in the last 24 hours; usual was 12 a month before",
        ),
    ],
)
def test_a_burst_has_what_is_usual_and_how_rarely_it_is_expected(deviation: Deviation, sentence: str) -> None:
    assert describe(deviation) == sentence


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            new_type(colleagues=0, organisation_actors=41, new_to_organisation=True),
            "first change to api_tokens on record (4 changes); nobody in the organisation made one in 90 days",
        ),
        (
            new_type(colleagues=2, organisation_actors=41, new_types=1, touched_types=4, return_period_years=0.1),
            "first change to api_tokens on record (4 changes); 2 of 41 actors made one in 90 days; expected about once"
            " in 5 weeks for this actor",
        ),
        (
            new_type(colleagues=1, organisation_actors=1_000, new_types=7, touched_types=9, return_period_years=40.0),
            "first change to api_tokens on record (4 changes); 1 of 1,000 actors made one in 90 days",
        ),
        (
            new_type(
                first_ever=False,
                last_touched=LAST_TOUCHED,
                colleagues=0,
                organisation_actors=41,
                new_to_organisation=False,
            ),
            "a change to api_tokens, last touched 2026-09-30 (4 changes); nobody else in the organisation made one in"
            " 90 days",
        ),
    ],
)
def test_a_new_resource_type_has_who_else_touched_it(deviation: Deviation, sentence: str) -> None:
    assert describe(deviation) == sentence


def test_nobody_is_not_claimed_of_a_type_that_somebody_else_has_brought_since_the_colleagues_were_counted() -> None:
    brought_today = new_type(colleagues=0, organisation_actors=41, new_to_organisation=False)
    assert describe(brought_today) == "first change to api_tokens on record (4 changes)"


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            burst(baseline_mean=4.0, active_hours=3, return_period_years=40.0),
            "214 changes in the hour; usual is 4, at most 9 in 30 days; only 3 active hours known in 30 days; judged"
            " mostly by what is usual here",
        ),
        (
            burst(baseline_mean=4.0, baseline_max=None, active_hours=0, judged_against="organisation"),
            "214 changes in the hour; usual is 4; no active hour known in 30 days; judged by what is usual here",
        ),
        (
            burst(baseline_mean=4.0, active_hours=1, horizon_hours=24),
            "214 changes in the last 24 hours; usual is 4; only 1 active hour known in 30 days; judged mostly by what"
            " is usual here",
        ),
        (
            new_type(active_hours=3, colleagues=0, organisation_actors=41, return_period_years=40.0),
            "first change to api_tokens on record (4 changes); nobody in the organisation made one on record; only 3"
            " active hours known in 30 days; judged mostly by what is usual here",
        ),
        (
            burst(active_hours=8, return_period_years=40.0),
            "214 changes in the hour; usual is 3, at most 9 in 30 days; expected less than once in 2 months for this"
            " actor, the most that 8 active hours of history support",
        ),
        (
            new_type(active_hours=100, colleagues=2, organisation_actors=41, return_period_years=17.0),
            "first change to api_tokens on record (4 changes); 2 of 41 actors made one on record; expected about once"
            " in 17 years for this actor",
        ),
    ],
)
def test_while_learning_nothing_is_called_rare_for_an_actor_who_is_hardly_known(
    deviation: Deviation, sentence: str
) -> None:
    assert describe(deviation, learning=True) == sentence


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            newcomer(),
            "300 changes in the hour; usual for newcomers is 4; more than in 99.9 % of the 8,412 active hours known"
            " here in 90 days; first seen in this hour; judged by what is usual here",
        ),
        (
            newcomer(smaller_hours=312, known_hours=312, hours_since_first=3, active_hours=2, baseline_max=40),
            "300 changes in the hour; usual for newcomers is 4, at most 40 in 30 days; more than in all 312 active"
            " hours known here in 90 days; first seen 3 hours before; judged by what is usual here",
        ),
        (
            newcomer(smaller_hours=100, known_hours=312, hours_since_first=1, active_hours=1),
            "300 changes in the hour; usual for newcomers is 4; first seen 1 hour before; judged by what is usual here",
        ),
        (
            newcomer(smaller_hours=None, known_hours=None, horizon_hours=24, hours_since_first=71, active_hours=30),
            "300 changes in the last 24 hours; usual for newcomers is 4; first seen 2 days before; judged by what is"
            " usual here",
        ),
        (
            newcomer(smaller_hours=0, known_hours=0),
            "300 changes in the hour; usual for newcomers is 4; first seen in this hour; judged by what is usual here",
        ),
        (
            new_type(hours_since_first=0, active_hours=0, colleagues=2, organisation_actors=41),
            "first change to api_tokens on record (4 changes); 2 of 41 actors made one on record; first seen in this"
            " hour; judged by what is usual here",
        ),
    ],
)
def test_of_a_newcomer_it_has_since_when_it_is_known_and_how_large_the_hour_is_here(
    deviation: Deviation, sentence: str
) -> None:
    assert describe(deviation, learning=True) == sentence
    little_known = caution(finding(learning=True, deviations=(deviation,)))
    assert little_known
    assert sentence.endswith(f"; {little_known}")


@pytest.mark.parametrize(
    ("share", "weekday", "weekend"),
    [
        (0.0, "no weekday activity near 10:00 UTC on record", "no weekend activity near 10:00 UTC on record"),
        (0.004, "active near 10:00 UTC on weekdays in less than 1 % of its hours", None),
        (0.0123, None, "active near 10:00 UTC at weekends in 1 % of its hours"),
        (0.156, "active near 10:00 UTC on weekdays in 16 % of its hours", None),
    ],
)
def test_an_unusual_time_is_described_once(share: float, weekday: str | None, weekend: str | None) -> None:
    """HOUR is on a Sunday."""
    deviations = (burst(time_share=share), new_type(time_share=share))
    for sentence, hour in ((weekend, HOUR), (weekday, HOUR - timedelta(days=2))):
        if sentence:
            assert describe_time(deviations, hour) == sentence
            described = ticket_for(finding(deviations=deviations, hour=hour)).description
            assert described.count(f"\n- {sentence}\n") == 1
    assert describe_time((burst(), new_type()), HOUR) is None


@pytest.mark.parametrize(
    ("parts", "p", "nobody", "sentence"),
    [
        (
            ("network",),
            0.02,
            True,
            "this network; nobody here acted from this network either; expected in 2 % of its hours",
        ),
        (("network", "product"), 0.154, False, "this network and kind of user agent; expected in 15 % of its hours"),
        (("interface", "token"), 0.001, None, "this interface and API token; expected in less than 1 % of its hours"),
    ],
)
def test_a_new_origin_is_described_once(parts: tuple[str, ...], p: float, nobody: bool | None, sentence: str) -> None:
    origin: dict[str, Any] = {"new_origins": parts, "p_origin": p, "new_network_here": nobody}
    deviations = (burst(**origin), new_type(**origin))
    sentence = f"not used by this actor in 60 days: {sentence}"
    assert describe_origin(deviations) == sentence
    assert ticket_for(finding(deviations=deviations)).description.count(f"\n- {sentence}\n") == 1
    assert describe_origin((burst(), new_type())) is None


@pytest.mark.parametrize(
    ("deviations", "sentence"),
    [
        (
            [
                burst(),
                new_type(new_types=7, touched_types=9, return_period_years=3.2, active_hours=100),
                new_type(new_types=7, touched_types=9),
            ],
            "7 of the 9 resource types of this hour are new to this actor; expected about once in 3 years for"
            " this actor",
        ),
        (
            [new_type(new_types=3, touched_types=3)],
            "all 3 resource types of this hour are new to this actor",
        ),
        ([new_type(new_types=2, touched_types=2)], None),
        ([burst(new_types=7, touched_types=9), new_type()], None),
        ([], None),
    ],
)
def test_many_new_resource_types_are_described_together(deviations: list[Deviation], sentence: str | None) -> None:
    assert describe_together(deviations) == sentence


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            together(*TWELVE),
            "12 actors changed dns_record far more than usual, or for the first time, in the same hour:"
            " anne@example[.]com, boris@example[.]com, carla@example[.]com and 9 more",
        ),
        (
            together("anne", "boris", "carla"),
            "3 actors changed dns_record far more than usual, or for the first time, in the same hour: anne, boris and"
            " carla",
        ),
        (
            together(),
            "several actors changed dns_record far more than usual, or for the first time, in the same hour",
        ),
        (
            threshold_fall("anne", "boris", judged_against="little_known"),
            "61 hours of 2 little-known actors in the last 14 days, 9 in the 14 days before, were unusual enough to"
            " alert; in 14 days the alert threshold of such actors fell from p = 0.29 to 0.14 (at 1 ticket a day): anne"
            " and boris",
        ),
    ],
)
def test_what_many_did_is_described_once_with_who_they_are(deviation: Deviation, sentence: str) -> None:
    assert describe(deviation) == describe(deviation, learning=True) == sentence


@pytest.mark.parametrize(
    ("deviation", "sentence"),
    [
        (
            burst(changes=1_204, baseline_mean=80.3, horizon_hours=24, return_period_years=3.2, active_hours=99),
            "1,204 changes in the 24 hours to 2026-11-22 11:00 UTC; usual is 80; expected about once in 3 years for"
            " this actor",
        ),
        (
            burst(return_period_years=40.0, active_hours=300),
            "214 changes in the hour 2026-11-22 10:00 UTC; usual is 3, at most 9 in 30 days; expected about once in 40"
            " years for this actor",
        ),
        (
            around_the_clock(changes=20),
            "active in 20 of the 24 hours to 2026-11-22 11:00 UTC; usual is 3",
        ),
        (
            fortnight(),
            "1,204 changes in the 14 days to 2026-11-22 11:00 UTC without the busiest; usual was 310 a month before",
        ),
        (
            threshold_fall("anne", dismissed=PastDismissal(HOUR - timedelta(days=9), "SEC-12", None, 25, None)),
            "61 hours of 1 well-known actor in the 14 days to 2026-11-22 10:00 UTC, 9 in the 14 days before, were"
            " unusual enough to alert; in 14 days the alert threshold of such actors fell from p = 0.29 to 0.14 (at 1"
            " ticket a day): `anne`; dismissed on 2026-11-13 in SEC-12 for 25 hours; now 61",
        ),
        (
            around_the_clock(dismissed=PastDismissal(HOUR - timedelta(days=9), "SEC-12", None, None, "dns_record")),
            "active in 24 of the 24 hours to 2026-11-22 11:00 UTC; usual is 3; dismissed on 2026-11-13 in SEC-12; now"
            " active in 24 of 24 hours",
        ),
        (
            together("a`b", "c|d"),
            "2 actors changed `dns_record` far more than usual, or for the first time, in the same hour: `a\u02cbb` and"
            " `c¦d`",
        ),
    ],
)
def test_in_a_ticket_the_hours_are_named_and_values_are_code(deviation: Deviation, sentence: str) -> None:
    assert describe_in_ticket(deviation, HOUR) == sentence


def test_a_ticket_shows_how_little_is_known() -> None:
    assert caution(finding(learning=True, deviations=(burst(active_hours=3),))) == (
        "only 3 active hours known in 30 days; judged mostly by what is usual here"
    )
    assert caution(finding(learning=True)) == "little history is known here yet: expect more false positives"
    assert caution(finding(deviations=(burst(active_hours=3),))) is None


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        (90, "; usual are 2 with 39 a day"),
        (33, ", as many as usual (2 with 39 a day), but in hours that are unusual for each of them"),
    ],
)
def test_a_group_that_did_as_much_as_usual_is_not_called_more(changes: int, end: str) -> None:
    known: dict[str, Any] = {"kind": "credentials", "resource_type": None, "horizon_hours": 24, "usual_members": 2.0}
    deviation = together("anne", "token", changes=changes, baseline_mean=39.0, **known)
    assert describe_group(deviation, "24 hours") == f"2 actors of one owner made {changes} changes in 24 hours{end}"
