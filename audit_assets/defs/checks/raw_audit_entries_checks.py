"""What must be true of the entries of an hour, as the hour store holds them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from statistics import median

import dagster as dg
import polars as pl

from audit_assets.config.errors import StoreError
from audit_assets.defs.account_keys import PULLED
from audit_assets.defs.checks.check_results import hour_check, stop_hours, warn_of_hours, warning_check
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.materialized_hours import rows_of
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import CloudflareResource, RunInputsResource, StorageResource
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.pull_history import SETTLING, HourPull, added_when_settled, pulls_of
from audit_assets.storage.tables import ENTRIES, QUARANTINE

WEEK = timedelta(days=7)
WEEKS_COMPARED, WEEKS_NEEDED = 4, 3
SILENT_HOURS, NORMALLY_BUSY = 3, 10.0
"""Three empty hours in place of ten entries or more: one empty hour is nothing in a small company (judgement)."""

REASONS_SHOWN = 10

KnownRows = Callable[[Sequence[datetime]], Mapping[datetime, int]]


@hour_check(asset="raw_audit_entries", blocking=True)
def hour_is_complete(
    context: dg.AssetCheckExecutionContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> dg.AssetCheckResult:
    """Every stream was pulled to its end, after the hour had settled, and the hour holds its own entries, each once."""
    with raise_as_dagster_failure():
        inputs, streams = run_inputs.of_run(context.run.run_id), cloudflare.streams()
        found = {hour: incompleteness(inputs, hour, streams) for hour in hours_in(context)}
        return stop_hours({hour: problem for hour, problem in found.items() if problem})


def incompleteness(inputs: RunInputs, hour: datetime, streams: Sequence[str]) -> str | None:
    """What an hour lacks to be complete, as far as the store shows it; None if nothing."""
    history = inputs.store.metadata(ENTRIES, hour)
    if history is None:
        return "was not written"
    entries = inputs.entries_of(hour).entries
    if missing := [stream for stream in streams if stream not in history]:
        return f"lacks the stream {', '.join(missing)}"
    began = min(datetime.fromisoformat(history[stream]["started_at"]) for stream in streams)
    settled = hour + AN_HOUR + SETTLING
    if began < settled:
        return f"was pulled at {began:%H:%M}, before it had settled: run it again from {settled:%Y-%m-%d %H:%M} UTC on"
    ids = entries["entry_id"]
    if ids.hash().n_unique() < len(ids) and ids.n_unique() < len(ids):  # of their hashes, in a quarter of the memory
        return "holds an entry twice"
    if not entries.filter((pl.col("time") < hour) | (pl.col("time") >= hour + AN_HOUR)).is_empty():
        return "holds entries of another hour"
    return None


@warning_check(asset="raw_audit_entries")
def nothing_quarantined(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Every entry could be understood. Those that could not are kept, with their reason."""
    store = storage.open(context.run.run_id)
    quarantined = {hour: store.require(QUARANTINE, hour) for hour in hours_in(context)}
    problems = {hour: f"{frame.height} quarantined" for hour, frame in quarantined.items() if frame.height}
    reasons = pl.concat(quarantined.values()).group_by("stream", "reason").len().sort("len", descending=True)
    details = dg.MetadataValue.md(markdown_table(reasons.head(REASONS_SHOWN)))
    return warn_of_hours(context, problems, now=storage.now(), metadata={"details": details})


@warning_check(asset="raw_audit_entries")
def no_sudden_silence(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Hours without any entry are hours that usually have none: a lost permission looks like silence."""
    store = storage.open(context.run.run_id)
    recorded = partial(rows_of, context.instance, PULLED)
    missed = {hour: missed_entries(store, hour, recorded) for hour in hours_in(context)}
    problems = {
        hour: f"and the {SILENT_HOURS - 1} hours before it are empty; usually they hold {usual:.0f} entries"
        for hour, usual in missed.items()
        if usual
    }
    return warn_of_hours(context, problems, now=storage.now())


def missed_entries(store: HourStore, hour: datetime, known_rows: KnownRows = lambda _: {}) -> float:
    """How many entries are missed, if this hour and those before it are empty and usually are not; else 0.

    Usual is the median of the same hours of the last weeks. It is unknown until three weeks of them are stored.
    `known_rows`: how many entries hours hold, as far as that is known without the store.
    """
    silent = [hour - AN_HOUR * back for back in range(SILENT_HOURS)]
    weeks = [[each - WEEK * back for each in silent] for back in range(1, WEEKS_COMPARED + 1)]
    try:
        if store.counts(ENTRIES, [hour]) != {hour: 0}:
            return 0.0
        before = silent[1:]
        asked = [*before, *chain.from_iterable(weeks)]
        known = known_rows(asked) or store.counts(ENTRIES, asked)
    except StoreError:
        return 0.0  # a file that can't be read stops its own hour, not this one
    if [known.get(each) for each in before] != [0] * len(before):
        return 0.0
    counts = [{each: known[each] for each in week if each in known} for week in weeks]
    whole = [sum(week.values()) for week in counts if len(week) == SILENT_HOURS]
    usual = median(whole) if len(whole) >= WEEKS_NEEDED else 0.0
    return usual if usual >= NORMALLY_BUSY else 0.0


@warning_check(asset="raw_audit_entries")
def settled_hours_stay_as_they_are(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Nothing came after a pull that began a day or more after the hour's end: the log settles within a day."""
    problems = {
        hour: f"entries that came after a pull of a day or more after its end: {added}"
        for hour, pulls in _pulls(storage.open(context.run.run_id), hours_in(context)).items()
        if (added := added_when_settled(hour, pulls))
    }
    return warn_of_hours(context, problems, now=storage.now())


@warning_check(asset="raw_audit_entries")
def nothing_is_taken_back(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The last pull listed every entry that earlier ones had brought. What it did not list is kept."""
    problems = {
        hour: f"entries no longer in Cloudflare's answer: {pulls[-1].no_longer_listed}"
        for hour, pulls in _pulls(storage.open(context.run.run_id), hours_in(context)).items()
        if pulls and pulls[-1].no_longer_listed
    }
    return warn_of_hours(context, problems, now=storage.now())


def _pulls(store: HourStore, hours: Sequence[datetime]) -> dict[datetime, list[HourPull]]:
    return {hour: pulls_of(store.metadata(ENTRIES, hour) or {}) for hour in hours}
