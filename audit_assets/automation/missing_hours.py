"""Which hours to request: a pure planner, without Dagster.

The newest hour always goes first, in a run of its own, since a fresh finding is worth most; then the oldest missing
hours, a day at a time. What runs is not requested again; what failed rests for a growing while, but is never given up:
when an outage ends, its hours come in by themselves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

AN_HOUR = timedelta(hours=1)

BACKLOG_RUNS = 4
"""Runs of old hours that may be requested at a time: more would only queue in front of the next newest hour."""

ALARMING_FAILURES = 5
"""From so many failed runs on, an hour is named to whoever reads the log."""

FIRST_REST, LONGEST_REST = timedelta(minutes=5), timedelta(hours=6)
"""How long a failed hour is left alone: doubled with each failure, so that an outage is not met with a storm."""


@dataclass(frozen=True)
class Past:
    """The runs of an hour that have ended: how many, how many failed, and when the last of those did."""

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
    newest: bool


@dataclass(frozen=True)
class Plan:
    """The runs to ask for, in this order, and the hours that keep failing."""

    requests: tuple[Request, ...]
    failing: tuple[datetime, ...]


def plan(
    *,
    now: datetime,
    first: datetime,
    newest: datetime,
    done: Collection[datetime],
    running: Collection[datetime],
    past: Mapping[datetime, Past],
) -> Plan:
    """What to request, of the hours from `first` to `newest`.

    `done` and `running` are left out; `past` tells of the runs that were asked for before.
    """
    expected = [first + AN_HOUR * step for step in range((newest - first) // AN_HOUR + 1)]
    missing = [hour for hour in expected if hour not in done]
    failing = tuple(hour for hour in missing if past.get(hour, NEVER_RUN).failures >= ALARMING_FAILURES)
    wanted = [hour for hour in missing if hour not in running and not past.get(hour, NEVER_RUN).rests(now)]
    requests = []
    if wanted and wanted[-1] == newest:
        requests.append(Request(newest, newest, past.get(newest, NEVER_RUN).runs + 1, newest=True))
        wanted.pop()
    backlog_runs = any(first <= hour < newest for hour in running)
    slots = 0 if backlog_runs else BACKLOG_RUNS
    requests += [_request(stretch, past) for stretch in _stretches(wanted, past)[:slots]]
    return Plan(tuple(requests), failing)


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


def _request(stretch: list[datetime], past: Mapping[datetime, Past]) -> Request:
    runs = max(past.get(hour, NEVER_RUN).runs for hour in stretch)
    return Request(stretch[0], stretch[-1], runs + 1, newest=False)
