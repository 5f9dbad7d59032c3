"""Which hours are requested: the planner alone, without Dagster."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.defs.automation.hour_planner import (
    ALERT_AFTER_FAILURES,
    BACKLOG_RUNS,
    GRACE,
    LOADING_RUNS,
    OVERDUE_AFTER,
    History,
    Plan,
    Request,
    RunHistory,
    plan_hours,
)
from audit_assets.defs.steps.history_coverage import HOURS_IN_WINDOW
from audit_assets.storage.pull_history import REPEATS, SETTLING

NEWEST = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOW = NEWEST + timedelta(minutes=80)
HOUR = timedelta(hours=1)
TICK = timedelta(minutes=20)
LONG_AFTER = timedelta(days=30)


def hours_ago(*ago: int) -> list[datetime]:
    return [NEWEST - HOUR * hours for hours in ago]


def planned(
    missing: list[datetime],
    *,
    running: tuple[datetime, ...] = (),
    failed: dict[datetime, int] | None = None,
    paused_for: timedelta = timedelta(days=1),
    began: dict[datetime, datetime | None] | None = None,
    now: datetime = NOW,
) -> Plan:
    """The plan when all of the last three days but `missing` is done, for good unless `began` gives another pull."""
    expected = hours_ago(*range(72))
    done: dict[datetime, datetime | None] = {hour: hour + LONG_AFTER for hour in expected if hour not in missing}
    past = {hour: RunHistory(times, times, now - paused_for) for hour, times in (failed or {}).items() if times}
    return plan_hours(now=now, first=expected[-1], done={**done, **(began or {})}, running=set(running), past=past)


def spans(made: Plan) -> list[tuple[datetime, datetime]]:
    return [(request.first, request.last) for request in made.requests]


def test_nothing_is_requested_when_every_hour_is_done() -> None:
    assert planned([]) == Plan((), (), (), (), (), ())


def test_the_newest_hour_comes_first_and_then_the_oldest() -> None:
    (newest,), (old, older) = hours_ago(0), hours_ago(40, 41)
    assert spans(planned([newest, old, older])) == [(newest, newest), (older, old)]


def test_old_hours_are_requested_a_day_at_a_time() -> None:
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


def test_a_failed_hour_is_requested_with_its_next_attempt() -> None:
    (request,) = planned(hours_ago(0), failed={NEWEST: 2}).requests
    assert request.attempt == 3


def test_an_hour_that_keeps_failing_stops_dragging_its_neighbours_along() -> None:
    missing = hours_ago(32, 33, 34)
    requested = planned(missing, failed={missing[1]: 2})
    assert spans(requested) == [(hour, hour) for hour in reversed(missing)]


def test_an_hour_that_keeps_failing_is_named_and_never_given_up() -> None:
    made = planned(hours_ago(0, 30), failed={hours_ago(30)[0]: 40})
    assert spans(made) == [(NEWEST, NEWEST), (hours_ago(30)[0], hours_ago(30)[0])]
    assert made.failing == made.failed == tuple(hours_ago(30))
    assert planned(hours_ago(30), failed={hours_ago(30)[0]: 1}).failed == tuple(hours_ago(30))
    assert planned(hours_ago(30), failed={hours_ago(30)[0]: ALERT_AFTER_FAILURES - 1}).failing == ()


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 320), (8, 360), (500, 360)])
def test_a_failed_hour_is_paused_for_longer_each_time(failures: int, minutes: int) -> None:
    pause = timedelta(minutes=minutes)
    assert planned(hours_ago(0), failed={NEWEST: failures}, paused_for=pause - timedelta(seconds=1)).requests == ()
    assert spans(planned(hours_ago(0), failed={NEWEST: failures}, paused_for=pause)) == [(NEWEST, NEWEST)]


def test_what_runs_outside_of_the_hours_in_question_holds_nothing_up() -> None:
    requested = planned(hours_ago(50), running=tuple(hours_ago(500)))
    assert spans(requested) == [(hours_ago(50)[0], hours_ago(50)[0])]


def test_an_hour_is_requested_a_little_later_than_it_may_be_pulled() -> None:
    may = NEWEST + HOUR + SETTLING
    assert planned(hours_ago(0), now=may + GRACE - timedelta(seconds=1)).requests == ()
    assert spans(planned(hours_ago(0), now=may + GRACE)) == [(NEWEST, NEWEST)]


@pytest.mark.parametrize("step", REPEATS)
def test_an_hour_is_pulled_again_when_a_step_has_passed_since_its_end(step: timedelta) -> None:
    (hour,) = hours_ago(0)
    passed = hour + HOUR + step
    assert planned([], began={hour: passed - timedelta(seconds=1)}, now=passed + GRACE).due == (hour,)
    assert planned([], began={hour: passed}, now=passed + GRACE).due == ()
    assert planned([], began={hour: passed - timedelta(seconds=1)}, now=passed + GRACE - timedelta(seconds=1)).due == ()


def test_an_hour_that_was_pulled_late_is_pulled_no_more_often_than_needed() -> None:
    (hour,) = hours_ago(5)
    assert planned([], began={hour: NOW - HOUR}).requests == ()


def test_an_hour_that_does_not_know_its_last_pull_is_pulled_again() -> None:
    (hour,) = hours_ago(60)
    assert planned([], began={hour: None}).requests == (Request(hour, hour, 1, "settling"),)


def test_missing_hours_come_before_hours_that_are_due_again_and_those_come_together() -> None:
    began: dict[datetime, datetime | None] = dict.fromkeys(hours_ago(61, 62))
    requested = planned(hours_ago(0, 20), began=began).requests
    assert [(each.first, each.last, each.reason) for each in requested] == [
        (NEWEST, NEWEST, "newest"),
        (*hours_ago(20, 20), "missing"),
        (*hours_ago(62, 61), "settling"),
    ]


def test_a_last_pull_waits_for_the_hours_before_it_unless_they_are_reported_as_failing() -> None:
    yesterday, today, tomorrow = (NEWEST + timedelta(days=number) for number in range(3))
    later = [NEWEST + HOUR * number for number in range(1, 24 * 6)]
    before_its_last = {hour: hour + REPEATS[-1] for hour in (yesterday, today, tomorrow)}
    began: dict[datetime, datetime | None] = {**{hour: hour + LONG_AFTER for hour in later}, **before_its_last}
    now = tomorrow + HOUR + REPEATS[-1] + GRACE

    def requested(failures: int) -> list[datetime]:
        made = planned([], began=began, now=now, failed={yesterday: failures}, paused_for=timedelta(0))
        return [request.first for request in made.requests]

    assert requested(0) == [yesterday], "one after another: it may fail"
    assert requested(1) == requested(ALERT_AFTER_FAILURES - 1) == []
    assert requested(ALERT_AFTER_FAILURES) == [today]


def test_hours_that_have_been_due_for_long_are_overdue() -> None:
    (hour,) = hours_ago(20)
    began: dict[datetime, datetime | None] = {hour: hour + HOUR + timedelta(minutes=20)}
    assert planned([], began=began).overdue == (hour,)
    late = hour + HOUR + SETTLING + GRACE + OVERDUE_AFTER
    assert planned([hour], now=late).overdue == ()
    assert planned([hour], now=late + timedelta(seconds=1)).overdue == (hour,)


@given(
    st.sets(st.integers(0, 71)),
    st.sets(st.integers(0, 71)),
    st.dictionaries(st.integers(0, 71), st.integers(0, ALERT_AFTER_FAILURES + 1)),
)
def test_every_missing_hour_is_requested_in_the_end(
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


FIRST = datetime(2026, 11, 20, 0, tzinfo=UTC)
THE_HOURS = [FIRST + HOUR * step for step in range(12)]


@dataclass(frozen=True)
class Run:
    """A run of the world below: when it started and ends, and how."""

    request: Request
    starts: datetime
    ends: datetime
    succeeds: bool

    def hours(self) -> list[datetime]:
        return [
            self.request.first + HOUR * step for step in range((self.request.last - self.request.first) // HOUR + 1)
        ]


@settings(max_examples=25)
@given(
    downtimes=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 72)), max_size=3),
    outcomes=st.lists(st.tuples(st.integers(1, 6), st.sampled_from([True, True, True, False])), max_size=40),
    skew=st.timedeltas(-GRACE + timedelta(seconds=1), GRACE),
)
def test_whatever_fails_or_is_missed_every_hour_settles_within_five_pulls(
    downtimes: list[tuple[int, int]], outcomes: list[tuple[int, bool]], skew: timedelta
) -> None:
    """Twelve hours and the nine days after them: ticks are missed, runs take a while one after another, and fail.

    `downtimes`: hours from which and for which nothing ticks; `outcomes`: how many ticks the next runs take and whether
    they succeed (the others take one, and do); `skew`: by how much Cloudflare's clock is ahead of ours.
    """
    coming = iter(outcomes)
    done: dict[datetime, datetime | None] = {}
    past: dict[datetime, RunHistory] = {}
    pulls: Counter[datetime] = Counter()
    queue: list[Run] = []
    for now in (FIRST + TICK * tick for tick in range(9 * 24 * 3)):
        if any(FIRST + HOUR * start <= now < FIRST + HOUR * (start + length) for start, length in downtimes):
            continue
        while queue and queue[0].ends <= now:
            run = queue.pop(0)
            pulls.update(run.hours() if run.succeeds else ())
            for hour in run.hours():
                known = past.get(hour, RunHistory())
                if run.succeeds:
                    done[hour], past[hour] = run.starts + skew, RunHistory(known.runs + 1)
                else:
                    past[hour] = RunHistory(known.runs + 1, known.failures + 1, run.ends)
        running = {hour for run in queue for hour in run.hours()}
        made = plan_hours(now=now, first=FIRST, done={**_later_hours(now), **done}, running=running, past=past)
        for request in made.requests:
            ticks, succeeds = next(coming, (1, True))
            starts = max([now, *(run.ends for run in queue)])
            queue.append(Run(request, starts, starts + TICK * ticks, succeeds))
        in_queue = [hour for run in queue for hour in run.hours()]
        assert len(in_queue) == len(set(in_queue)), "what runs is not requested again"
        newest_first = [("newest", "missing", "settling").index(request.reason) for request in made.requests]
        assert newest_first == sorted(newest_first)
    for hour in THE_HOURS:
        began = done[hour]
        assert began is not None
        assert began >= hour + HOUR + REPEATS[-1], "settled, and pulled for the last time"
        assert pulls[hour] <= 1 + len(REPEATS)


def _later_hours(now: datetime) -> dict[datetime, datetime]:
    """The hours after those of the test are done for good."""
    last = THE_HOURS[-1]
    return {last + HOUR * step: last + HOUR * step + LONG_AFTER for step in range(1, (now - last) // HOUR + 1)}


def a_first_start(**known: Any) -> Plan:
    """The plan of 31 days of which nothing is known but this; hours that ended over 80 hours ago open no tickets."""
    begins = NEWEST - HOUR * 744
    history = History(begins=begins, judged_within=HOUR * 80, **{"loaded": (), **known})
    return plan_hours(now=NOW, first=begins, done=known_done(history), running=(), past={}, history=history)


def known_done(history: History) -> dict[datetime, datetime | None]:
    return {hour: hour + LONG_AFTER for hour in history.judged_on}


def test_history_is_loaded_before_anything_but_the_newest_hour_is_judged() -> None:
    newest, *others = a_first_start().requests
    assert newest == Request(NEWEST, NEWEST, 1, "newest")
    assert {request.reason for request in others} == {"history"}
    assert len(others) == LOADING_RUNS
    assert [request.first for request in others] == sorted(request.first for request in others)
    assert others[0].first == NEWEST - HOUR * 744


def test_the_queue_of_history_is_filled_up_and_never_beyond() -> None:
    oldest = [NEWEST - HOUR * ago for ago in range(700, 745)]
    requests = a_first_start(loading=oldest, runs=3).requests
    loading = [request for request in requests if request.reason == "history"]
    assert len(loading) == LOADING_RUNS - 3
    assert not {hour for each in loading for hour in (each.first, each.last)} & {*oldest}


def test_a_day_of_history_that_fails_holds_up_no_other_and_no_judging() -> None:
    failed = [NEWEST - HOUR * ago for ago in range(500, 510)]
    past = {hour: RunHistory(1, 1, NOW) for hour in failed}
    judged = [NEWEST - HOUR * ago for ago in range(96)]
    others = a_first_start(past=past)
    assert {request.reason for request in others.requests[1:]} == {"history"}
    loaded = {NEWEST - HOUR * ago for ago in range(97, 745)} - {*failed}
    requests = a_first_start(past=past, loaded=loaded).requests
    assert {request.reason for request in requests} == {"newest", "missing"}
    assert {request.first for request in requests} <= {*judged, NEWEST - HOUR * 96}


def test_what_can_not_have_enough_history_and_is_too_old_for_a_ticket_is_only_history() -> None:
    loaded = {NEWEST - HOUR * ago for ago in range(97, 745)}
    plan = a_first_start(loaded=loaded)
    assert min(plan.missing) == NEWEST - HOUR * 96, "the first with 90 % of its window"
    assert not {*plan.missing} & loaded


@pytest.mark.parametrize(
    ("judged_on", "there", "again"),
    [(0, 720, True), (696, 720, True), (697, 720, False), (647, 648, True), (100, 120, False), (720, 720, False)],
)
def test_an_hour_is_judged_again_once_decidedly_more_of_its_history_is_there(
    judged_on: int, there: int, again: bool
) -> None:
    loaded = {NEWEST - HOUR * ago for ago in range(1, there + 1)}
    done = {hour: hour + LONG_AFTER for hour in hours_ago(*range(72))}
    history = History(loaded=loaded, judged_on={NEWEST: judged_on, NEWEST - HOUR * 9: HOURS_IN_WINDOW})
    plan = plan_hours(now=NOW, first=NEWEST - HOUR * 71, done=done, running=(), past={}, history=history)
    assert [(each.first, each.last, each.reason) for each in plan.requests] == (
        [(NEWEST, NEWEST, "thin_history")] if again else []
    )
    assert plan.due == ((NEWEST,) if again else ())


def test_it_is_not_judged_again_while_more_history_is_on_its_way() -> None:
    coming = NEWEST - HOUR * 40
    loaded = {NEWEST - HOUR * ago for ago in range(1, 720)} - {coming}
    done = {hour: hour + LONG_AFTER for hour in hours_ago(*range(72)) if hour != coming}
    history = History(loaded=loaded, judged_on={NEWEST: 3})
    plan = plan_hours(now=NOW, first=NEWEST - HOUR * 71, done=done, running=(), past={}, history=history)
    assert [(each.first, each.reason) for each in plan.requests] == [(coming, "missing")]
    failing = {coming: RunHistory(3, 3, NOW)}
    plan = plan_hours(now=NOW, first=NEWEST - HOUR * 71, done=done, running=(), past=failing, history=history)
    assert [(each.first, each.reason) for each in plan.requests] == [(NEWEST, "thin_history")]
