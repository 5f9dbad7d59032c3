"""The input of a backtest from a file: a table of events, or an exported audit log as `audit-assets demo` takes it.

The entries of an export become changes as those of an hour do: by the policy's definition of a change, with the keys of
actors, the owners of tokens and the origins. Nothing is written.
"""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from audit_assets.cloudflare.actor_keys import with_owners
from audit_assets.cloudflare.change_kinds import FAILURE
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.change_filter import is_change, value_or_not_given
from audit_assets.config.policy import tables
from audit_assets.config.settings import cloudflare_account, is_set
from audit_assets.detection.activity_arrays import add_actor_types, count_changes
from audit_assets.exports.entries_file import EntriesFileError, read_entries
from audit_assets.exports.json_values import json_values
from audit_assets.exports.timed_entries import TimedEntry
from audit_assets.reports.backtest_input import (
    EVENT_COLUMNS,
    READERS,
    BacktestError,
    BacktestInput,
    input_of,
    origins_of,
    read_events,
    with_unique_names,
)
from audit_assets.storage.hours import AN_HOUR
from audit_assets.tickets.formatting import pluralize

LINES = (".ndjson", ".jsonl")
"""Suffixes of files that hold either events or an export: their first value decides."""

NO_ACCOUNT = "0" * 32
"""In the keys of actors where the account is not set: allowances by key apply only with it."""


def read_file(path: Path) -> BacktestInput:
    """Read a file: an audit log in any form that `demo --entries` takes, else a table of events, of which each counts
    as a change and an actor's name is its key. Raises `BacktestError`."""
    return input_of(read_events(path)) if _holds_events(path) else read_export(path)


def read_export(path: Path) -> BacktestInput:
    """Read an exported audit log. Raises `BacktestError`, `SettingError` for a malformed account or policy."""
    try:
        found = read_entries(path)
    except EntriesFileError as error:
        columns, suffixes = ", ".join(EVENT_COLUMNS), ", ".join(READERS)
        raise BacktestError(f"{error}; or give events ({columns}) as {suffixes}.") from None
    account = cloudflare_account() if is_set("CLOUDFLARE_ACCOUNT_ID") else NO_ACCOUNT
    streams = {"v2": found.v2, "v1": found.v1}
    read = [normalize_entries(_values(entries), stream, account) for stream, entries in streams.items()]
    entries = pl.concat([frame for frame, _ in read]).with_columns(changed=is_change(tables().counted))
    changes = entries.filter("changed")
    if changes.is_empty():
        held = pluralize(entries.height, "entry")
        raise BacktestError(f"{path} holds {held}, none of which counts as a change: give a longer export.")
    hours = changes["time"].dt.truncate("1h").sort()
    actors = with_owners(_actors(entries))
    return BacktestInput(
        activity=add_actor_types(_activity(changes), actors),
        actors=with_unique_names(actors),
        since=hours[0],
        until=hours[-1] + AN_HOUR,
        origins=origins_of(_origins(entries)),
        unreadable=found.unreadable + sum(len(quarantined) for _, quarantined in read),
    )


def _holds_events(path: Path) -> bool:
    """Whether a file is a table of events: by its suffix, or by its first value. An entry's time is further inside."""
    if path.suffix.lower() not in LINES:
        return path.suffix.lower() in READERS
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = islice((line for line in file if line.strip()), 1)
            first = next(json_values(next(lines, "")), (0, None))[1]
    except OSError:
        return True  # its reader names what is wrong
    return isinstance(first, dict) and "time" in first


def _values(entries: Sequence[TimedEntry]) -> list[object]:
    return [json.loads(entry.body) if isinstance(entry.body, str | bytes) else entry.body for entry in entries]


def _activity(changes: pl.DataFrame) -> pl.DataFrame:
    events = changes.select(
        "entry_id", "time", "actor_type", value_or_not_given("resource_type"), actor="actor_key", action="change_kind"
    )
    return count_changes(events).drop("actor_type").rename({"actor": "actor_key"})


def _actors(entries: pl.DataFrame) -> pl.DataFrame:
    """Each actor as its newest entry has it, with what identifies who is behind a token."""
    newest = entries.sort("time").group_by("actor_key").last().sort("actor_key")
    return newest.select(
        *("actor_key", "actor", "actor_type"),
        **{"account": "account_id", "person": "actor_id", "email": "actor_email", "token": "token_id"},
    )


def _origins(entries: pl.DataFrame) -> pl.DataFrame:
    """From where somebody did something, or viewed it; not where it failed, unless the policy counts that."""
    used = entries.filter(pl.col("changed") | (pl.col("action_result") != FAILURE))
    return used.select("time", "ip_address", "user_agent", "interface", "token_id", "changed", actor="actor_key")
