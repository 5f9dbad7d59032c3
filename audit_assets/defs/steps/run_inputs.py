"""What the assets of a run share, loaded once: account, policy and watch rules as of the run's start, hours' entries.

A policy or rule file that is edited meanwhile is the next run's. Of an hour's entries only the columns that the assets
need are loaded, and as many hours are kept as fit: the raw text of an hour is never in memory as a whole.
"""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from audit_assets.config.change_filter import COLUMNS, ChangeFilter, is_change
from audit_assets.config.policy import Tables, tables
from audit_assets.defs.steps.geography import Geography, open_geography
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.detection.severity import TOUCHES
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.finding_evidence import BEHIND
from audit_assets.watch.rules import WatchRules

ENTRY_COLUMNS = ("entry_id", "time", "stream", "actor_key", "actor", "actor_type")
"""What is kept of every entry of an hour."""

CHANGE_COLUMNS = tuple(dict.fromkeys(["time", "actor_key", "actor", "resource_type", *COLUMNS, *BEHIND]))
"""What is kept of the entries that count as changes."""

MOST_ROWS = 200_000
"""Rows that a run keeps, about 100 MB: what is beyond is read again by each asset that needs it."""


@dataclass(frozen=True)
class HourEntries:
    """The entries of an hour, oldest first: `entries` all of them (ENTRY_COLUMNS), `changes` those that count
    (CHANGE_COLUMNS), `actors` the actor_key, actor and actor_type of everybody in them, as the last entry has it."""

    entries: pl.DataFrame
    changes: pl.DataFrame
    actors: pl.DataFrame

    @property
    def touches(self) -> pl.DataFrame:
        """Who changed what, and how: TOUCHES of detection."""
        hour = pl.col("time").dt.truncate("1h").cast(TOUCHES["hour"])
        changes = self.changes.select("actor_key", "resource_type", "action", hour=hour, kind="change_kind")
        return changes.select(TOUCHES.names())


@dataclass(frozen=True)
class RunInputs:
    """The frozen inputs of one run."""

    account_id: str
    tables: Tables
    store: HourStore
    rules: WatchRules
    geography: Geography | None = None
    _kept: dict[datetime, HourEntries] = field(default_factory=dict, repr=False, compare=False)

    def entries_of(self, hour: datetime) -> HourEntries:
        """The entries of a stored hour. Raises `StoreError` if it is not there or can't be read."""
        if hour in self._kept:
            return self._kept[hour]
        loaded = _load(self.store, hour, self.tables.counted)
        kept_rows = sum(each.entries.height for each in self._kept.values())
        if kept_rows + loaded.entries.height <= MOST_ROWS:
            self._kept[hour] = loaded
        return loaded


def load_run_inputs(account_id: str, store: HourStore) -> RunInputs:
    """The inputs of a run that starts now. Raises `SettingError` for a policy, watch rules or an MMDB file that
    can't be used."""
    return RunInputs(account_id, tables(), store, load_watch_rules(), open_geography())


def _load(store: HourStore, hour: datetime, change_filter: ChangeFilter) -> HourEntries:
    stored = store.scan(ENTRIES, hour)
    if stored is None:
        raise store.missing(ENTRIES, hour)
    with store.reading(ENTRIES, hour):
        entries, changes = pl.collect_all(
            [stored.select(ENTRY_COLUMNS), stored.select(CHANGE_COLUMNS).filter(is_change(change_filter))]
        )
    in_order = entries.sort("time", maintain_order=True)
    actors = in_order.select("actor_key", "actor", "actor_type").unique("actor_key", keep="last", maintain_order=True)
    return HourEntries(in_order, changes.sort("time", maintain_order=True), actors)
