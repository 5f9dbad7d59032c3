"""Hours: the one partitions definition of all assets, and the hours of a run.

UTC always: elsewhere some hours exist twice and some not at all. Every asset depends on the same hour upstream and
on no other: a trailing window declared as a partition mapping makes a backfill of 24 hours run 743
(docs/facts/dagster.md, B4). Which hour is the first is read, and remembered, when the definitions are built.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import dagster as dg

from audit_assets.config.accounts import ENVIRONMENT, Account
from audit_assets.config.errors import SettingError
from audit_assets.config.settings_table import HOUR_FORMAT
from audit_assets.storage.first_start import days_before, first_hour, remember_first_hour, remember_first_hours
from audit_assets.storage.hour_store import open_store
from audit_assets.storage.hours import hour_of, hours_between, key_of

HOURS_TAG = "audit/hours"
"""Tag of a run: its hours, as people read them in the list of runs."""

PULLED_AGAIN_TAG = "audit/pulled_again"
"""Tag of a run of the newest hour: the hours that it pulls again in passing, for entries that come late."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def hours_from(first: datetime | str) -> dg.HourlyPartitionsDefinition:
    """All hours from the first one on."""
    return dg.HourlyPartitionsDefinition(start_date=first, timezone="UTC", fmt=HOUR_FORMAT)


HOURLY = hours_from("2026-03-10-00:00")
"""The hours of an asset that was imported by itself: since v2 of the log is generally available
(docs/facts/cloudflare.md, 2.1). `build_defs` gives all assets the hours that exist."""

A_DAY_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=24)
"""One policy for all assets: with two, a backfill falls apart into separate runs (docs/facts/dagster.md, B3)."""


def first_hours(accounts: Sequence[Account]) -> Mapping[str, datetime]:
    """The first hour of each account, by its key.

    One that can't be read or understood does not take down the code location, whatever an object store's package
    raises: the hours are those of the last 31 days then, and their runs fail with the reason (`hours_in`).
    """
    found: dict[str, datetime] = {}
    with suppress(Exception):
        if accounts == (ENVIRONMENT,):
            found = {ENVIRONMENT.key: remember_first_hour()}
        else:
            found = remember_first_hours(accounts)
    now = datetime.now(UTC)
    return {account.key: found.get(account.key) or days_before(now) for account in accounts}


def from_hour(first: datetime, assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets, the hourly ones with the hours that exist."""
    hours = hours_from(first)
    return [
        asset.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=hours))
        if asset.partitions_def == HOURLY
        else asset
        for asset in assets
    ]


def hours_in(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[datetime]:
    """The hours of a run, oldest first: one, or all of a backfill's range.

    Raises `SettingError` or `StoreError` for a first hour that can't be understood or read, and `SettingError` for a
    run of no hour, such as that of a check alone.
    """
    first_hour(open_store(context.run.run_id))
    if not (context.has_partition_key or context.has_partition_key_range):
        raise SettingError("This run is of no hour: launch it for a partition of an asset.")
    span = context.partition_key_range
    return hours_between(hour_of(span.start), hour_of(span.end))


def hours_tag(first: datetime, last: datetime) -> Mapping[str, str]:
    """The tag that shows which hours a run is of: `2026-11-22-09:00`, `2026-11-21-00:00 to 2026-11-21-23:00`."""
    return {HOURS_TAG: key_of(first) if first == last else f"{key_of(first)} to {key_of(last)}"}


def tag_run(context: dg.AssetExecutionContext) -> None:
    """Tag a run that was started otherwise than by our sensors and schedules, such as a backfill."""
    if HOURS_TAG in context.run.tags or not (context.has_partition_key or context.has_partition_key_range):
        return
    span = context.partition_key_range
    context.instance.add_run_tags(context.run.run_id, {**hours_tag(hour_of(span.start), hour_of(span.end))})


def pulled_again_tag(hours: Sequence[datetime]) -> Mapping[str, str]:
    """The tag that has a run pull these hours again; none if there are none."""
    return {PULLED_AGAIN_TAG: " ".join(map(key_of, sorted(hours)))} if hours else {}


def pulled_again(tags: Mapping[str, str]) -> list[datetime]:
    """The hours that a run with these tags pulls again. What names no hour is left out."""
    hours: list[datetime] = []
    for key in tags.get(PULLED_AGAIN_TAG, "").split():
        with suppress(ValueError):
            hours.append(hour_of(key))
    return hours


def range_tags(first: datetime, last: datetime) -> Mapping[str, str]:
    """The tags that make one run cover all hours from `first` to `last`."""
    return {RANGE_START: key_of(first), RANGE_END: key_of(last)}
