"""Hours: the one partitions definition of all assets, and the hours and windows of a run.

UTC always: elsewhere some hours exist twice and some not at all. Every asset depends on the same hour upstream and
on no other: a trailing window declared as a partition mapping makes a backfill of 24 hours run 743
(docs/facts/dagster.md, B4).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from audit_assets.config.settings import HOUR_FORMAT, first_hour
from audit_assets.storage.hours import AN_HOUR, hour_of, key_of
from audit_assets.storage.pull_history import SETTLING

HOURLY = dg.HourlyPartitionsDefinition(start_date=first_hour(), timezone="UTC", fmt=HOUR_FORMAT)

A_DAY_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=24)
"""One policy for all assets: with two, a backfill falls apart into separate runs (docs/facts/dagster.md, B3)."""


def hours_in(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[datetime]:
    """The hours of a run, oldest first: one, or all of a backfill's range."""
    span = context.partition_key_range
    first, last = hour_of(span.start), hour_of(span.end)
    return [first + AN_HOUR * step for step in range((last - first) // AN_HOUR + 1)]


def newest_settled_hour(now: datetime) -> datetime:
    """The latest hour that ended long enough ago to be pulled."""
    settled = (now - SETTLING).astimezone(UTC)
    return settled.replace(minute=0, second=0, microsecond=0) - AN_HOUR


def range_tags(first: datetime, last: datetime) -> Mapping[str, str]:
    """The tags that make one run cover all hours from `first` to `last`."""
    return {
        "dagster/asset_partition_range_start": key_of(first),
        "dagster/asset_partition_range_end": key_of(last),
    }
