"""Which hours to request: a pure planner, without Dagster.

The newest hour always goes first, in a run of its own, since a fresh finding is worth most; then the oldest missing
hours, a day at a time. What runs is not requested again, and what failed too often is left alone and named.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

AN_HOUR = timedelta(hours=1)

BACKLOG_RUNS = 4
"""Runs of old hours that may be requested at a time: more would only queue in front of the next newest hour."""

MOST_ATTEMPTS = 5
"""After so many failed runs an hour waits for a person."""


@dataclass(frozen=True)
class Request:
    """A run to ask for: all hours from `first` to `last`; `attempt` counts from 1."""

    first: datetime
    last: datetime
    attempt: int
    newest: bool


@dataclass(frozen=True)
class Plan:
    """The runs to ask for, in this order, and the hours that failed too often."""

    requests: tuple[Request, ...]
    given_up: tuple[datetime, ...]


def plan(
    *,
    first: datetime,
    newest: datetime,
    done: Collection[datetime],
    running: Collection[datetime],
    failed: Mapping[datetime, int],
) -> Plan:
    """What to request, of the hours from `first` to `newest`.

    `done` and `running` are left out; `failed` says how often each hour has failed since it was last done.
    """
    expected = [first + AN_HOUR * step for step in range((newest - first) // AN_HOUR + 1)]
    missing = [hour for hour in expected if hour not in done and hour not in running]
    given_up = tuple(hour for hour in missing if failed.get(hour, 0) >= MOST_ATTEMPTS)
    wanted = [hour for hour in missing if hour not in given_up]
    requests = []
    if wanted and wanted[-1] == newest:
        requests.append(Request(newest, newest, failed.get(newest, 0) + 1, newest=True))
        wanted.pop()
    slots = BACKLOG_RUNS if not any(hour != newest for hour in running) else 0
    requests += [_request(stretch, failed) for stretch in _stretches(wanted, failed)[:slots]]
    return Plan(tuple(requests), given_up)


def _stretches(hours: list[datetime], failed: Mapping[datetime, int]) -> list[list[datetime]]:
    """Neighbouring hours of one UTC day that failed equally often: one bad hour then fails alone in the end."""
    stretches: list[list[datetime]] = []
    for hour in hours:
        last = stretches[-1][-1] if stretches else None
        alone = failed.get(hour, 0) >= 2
        if (
            last
            and hour - last == AN_HOUR
            and hour.date() == last.date()
            and not alone
            and not failed.get(last, 0) >= 2
        ):
            stretches[-1].append(hour)
        else:
            stretches.append([hour])
    return stretches


def _request(stretch: list[datetime], failed: Mapping[datetime, int]) -> Request:
    return Request(stretch[0], stretch[-1], max(failed.get(hour, 0) for hour in stretch) + 1, newest=False)
