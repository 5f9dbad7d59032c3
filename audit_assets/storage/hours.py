"""Hours and UTC days, as tables are filed under them and as Dagster names them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from audit_assets.config.settings_table import HOUR_FORMAT

AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)


YEARS_OF_NAMES = 20_000
"""So many names of hours are kept with what they mean: two years and more. Each look at the hours reads all that there
are several times, for each account."""


@lru_cache(maxsize=YEARS_OF_NAMES)
def hour_of(name: str) -> datetime:
    """The start of the hour of that name, aware and in UTC. Raises `ValueError` if it names none."""
    return datetime.strptime(name, HOUR_FORMAT).replace(tzinfo=UTC)


def key_of(hour: datetime) -> str:
    """The name of an hour, which is its partition key."""
    return hour.astimezone(UTC).strftime(HOUR_FORMAT)


def hours_between(first: datetime, last: datetime) -> list[datetime]:
    """The hours from the first to the last, both among them."""
    return [first + AN_HOUR * step for step in range((last - first) // AN_HOUR + 1)]


def day_of(hour: datetime) -> datetime:
    """The start of the UTC day of an hour."""
    return hour.replace(hour=0)


def days_of(hours: Iterable[datetime]) -> list[datetime]:
    """The UTC days of some hours, oldest first."""
    return sorted({day_of(hour) for hour in hours})
