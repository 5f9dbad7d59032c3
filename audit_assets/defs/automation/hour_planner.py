"""Which hours to request: a pure planner, without Dagster.

The newest hour always goes first, in a run of its own, since a fresh finding is worth most; then what is only history,
which is loaded before anything is judged against it; then the oldest missing hours, a day at a time; then hours that
are done but due for another pull, because entries may come late, or were judged before their history was there. Most of
the pulls that are due again the newest hour's run makes in passing: only what then has something new, with the hours
that were judged before it came, gets a run of its own. A
running hour is not requested again; a failed one is paused for longer each time, but never given up, and waited for by
none, so that the hours of an outage come in by themselves. An hour's last pull waits for earlier hours, because its
history is not queried again afterwards.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from audit_assets.defs.steps.history_coverage import (
    ENOUGH_HOURS,
    HOURS_IN_WINDOW,
    count_hours_present,
    is_worth_judging_again,
)
from audit_assets.storage.hours import AN_HOUR, hours_between
from audit_assets.storage.pull_history import REPEATS, SETTLING

GRACE = timedelta(minutes=3)
"""Added to every due time, which counts by Cloudflare's clock: that may be behind ours. It also lets the schedule, if
it is on, request the newest hour first."""

BACKLOG_RUNS = 4
"""Runs of old hours that may be requested at a time: more would only queue in front of the next newest hour."""

LOADING_RUNS = 8
"""Runs that load history, under way or queued: more than are done from one look to the next, so that the queue is never
empty. They pass on what is newest by Dagster's priorities."""

MOST_IN_PASSING = 8
"""Hours that the newest hour's run pulls again: twice as many as come due in an hour. More would hold it up."""

WAITS_FOR_NEWEST = AN_HOUR
"""So long at most a pull that is due again waits for the newest hour's run, which comes a quarter of an hour later;
then the hour gets a run of its own."""

ALERT_AFTER_FAILURES = 5
"""From so many failed runs on, the check `every_hour_is_done` is an error and names the hour."""

