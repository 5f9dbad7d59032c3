"""What the assets of a run share, loaded once: account, policy and watch rules as of the run's start, hours' entries.

A policy or rule file that is edited meanwhile is the next run's. An hour is read by parts: what is kept of all its
entries is which they are, and how often who did what. As many hours are kept as fit.
"""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.config.change_filter import COLUMNS, ChangeFilter, is_change
from audit_assets.config.policy import Tables, tables
from audit_assets.defs.steps.geography import Geography, open_geography
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.detection.severity import TOUCHES
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.finding_evidence import BEHIND
from audit_assets.watch.rules import WatchRules

ENTRY_COLUMNS = ("entry_id", "time", "stream")
"""What is kept of every entry of an hour."""

CHANGE_COLUMNS = tuple(dict.fromkeys(["time", "actor_key", "actor", "resource_type", *BEHIND]))
"""What tickets need of a change."""

CHANGE_COUNTS = pl.Schema({**TOUCHES, "changes": pl.Int64})
"""How many changes of an hour are alike: a row per actor, hour, resource type, action and kind of change."""

ACTORS = ("actor_key", "actor", "actor_type")

MOST_ROWS = 200_000
"""Rows that a run keeps, some 20 MB: what is beyond is read again by each asset that needs it."""


@dataclass(frozen=True)
class HourEntries:
    """The entries of an hour: `entries` all of them, oldest first (ENTRY_COLUMNS), `change_counts` how many of them
    count as changes (CHANGE_COUNTS), `actors` who everybody in them is, as the last entry has it (ACTORS)."""

    entries: pl.DataFrame
    change_counts: pl.DataFrame
    actors: pl.DataFrame

    @property
    def touches(self) -> pl.DataFrame:
        """Who changed what, and how: TOUCHES of detection."""
        return self.change_counts.select(TOUCHES.names())


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

    def changes_of(self, hour: datetime, actor_keys: pl.Series) -> pl.LazyFrame:
        """The changes of these actors in a stored hour, and those by which tokens that they used were made
        (CHANGE_COLUMNS). To be collected within `store.reading`, and not with all columns: of 500,000 changes these
        take 240 MB."""
        stored = self.store.scan(ENTRIES, hour)
        if stored is None:
            raise self.store.missing(ENTRIES, hour)
        changes = stored.filter(is_change(self.tables.counted)).select(CHANGE_COLUMNS)
        theirs = pl.col("actor_key").is_in(actor_keys.unique().implode())
        with self.store.reading(ENTRIES, hour):
            tokens = changes.filter(theirs).select(pl.col("token_id").drop_nulls().unique()).collect().to_series()
        is_creation = (pl.col("change_kind") == "create") & pl.col("resource_id").is_in(tokens.implode())
        return changes.filter(theirs | is_creation)


def load_run_inputs(account_id: str, store: HourStore) -> RunInputs:
    """The inputs of a run that starts now. Raises `SettingError` for a policy, watch rules or an MMDB file that
    can't be used."""
    return RunInputs(account_id, tables(), store, load_watch_rules(), open_geography())


def _load(store: HourStore, hour: datetime, change_filter: ChangeFilter) -> HourEntries:
    """An hour, by parts."""
    read = dict.fromkeys([*ENTRY_COLUMNS, *ACTORS, "resource_type", *COLUMNS])
    empty = ENTRY_SCHEMA.to_frame()
    entries, counts, actors = [empty.select(ENTRY_COLUMNS)], [CHANGE_COUNTS.to_frame()], [_last_of_actors(empty)]
    for part in store.parts(ENTRIES, hour, [*read]):
        entries.append(part.select(ENTRY_COLUMNS))
        counts.append(_counted(part.filter(is_change(change_filter))))
        actors.append(_last_of_actors(part))
    whole = pl.concat(entries)
    return HourEntries(
        whole if whole["time"].is_sorted() else whole.sort("time", maintain_order=True),
        pl.concat(counts).group_by(TOUCHES.names(), maintain_order=True).agg(pl.col("changes").sum()),
        _last_of_actors(pl.concat(actors)).select(ACTORS),
    )


def _counted(changes: pl.DataFrame) -> pl.DataFrame:
    """CHANGE_COUNTS of entries."""
    hour = pl.col("time").dt.truncate("1h").cast(TOUCHES["hour"])
    alike = changes.select("actor_key", "resource_type", "action", hour=hour, kind="change_kind")
    counted = alike.group_by(TOUCHES.names(), maintain_order=True).agg(changes=pl.len())
    return counted.select(pl.col(name).cast(dtype) for name, dtype in CHANGE_COUNTS.items())


def _last_of_actors(entries: pl.DataFrame) -> pl.DataFrame:
    """Of each actor the last entry, in the order of time."""
    in_order = entries.select(*ACTORS, "time").sort("time", maintain_order=True)
    return in_order.unique("actor_key", keep="last", maintain_order=True)
