"""Which hours are requested: the planner alone, without Dagster."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.automation.missing_hours import ALARMING_FAILURES, BACKLOG_RUNS, Past, Plan, plan

NEWEST = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOW = NEWEST + timedelta(minutes=80)
HOUR = timedelta(hours=1)


def hours_ago(*ago: int) -> list[datetime]:
    return [NEWEST - HOUR * hours for hours in ago]


def planned(
    missing: list[datetime],
    *,
    running: tuple[datetime, ...] = (),
    failed: dict[datetime, int] | None = None,
    rested: timedelta = timedelta(days=1),
) -> Plan:
    """The plan when all of the last three days but `missing` is done."""
    expected = hours_ago(*range(72))
    done = set(expected) - set(missing)
    past = {hour: Past(times, times, NOW - rested) for hour, times in (failed or {}).items() if times}
    return plan(now=NOW, first=expected[-1], newest=NEWEST, done=done, running=set(running), past=past)


def spans(made: Plan) -> list[tuple[datetime, datetime]]:
    return [(request.first, request.last) for request in made.requests]


def test_nothing_is_requested_when_every_hour_is_done() -> None:
    assert planned([]) == Plan((), ())


def test_the_newest_hour_comes_first_and_then_the_oldest() -> None:
    (newest,), (old, older) = hours_ago(0), hours_ago(40, 41)
    assert spans(planned([newest, old, older])) == [(newest, newest), (older, old)]


def test_old_hours_are_asked_for_a_day_at_a_time() -> None:
    requested = spans(planned(hours_ago(*range(72))))
    assert requested[0] == (NEWEST, NEWEST)
    assert requested[1] == (NEWEST - HOUR * 71, NEWEST.replace(hour=23) - timedelta(days=3))
    assert all(first.date() == last.date() for first, last in requested)
    assert len(requested) == 1 + BACKLOG_RUNS


def test_what_runs_is_not_requested_again() -> None:
    assert planned(hours_ago(0), running=tuple(hours_ago(0))).requests == ()


def test_a_backlog_does_not_pile_up_behind_one_that_runs() -> None:
    requested = planned(hours_ago(0, 30, 50), running=tuple(hours_ago(50)))
    assert spans(requested) == [(NEWEST, NEWEST)]


def test_a_failed_hour_is_asked_for_with_its_next_attempt() -> None:
    (request,) = planned(hours_ago(0), failed={NEWEST: 2}).requests
    assert request.attempt == 3


def test_an_hour_that_keeps_failing_stops_dragging_its_neighbours_along() -> None:
    missing = hours_ago(32, 33, 34)
    requested = planned(missing, failed={missing[1]: 2})
    assert spans(requested) == [(hour, hour) for hour in reversed(missing)]


def test_an_hour_that_keeps_failing_is_named_and_never_given_up() -> None:
    made = planned(hours_ago(0, 30), failed={hours_ago(30)[0]: 40})
    assert spans(made) == [(NEWEST, NEWEST), (hours_ago(30)[0], hours_ago(30)[0])]
    assert made.failing == tuple(hours_ago(30))
    assert planned(hours_ago(30), failed={hours_ago(30)[0]: ALARMING_FAILURES - 1}).failing == ()


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 320), (8, 360), (500, 360)])
def test_a_failed_hour_rests_for_a_growing_while(failures: int, minutes: int) -> None:
    rest = timedelta(minutes=minutes)
    assert planned(hours_ago(0), failed={NEWEST: failures}, rested=rest - timedelta(seconds=1)).requests == ()
    assert spans(planned(hours_ago(0), failed={NEWEST: failures}, rested=rest)) == [(NEWEST, NEWEST)]


def test_what_runs_outside_of_the_hours_in_question_holds_nothing_up() -> None:
    requested = planned(hours_ago(50), running=tuple(hours_ago(500)))
    assert spans(requested) == [(hours_ago(50)[0], hours_ago(50)[0])]


@given(
    st.sets(st.integers(0, 71)),
    st.sets(st.integers(0, 71)),
    st.dictionaries(st.integers(0, 71), st.integers(0, ALARMING_FAILURES + 1)),
)
def test_every_missing_hour_is_asked_for_in_the_end(
    missing: set[int], running: set[int], failed: dict[int, int]
) -> None:
    waiting = set(hours_ago(*missing))
    failures = dict(zip(hours_ago(*failed), failed.values(), strict=True))
    in_flight = set(hours_ago(*running))
    for _ in range(200):
        made = planned(sorted(waiting), running=tuple(in_flight), failed=failures)
        assert not any(span[0] in in_flight or span[0] not in waiting for span in spans(made))
        in_flight = set()
        for request in made.requests:
            waiting -= {hour for hour in waiting if request.first <= hour <= request.last}
    assert not waiting
