"""What Dagster's record has as done and the hour store lacks: a store lost with its container, or a part of it.

Hours that a setting has deleted, and those that came before the first hour, are not missed.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from audit_assets.config import settings
from audit_assets.config.errors import StoreError
from audit_assets.defs.account_keys import SUMMARIES, TICKETS, VERDICT_TABLE, asset_key
from audit_assets.defs.automation.ledger import LOOKED_BACK
from audit_assets.defs.materialized_hours import hours_made, newest_materializations
from audit_assets.reports.health_facts import LostHours
from audit_assets.storage.hour_groups import GROUPS
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import day_of, hour_of, hours_between
from audit_assets.storage.tables import (
    ADDRESSES,
    ELSEWHERE_BEFORE,
    ENTRIES,
    FLAGGED,
    NAMES_BEFORE,
    PAST_BEFORE,
    QUARANTINE,
    SUMMARY,
    VERDICTS,
)
from audit_assets.storage.tables import TICKETS as TICKETS_TABLE

NOT_ALWAYS = frozenset({ADDRESSES, NAMES_BEFORE, PAST_BEFORE, ELSEWHERE_BEFORE})
"""What hours lack that were judged before there were aggregates, or where there was one account: it is not missed, and
made anew when it is needed."""

WRITTEN_BY: Mapping[str, tuple[str, ...]] = {
    "raw_audit_entries": (ENTRIES, QUARANTINE),
    "organisation_history": tuple(table for table in GROUPS["history"] if table not in NOT_ALWAYS),
    "actor_baselines": tuple(table for table in GROUPS["baselines"] if table not in NOT_ALWAYS),
    "flagged_actors": (FLAGGED,),
    "opened_tickets": (TICKETS_TABLE,),
    "flagged_actor_summary": (SUMMARY,),
}
"""The tables that an asset writes of every hour, and always has."""

TABLES = tuple(table for tables in WRITTEN_BY.values() for table in tables)

OF_A_DAY = "organisation_history"

LOOK_EVERY = timedelta(minutes=10)
"""The sensor ticks each minute, and a look into an object store costs a dozen requests. A folder is looked into at each
tick."""


@dataclass(frozen=True)
class Lost:
    """`hours`: those of which a table is missing, oldest first. Of these, `not_pulled` lack their entries, and `judged`
    were judged; `without_their_tickets` had tickets and lack the record of them. `verdicts`: whether the table of
    people's verdicts is missing."""

    hours: tuple[datetime, ...] = ()
    not_pulled: tuple[datetime, ...] = ()
    judged: tuple[datetime, ...] = ()
    without_their_tickets: tuple[datetime, ...] = ()
    tables: tuple[str, ...] = ()
    verdicts: bool = False


def find_lost(instance: dg.DagsterInstance, store: HourStore, now: datetime, since: datetime | None = None) -> Lost:
    """Compare. `since`: the first hour in question, else that of the hours that the sensor looks back on. Raises
    `StoreError` and `SettingError`."""
    since = max(filter(None, (since or now - LOOKED_BACK, settings.first_hour(), _deleted_until(now))))
    looked_at = [hour for hour in hours_between(since.replace(minute=0, second=0, microsecond=0), now) if hour >= since]
    done = {asset: hours_made(instance, asset_key(asset), looked_at) for asset in WRITTEN_BY}
    hours = sorted(set().union(*done.values()))
    was_written = instance.get_latest_materialization_event(asset_key(VERDICT_TABLE)) is not None
    verdicts = was_written and store.metadata(VERDICTS, None) is None
    stored = store.hours_of(TABLES, day_of(hours[0]), hours[-1]) if hours else {}
    lacking: dict[str, set[datetime]] = {}
    for asset, tables in WRITTEN_BY.items():
        filed = {hour: day_of(hour) if asset == OF_A_DAY else hour for hour in done[asset]}
        for table in tables:
            lacking[table] = {hour for hour, under in filed.items() if under not in stored[table]}
    lost = set().union(*lacking.values())
    return Lost(
        hours=tuple(sorted(lost)),
        not_pulled=tuple(sorted(lacking[ENTRIES] | lacking[QUARANTINE])),
        judged=tuple(sorted(lost & done[SUMMARIES])),
        without_their_tickets=tuple(sorted(_with_tickets(instance, lacking[TICKETS_TABLE]))),
        tables=(*(table for table in TABLES if lacking[table]), *([VERDICTS] if verdicts else [])),
        verdicts=verdicts,
    )


@dataclass(frozen=True)
class StoreLook:
    """The last look of the sensor into the store: when it was, and what was lost then. The sensor's cursor holds it;
    one that can't be read is looked up again."""

    at: datetime | None = None
    lost: LostHours | None = None

    @classmethod
    def of(cls, cursor: str | None) -> "StoreLook":
        """That of a cursor."""
        try:
            return _LOOK.validate_json(cursor or "{}")
        except ValidationError:
            return cls()

    @property
    def cursor(self) -> str:
        """It as text."""
        return _LOOK.dump_json(self).decode()


_LOOK = TypeAdapter(StoreLook)


def look_again(before: StoreLook, instance: dg.DagsterInstance, store: HourStore, now: datetime) -> StoreLook:
    """A look of now, if one is due; a store that can't be listed is what the runs report."""
    if not store.is_folder and before.at and now - before.at < LOOK_EVERY:
        return before
    with suppress(StoreError):
        return StoreLook(now, describe_lost(find_lost(instance, store, now)))
    return before


def describe_lost(lost: Lost) -> LostHours | None:
    """As the doctor and the check `every_hour_is_done` report it; None if nothing is lost."""
    if not lost.tables:
        return None
    first, last = (lost.hours[0], lost.hours[-1]) if lost.hours else (None, None)
    return LostHours(len(lost.hours), first, last, lost.tables)


def _deleted_until(now: datetime) -> datetime | None:
    """Older hours may have been deleted by retention."""
    kept = settings.keep_hours()
    return day_of(now - kept) if kept else None


def _with_tickets(instance: dg.DagsterInstance, hours: Collection[datetime]) -> set[datetime]:
    """Those that opened, joined or found a ticket, by what Dagster shows of them."""
    made = [each.asset_materialization for each in newest_materializations(instance, asset_key(TICKETS), hours)]
    counts = {each.partition: each.metadata.get("tickets") for each in made if each}
    return {hour_of(key) for key, count in counts.items() if key and count and count.value}
