"""Hours that are pulled again in passing: the planner alone, in a world where entries come late and runs fail."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit_assets.defs.automation.hour_planner import (
    GRACE,
    MOST_IN_PASSING,
    WAITS_FOR_NEWEST,
    LateEntries,
    Plan,
    Request,
    RunHistory,
    plan_hours,
)
from audit_assets.defs.automation.ledger import Done, judged_before_their_history_changed
from audit_assets.storage.hours import AN_HOUR, hours_between
from audit_assets.storage.pull_history import REPEATS, SETTLING

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
HOURS = hours_between(FIRST, FIRST + AN_HOUR * 9)
AFTERWARDS = AN_HOUR + REPEATS[-1] + AN_HOUR * 9
TICK = timedelta(minutes=20)


class World:
    """Hours from FIRST on, entries of some of them that come late, and the runs that the planner requests."""

    def __init__(
        self,
        late: Sequence[tuple[int, float]],
        fails: Sequence[bool] = (),
        hours: Sequence[datetime] = HOURS,
    ) -> None:
        self.hours, self.requested = hours, 0
        self.shown: dict[datetime, list[datetime]] = defaultdict(list)
        for number, hours_late in late:
            self.shown[hours[number]].append(hours[number] + AN_HOUR * (1 + hours_late))
        self.fails = iter(fails)
        self.done: dict[datetime, Done] = {}
        self.pulled_again: dict[datetime, tuple[datetime, str]] = {}
        self.past: dict[datetime, RunHistory] = {}
        self.runs: Counter[datetime] = Counter()
        self.pulls: dict[datetime, list[datetime]] = defaultdict(list)

    def content(self, hour: datetime, now: datetime) -> str:
        """What Cloudflare lists of an hour."""
        return str(sum(at <= now for at in self.shown[hour]))

    def plan(self, now: datetime) -> Plan:
        """As the ledger knows these hours."""
        began = {hour: known.pull_began for hour, known in self.done.items()}
        found = {}
        for hour, (at, content) in self.pulled_again.items():
            known = self.done[hour]
            if known.pull_began and at > known.pull_began:
                (began if content == known.content else found)[hour] = at
        late = LateEntries(found, judged_before_their_history_changed(self.done))
        return plan_hours(now=now, first=FIRST, done=began, running=(), past=self.past, late=late)

    def make(self, request: Request, again: Sequence[datetime], now: datetime) -> None:
        """A run: all of its hours, or none if it fails."""
        self.requested += 1
        hours = hours_between(request.first, request.last)
        for hour in hours:
            known = self.past.get(hour, RunHistory())
            self.past[hour] = RunHistory(known.runs + 1)
        if next(self.fails, False):
            for hour in hours:
                self.past[hour] = RunHistory(self.past[hour].runs, 1, now)
            return
        for hour in hours:
            before, content = self.done.get(hour), self.content(hour, now)
            since = before.content_since if before and before.content == content else now
            self.done[hour] = Done(now, now, None, content, since)
            self.runs[hour] += 1
            self.pulls[hour].append(now)
        for hour in again if request.reason == "newest" else ():
            self.pulled_again[hour] = (now, self.content(hour, now))
            self.pulls[hour].append(now)

    def go_on(self, *, down: Sequence[tuple[int, int]] = ()) -> None:
        """Until all hours have had their last pulls; `down`: hours from which and for which nothing ticks."""
        now = FIRST
        while (now := now + TICK) <= self.hours[-1] + AFTERWARDS:
            if any(FIRST + AN_HOUR * start <= now < FIRST + AN_HOUR * (start + length) for start, length in down):
                continue
            plan = self.plan(now)
            requested = [hour for each in plan.requests for hour in hours_between(each.first, each.last)]
            assert len(requested) == len(set(requested))
            assert not any(self.done[hour].pull_began == now for hour in plan.again), (
                "nothing is pulled twice at a time"
            )
            for request in plan.requests:
                self.make(request, plan.again, now)


def test_an_hour_without_late_entries_is_run_once_and_pulled_again_at_each_step() -> None:
    world = World([])
    world.go_on()
    for hour in HOURS:
        since_end = [at - hour - AN_HOUR for at in world.pulls[hour]]
        assert world.runs[hour] == 1
        assert [at - step for at, step in zip(since_end, (SETTLING, *REPEATS), strict=True)] == [
            timedelta(minutes=5),
            *[TICK] * len(REPEATS),
        ]


@settings(max_examples=20)
@example(late=[(2, 25.0)], down=[(49, 27)], fails=[])
@given(
    late=st.lists(st.tuples(st.integers(0, len(HOURS) - 1), st.floats(0.1, 71.9)), max_size=8),
    down=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=2),
    fails=st.lists(st.sampled_from([False, False, True]), max_size=40),
)
def test_whatever_comes_late_is_judged_and_so_is_what_was_judged_without_it(
    late: list[tuple[int, float]], down: list[tuple[int, int]], fails: list[bool]
) -> None:
    world = World(late, fails)
    world.go_on(down=down)
    assert not judged_before_their_history_changed(world.done) & {*HOURS}
    for hour in HOURS:
        assert world.done[hour].content == str(len(world.shown[hour])), "every late entry was judged"
        assert world.pulls[hour][-1] >= hour + AN_HOUR + REPEATS[-1], "pulled for the last time"
        assert world.runs[hour] <= 1 + len(REPEATS) + len(late), "no more often than needed"


def plan_at(minutes: int, *, newest_is_done: bool = False, found: datetime | None = None) -> Plan:
    """So long after the first hour's pull of one hour after its end fell due, of hours that were done in time."""
    now = FIRST + AN_HOUR * 2 + GRACE + timedelta(minutes=minutes)
    hours = hours_between(FIRST, FIRST + (AN_HOUR if newest_is_done else timedelta(0)))
    done = {hour: hour + AN_HOUR + SETTLING for hour in hours}
    late = LateEntries(found={FIRST: found} if found else {})
    return plan_hours(now=now, first=FIRST, done=done, running=(), past={}, late=late)