OVERDUE_AFTER = timedelta(hours=3)
"""An hour that has been due for longer is overdue: the check `every_hour_is_done` warns and names it."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=6)
"""How long a failed hour is paused: twice as long after each failure, so that an outage is not met with a storm."""

Reason = Literal["newest", "history", "missing", "thin_history", "settling"]


@dataclass(frozen=True)
class RunHistory:
    """The runs of an hour that have ended: how many were requested, as the last one's key names it, how many failed
    since it was last done, and when the last did."""

    runs: int = 0
    failures: int = 0
    failed_at: datetime | None = None

    def is_paused(self, now: datetime) -> bool:
        """Whether the last failure is too recent for another run."""
        if self.failed_at is None:
            return False
        return now - self.failed_at < min(FIRST_PAUSE * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE)


NO_RUNS = RunHistory()


@dataclass(frozen=True)
class History:
    """The hours that others are judged against: which Axiom holds (`loaded`), which a run is about to load (`loading`,
    in so many `runs`), and what became of earlier such runs (`past`). `judged_on`: on how many hours of history an
    hour was judged, if that is known.

    Nothing is older than `begins`. An hour that ended longer than `judged_within` ago and can't have enough history is
    only history: nothing would come of judging it.
    """

    loaded: Collection[datetime] = ()
    loading: Collection[datetime] = ()
    runs: int = 0
    past: Mapping[datetime, RunHistory] = field(default_factory=dict)
    judged_on: Mapping[datetime, int] = field(default_factory=dict)
    begins: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    judged_within: timedelta = timedelta(0)

    def is_only_history(self, hour: datetime, now: datetime) -> bool:
        """Whether nothing would come of judging an hour that was not judged yet."""
        return now - (hour + AN_HOUR) > self.judged_within and hour - self.begins < AN_HOUR * ENOUGH_HOURS


@dataclass(frozen=True)
class LateEntries:
    """What is known of done hours' late entries. `found`: when the pull began that brought what was not judged yet.
    `to_run`: hours that another pull is not enough for, since they were judged before those of their history had the
    entries that they hold now, or lack something that a run mends. `under_way`: hours that the newest hour's run is
    pulling again."""

    found: Mapping[datetime, datetime] = field(default_factory=dict)
    to_run: Collection[datetime] = ()
    under_way: Collection[datetime] = ()


@dataclass(frozen=True)
class Request:
    """A run to request: all hours from `first` to `last`; `attempt` counts from 1."""

    first: datetime
    last: datetime
    attempt: int
    reason: Reason


@dataclass(frozen=True)
class Plan:
    """The runs to request, in this order, and what is reported: parts of the hours that are due.

    `failed` hours failed since they were last done, `failing` ones often; `overdue` hours have been due for long.
    `again`: what the newest hour's run is to pull again in passing.
    """

    requests: tuple[Request, ...]
    missing: tuple[datetime, ...]
    due: tuple[datetime, ...]
    failed: tuple[datetime, ...]
    failing: tuple[datetime, ...]
    overdue: tuple[datetime, ...]
    again: tuple[datetime, ...] = ()


def due_since(hour: datetime, began: datetime | None) -> datetime | None:
    """From when on the hour's next pull is due; None if it was pulled for the last time.

    `began`: when the pull began that the hour is based on; None if it is not done, or that is unknown.
    """
    ended = hour + AN_HOUR
    if began is None:
        return ended + SETTLING + GRACE
    return next((ended + step + GRACE for step in REPEATS if began < ended + step), None)


def newest_due_hour(now: datetime) -> datetime:
    """The newest hour whose first pull is due; `now` is in UTC."""
    return (now - SETTLING - GRACE).replace(minute=0, second=0, microsecond=0) - AN_HOUR


def plan_hours(
    *,
    now: datetime,
    first: datetime,
    done: Mapping[datetime, datetime | None],
    running: Collection[datetime],
    past: Mapping[datetime, RunHistory],
    history: History | None = None,
    late: LateEntries | None = None,
) -> Plan:
    """What to request, of the hours from `first` on; both it and `now` are in UTC.

    `done`: the hours that are, with the time at which their last pull began (None: unknown, pull again).
    `running` hours are left out; `past` holds the runs that were requested before.
    """
    history, late = history or History(), late or LateEntries()

    def failures(hour: datetime) -> int:
        return max(each.get(hour, NO_RUNS).failures for each in (past, history.past))

    newest = newest_due_hour(now)
    since = {
        hour: at
        for hour in hours_between(first, newest)
        if (at := late.found.get(hour) or due_since(hour, done.get(hour))) and at <= now
    }
    only_history = {hour for hour in since if hour not in done and history.is_only_history(hour, now)}
    since = {hour: at for hour, at in since.items() if hour not in only_history or hour not in history.loaded}
    missing = [hour for hour in since if hour not in done]
    due = [hour for hour in since if hour in done]

    def requestable(hours: list[datetime]) -> list[datetime]:
        return [hour for hour in hours if hour not in running and not past.get(hour, NO_RUNS).is_paused(now)]

    grown = min(requestable([hour for hour in due if hour in late.found]), default=newest)
    affected = [
        hour for hour in done if grown < hour <= newest and hour not in late.found and due_since(hour, done[hour])
    ]
    to_run = {*late.found, *late.to_run, *affected}
    to_compare = [hour for hour in due if done[hour] and hour not in to_run]
    in_passing = _pulled_in_passing(requestable(to_compare), {*since, *running}, past, now)
    is_newest_to_come = newest_due_hour(now + SETTLING) not in done
    waiting = {
        hour
        for hour in to_compare
        if hour in late.under_way or (is_newest_to_come and now - since[hour] <= WAITS_FOR_NEWEST)
    }
    requests = [_request([newest], past, "newest") for hour in requestable(missing) if hour == newest]
    to_load = [hour for hour in missing if hour in only_history]
    requests += _requests_to_load(to_load, running, history, now)
    is_loading = any(not history.past.get(hour, NO_RUNS).is_paused(now) for hour in to_load)
    thin: list[datetime] = []
    if not is_loading and not any(first <= hour < newest for hour in running):
        thin = _judged_too_early(history, [hour for hour in requestable(missing) if hour != newest], done)
        since |= {hour: now for hour in thin if hour not in since}
        old = [hour for hour in requestable(missing) if hour != newest and hour not in only_history]
        since |= {hour: now for hour in affected if hour not in since}
        settling = [hour for hour in requestable(sorted({*due, *affected})) if hour not in {*thin, *waiting}]
        recently_failed = [hour for hour in since if past.get(hour, NO_RUNS).is_paused(now)]
        waited_for = [hour for hour in recently_failed if past[hour].failures < ALERT_AFTER_FAILURES]
        before = min(waited_for, default=newest)
        of_last_pulls = {hour for hour in since if _is_of_last_pull(hour, now)}
        # The next stretch is requested once the oldest has run, because it is judged against its late entries too. An
        # hour that keeps failing is not waited for any more: the check names it.
        by_reason: dict[Reason, list[datetime]] = {
            "missing": old,
            "thin_history": requestable(thin),
            "settling": settling,
        }
        last_pulls = _requests(by_reason, past, among={hour for hour in of_last_pulls if hour < before})
        oldest = sorted(last_pulls, key=lambda request: request.first)[:1]
        backlog = _requests(by_reason, past, among=since.keys() - of_last_pulls)
        requests += sorted([*oldest, *backlog][:BACKLOG_RUNS], key=lambda request: request.reason == "settling")
    return Plan(
        tuple(requests),
        tuple(missing),
        (*due, *(hour for hour in thin if hour not in due)),
        failed=tuple(hour for hour in since if failures(hour)),
        failing=tuple(hour for hour in since if failures(hour) >= ALERT_AFTER_FAILURES),
        overdue=tuple(hour for hour, at in since.items() if now - at > OVERDUE_AFTER),
        again=in_passing,
    )


def _is_of_last_pull(hour: datetime, now: datetime) -> bool:
    return now >= hour + AN_HOUR + REPEATS[-1] + GRACE


def _pulled_in_passing(
    hours: list[datetime], unsettled: Collection[datetime], past: Mapping[datetime, RunHistory], now: datetime
) -> tuple[datetime, ...]:
    """Of hours that are due: the newest few. A last pull waits for those of earlier hours, and for whatever else is to
    be done about them unless they keep failing: should they get more entries, the hour is judged again."""
    others = [hour for hour in unsettled if hour not in hours]
    waited_for = [hour for hour in others if past.get(hour, NO_RUNS).failures < ALERT_AFTER_FAILURES]
    last_pulls = [hour for hour in hours if _is_of_last_pull(hour, now)]
    before = min([*waited_for, *last_pulls[1:]], default=now)
    ready = [hour for hour in hours if hour < before or not _is_of_last_pull(hour, now)]
    return tuple(ready[-MOST_IN_PASSING:])


def _requests_to_load(
    hours: list[datetime], running: Collection[datetime], history: History, now: datetime
) -> list[Request]:
    """Of these hours that are only history, what is to be queued so that the next run never has to be waited for."""
    waiting = [
        hour
        for hour in hours
        if hour not in history.loading and hour not in running and not history.past.get(hour, NO_RUNS).is_paused(now)
    ]
    stretches = _stretches(waiting, history.past)
    return [_request(each, history.past, "history") for each in stretches[: max(0, LOADING_RUNS - history.runs)]]


def _judged_too_early(
    history: History, on_their_way: list[datetime], done: Mapping[datetime, datetime | None]
) -> list[datetime]:
    """The hours that were judged on decidedly less history than is there now, if no more of it is on its way."""
    loaded = sorted(history.loaded)
    return [
        hour
        for hour, judged_on in sorted(history.judged_on.items())
        if hour in done
        and judged_on < HOURS_IN_WINDOW
        and is_worth_judging_again(judged_on, count_hours_present(loaded, hour))
        and not any(hour - AN_HOUR * HOURS_IN_WINDOW <= other < hour for other in on_their_way)
    ]


def _requests(
    by_reason: Mapping[Reason, list[datetime]], past: Mapping[datetime, RunHistory], *, among: Collection[datetime]
) -> list[Request]:
    """A request for each stretch of the hours that are `among` these, in the order of the reasons."""
    return [
        _request(stretch, past, reason)
        for reason, hours in by_reason.items()
        for stretch in _stretches([hour for hour in hours if hour in among], past)
    ]


def _stretches(hours: list[datetime], past: Mapping[datetime, RunHistory]) -> list[list[datetime]]:
    """Neighbouring hours of one UTC day. An hour that failed twice goes alone, lest others fail with it."""
    stretches: list[list[datetime]] = []
    alone = {hour for hour in hours if past.get(hour, NO_RUNS).failures >= 2}
    for hour in hours:
        last = stretches[-1][-1] if stretches else None
        if last and hour - last == AN_HOUR and hour.date() == last.date() and not alone & {hour, last}:
            stretches[-1].append(hour)
        else:
            stretches.append([hour])
    return stretches


def _request(stretch: list[datetime], past: Mapping[datetime, RunHistory], reason: Reason) -> Request:
    runs = max(past.get(hour, NO_RUNS).runs for hour in stretch)
    return Request(stretch[0], stretch[-1], runs + 1, reason)
