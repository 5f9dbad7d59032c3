"""Which hours to request: a pure planner, without Dagster.

The newest hour always goes first, in a run of its own, since a fresh finding is worth most; then the oldest missing
hours, a day at a time; then hours that are done but due for another pull, because entries may come late. What runs is
not requested again; what failed rests for a growing while, but is never given up: when an outage ends, its hours come
in by themselves. An hour's last pull waits for those before it, since what it is judged against is never asked for
again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from audit_assets.storage.pull_history import AN_HOUR, REPEATS, SETTLING

GRACE = timedelta(minutes=3)
"""Waited for beyond any due time: it is judged by Cloudflare's clock, which may be behind ours. Also, the schedule,
where it is on, is first to ask for the newest hour."""

BACKLOG_RUNS = 4
"""Runs of old hours that may be requested at a time: more would only queue in front of the next newest hour."""

ALARMING_FAILURES = 5
"""From so many failed runs on, an hour is named to people."""

PATIENCE = timedelta(hours=3)
"""An hour that has been due for longer is behind, and people are told so."""

FIRST_REST, LONGEST_REST = timedelta(minutes=5), timedelta(hours=6)
"""How long a failed hour is left alone: doubled with each failure, so that an outage is not met with a storm."""

Reason = Literal["newest", "missing", "settling"]


@dataclass(frozen=True)
class Past:
    """The runs of an hour that have ended: how many, how many failed since it was last done, and when the last did."""

    runs: int = 0
    failures: int = 0
    failed_at: datetime | None = None

    def rests(self, now: datetime) -> bool:
        """Whether the last failure is too fresh for another run."""
        if self.failed_at is None:
            return False
        return now - self.failed_at < min(FIRST_REST * 2 ** min(self.failures - 1, 10), LONGEST_REST)


NEVER_RUN = Past()


@dataclass(frozen=True)
class Request:
    """A run to ask for: all hours from `first` to `last`; `attempt` counts from 1."""

    first: datetime
    last: datetime
    attempt: int
    reason: Reason


@dataclass(frozen=True)
class Plan:
    """The runs to ask for, in this order, and what people are told of: each a part of the hours that are due.

    `failing` hours failed often since they were last done; `behind` are hours that have been due for long.
    """

    requests: tuple[Request, ...]
    missing: tuple[datetime, ...]
    due: tuple[datetime, ...]
    failing: tuple[datetime, ...]
    behind: tuple[datetime, ...]


def due_since(hour: datetime, began: datetime | None) -> datetime | None:
    """From when on the hour's next pull is due; None if it was pulled for the last time.

    `began`: when the last pull that the hour rests on began; None for an hour that is not done, or does not know.
    """
    ended = hour + AN_HOUR
    if began is None:
        return ended + SETTLING + GRACE
    return next((ended + step + GRACE for step in REPEATS if began < ended + step), None)


def plan(
    *,
    now: datetime,
    first: datetime,
    done: Mapping[datetime, datetime | None],
    running: Collection[datetime],
    past: Mapping[datetime, Past],
) -> Plan:
    """What to request, of the hours from `first` on; both it and `now` are in UTC.

    `done`: the hours that are, with the time at which the pull began that they rest on (None: not known, pull again).
    `running` hours are left out; `past` tells of the runs that were asked for before.
    """
    newest = (now - SETTLING - GRACE).replace(minute=0, second=0, microsecond=0) - AN_HOUR
    expected = [first + AN_HOUR * step for step in range((newest - first) // AN_HOUR + 1)]
    since = {hour: at for hour in expected if (at := due_since(hour, done.get(hour))) and at <= now}
    missing = [hour for hour in since if hour not in done]
    due = [hour for hour in since if hour in done]

    def wanted(hours: list[datetime]) -> list[datetime]:
        return [hour for hour in hours if hour not in running and not past.get(hour, NEVER_RUN).rests(now)]

    requests = [_request([newest], past, "newest") for hour in wanted(missing) if hour == newest]
    if not any(first <= hour < newest for hour in running):
        old = [hour for hour in wanted(missing) if hour != newest]
        again = wanted(due)
        lately_failed = [hour for hour in since if past.get(hour, NEVER_RUN).rests(now)]
        patient = [hour for hour in lately_failed if past[hour].failures < ALARMING_FAILURES]
        last = _last_pulls(old, again, past, now, before=min(patient, default=newest))
        backlog = [_request(stretch, past, "missing") for stretch in _stretches(_not_last(old, now), past)]
        backlog += [_request(stretch, past, "settling") for stretch in _stretches(_not_last(again, now), past)]
        requests += sorted([*last, *backlog][:BACKLOG_RUNS], key=lambda request: request.reason == "settling")
    return Plan(
        tuple(requests),
        tuple(missing),
        tuple(due),
        failing=tuple(hour for hour in since if past.get(hour, NEVER_RUN).failures >= ALARMING_FAILURES),
        behind=tuple(hour for hour, at in since.items() if now - at > PATIENCE),
    )


def _is_last(hour: datetime, now: datetime) -> bool:
    """Whether a pull that begins now is the last one of that hour."""
    return now >= hour + AN_HOUR + REPEATS[-1] + GRACE


def _not_last(hours: list[datetime], now: datetime) -> list[datetime]:
    return [hour for hour in hours if not _is_last(hour, now)]


def _last_pulls(
    missing: list[datetime], due: list[datetime], past: Mapping[datetime, Past], now: datetime, *, before: datetime
) -> list[Request]:
    """The oldest stretch of hours whose last pull is due, if it lies `before` an hour that failed lately. The next one
    is requested once it has run: it is judged against what late entries have made of it. An hour that keeps failing
    holds nobody up any more, since people know of it."""
    by_reason: tuple[tuple[Reason, list[datetime]], ...] = (("missing", missing), ("settling", due))
    requests = [
        _request(stretch, past, reason)
        for reason, hours in by_reason
        for stretch in _stretches([hour for hour in hours if _is_last(hour, now) and hour < before], past)
    ]
    return sorted(requests, key=lambda request: request.first)[:1]


def _stretches(hours: list[datetime], past: Mapping[datetime, Past]) -> list[list[datetime]]:
    """Neighbouring hours of one UTC day. An hour that failed twice goes alone: it must not drag others along."""
    stretches: list[list[datetime]] = []
    alone = {hour for hour in hours if past.get(hour, NEVER_RUN).failures >= 2}
    for hour in hours:
        last = stretches[-1][-1] if stretches else None
        if last and hour - last == AN_HOUR and hour.date() == last.date() and not alone & {hour, last}:
            stretches[-1].append(hour)
        else:
            stretches.append([hour])
    return stretches


def _request(stretch: list[datetime], past: Mapping[datetime, Past], reason: Reason) -> Request:
    runs = max(past.get(hour, NEVER_RUN).runs for hour in stretch)
    return Request(stretch[0], stretch[-1], runs + 1, reason)