def reasons(plan: Plan) -> list[str]:
    return [each.reason for each in plan.requests]


def test_a_pull_that_is_due_waits_for_the_newest_hour_and_no_longer_than_an_hour() -> None:
    assert (reasons(plan_at(0)), plan_at(0).due) == ([], (FIRST,))
    with_newest = plan_at(15)
    assert (reasons(with_newest), with_newest.again) == (["newest"], (FIRST,))
    assert reasons(plan_at(WAITS_FOR_NEWEST // timedelta(minutes=1) + 1)) == ["newest", "settling"]
    assert reasons(plan_at(0, newest_is_done=True)) == ["settling"], "no run will come that could pull it in passing"


def test_what_was_found_is_run_at_once_and_pulled_in_passing_no_more() -> None:
    plan = plan_at(15, found=FIRST + AN_HOUR * 2)
    assert (reasons(plan), plan.again) == (["newest", "settling"], ())


def test_a_last_pull_in_passing_waits_for_earlier_hours_about_which_something_is_to_be_done() -> None:
    now = FIRST + AN_HOUR * 2 + REPEATS[-1] + GRACE + SETTLING
    hours = hours_between(FIRST, now - AN_HOUR)
    done = {hour: hour + AN_HOUR + (REPEATS[-2] if hour - FIRST < AN_HOUR * 2 else REPEATS[-1]) for hour in hours}
    late = LateEntries(found={FIRST: FIRST + REPEATS[-1]})
    known = {"now": now, "first": FIRST, "running": ()}
    assert plan_hours(done=done, past={}, **known).again == (FIRST,), "the other is judged against what that brings"
    assert plan_hours(done=done, past={}, late=late, **known).again == ()
    failing = {FIRST: RunHistory(5, 5, now)}
    assert plan_hours(done=done, past=failing, late=late, **known).again == (FIRST + AN_HOUR,)


def test_no_more_hours_are_pulled_in_passing_than_do_not_hold_up_the_newest() -> None:
    hours = hours_between(FIRST, FIRST + AN_HOUR * 20)
    done = {hour: hour + AN_HOUR + SETTLING for hour in hours}
    plan = plan_hours(now=hours[-1] + AN_HOUR * 3, first=FIRST, done=done, running=(), past={})
    assert plan.again == tuple(hours[-MOST_IN_PASSING:])
