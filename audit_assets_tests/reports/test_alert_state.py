"""What is remembered of alerts: each problem is sent to each receiver once, and its end too."""

from datetime import UTC, datetime, timedelta

from audit_assets.reports.alert_state import (
    AlertState,
    Found,
    TicketShown,
    limited_to,
    observe,
    state_as_json,
    state_from_json,
)

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STALE, DISK = Found("stale", "the newest hour is old", "Look."), Found("disk", "it is full", "Free some.")


def kinds(state: AlertState, receiver: str) -> list[str]:
    return [problem.kind for problem in state.unsent(receiver)]


def test_a_problem_is_sent_once_to_each_receiver() -> None:
    state = observe(AlertState(), [STALE], NOW)
    assert kinds(state, "a") == kinds(state, "b") == ["stale"]
    state = observe(state.taken_by("a"), [STALE, DISK], NOW + MINUTE)
    assert (kinds(state, "a"), kinds(state, "b")) == (["disk"], ["stale", "disk"])


def test_a_problem_that_is_not_seen_for_a_while_lasts_and_one_of_half_an_hour_ago_is_over() -> None:
    state = observe(AlertState(), [STALE], NOW).taken_by("a")
    soon = observe(state, [], NOW + 29 * MINUTE)
    assert not soon.awaits_recovery("a")
    over = observe(state, [], NOW + 30 * MINUTE)
    assert (over.problems, over.ended, over.awaits_recovery("a")) == ((), NOW, True)
    assert not over.awaits_recovery("b"), "who got nothing gets no end"
    assert not over.taken_by("a").awaits_recovery("a")


def test_a_problem_that_comes_back_is_another_one() -> None:
    state = observe(AlertState(), [STALE], NOW).taken_by("a")
    over = observe(state, [], NOW + 60 * MINUTE).taken_by("a")
    assert kinds(observe(over, [STALE], NOW + 120 * MINUTE), "a") == ["stale"]


def test_what_was_seen_by_a_clock_far_ahead_is_over_once_the_clock_is_right() -> None:
    ahead = observe(AlertState(), [STALE], NOW + timedelta(days=40))
    assert observe(ahead, [], NOW).problems == ()


def test_the_last_words_of_a_problem_are_kept() -> None:
    state = observe(AlertState(), [STALE], NOW)
    (problem,) = observe(state, [STALE._replace(sentence="it is older")], NOW + MINUTE).problems
    assert (problem.sentence, problem.since, problem.seen) == ("it is older", NOW, NOW + MINUTE)


def test_who_is_no_receiver_any_more_is_forgotten_at_the_end() -> None:
    state = observe(AlertState(ticket=TicketShown("SEC-1", "https://linear.app/x")), [STALE], NOW).taken_by("gone")
    assert limited_to(state, ["a"]) == state
    over = limited_to(observe(state, [], NOW + 60 * MINUTE), ["a"])
    assert (over.sent, over.ticket) == ({}, None)


def test_it_is_stored_and_read_again() -> None:
    state = observe(AlertState(), [STALE, DISK], NOW).taken_by("a").refused_by("b", "it is down")
    assert state_from_json(state_as_json(state)) == state
    assert state_from_json(None) == state_from_json({"version": 99}) == AlertState()
