"""Hour → the audit entries of that hour, complete or not at all.

In: Cloudflare's audit log, both streams. Out: for each hour of the run a Parquet hour of entries with the evidence of
its pull, and one of what could not be understood. True afterwards: the hour holds every entry that Cloudflare
returned for it, now or before, once; if any stream could not be pulled whole, nothing of the run was written. No hour
stands in memory as a whole: a large one would take more than everything else together.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.cloudflare.pulls import Pull
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.partitions import hourly_asset, hours_in, key_of
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import AN_HOUR, ENTRIES, pulls_of, with_pull

QUARANTINE = "quarantined_entries"

QUARANTINED = pl.Schema(
    {
        "stream": pl.String,
        "reason": pl.String,
        "native_id": pl.String,
        "time": pl.Datetime("us", "UTC"),
        "raw": pl.String,
    }
)
"""What could not be understood, and why. `time` is its own, or that of the entry before it; `raw` is ASCII JSON."""

SAME_TEXT = ["stream", "reason", "raw"]
"""What makes two quarantined members one: most of them have no id that could be trusted."""

REACH_BACK = AN_HOUR * 24
"""So far before its place in the log may one without a time have been filed: as long as a run of hours is."""

NOTHING_HELD = pl.DataFrame(schema={"entry_id": pl.String, "stream": pl.String})

PREVIEWED = 10


@hourly_asset(kinds={"cloudflare", "parquet"})
def raw_audit_entries(
    context: dg.AssetExecutionContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """Every entry of Cloudflare's audit log of the hour, from both streams, as typed rows with the raw JSON."""
    with raise_as_dagster_failure():
        hours = hours_in(context)
        store = storage.open()
        _refuse_hours_to_come(hours, storage.now())
        with closing(cloudflare.client()) as client:
            pulls = [client.pull(stream, hours[0], hours[-1] + AN_HOUR) for stream in cloudflare.streams()]
        quarantined_of = _by_hour(_filed_once(store, hours, pulls))
        for hour in hours:
            listed = pl.concat([pull.entries_of(hour) for pull in pulls])
            evidence = _evidence(store, hour, listed, pulls)
            entries = _grown(store, hour, listed)
            doubtful = _all_doubtful(store, hour, quarantined_of.get(hour, QUARANTINED.to_frame()))
            store.write(QUARANTINE, hour, doubtful)  # first: the hour counts as pulled once its entries are there
            store.write(ENTRIES, hour, entries, evidence)
            shown = _shown(entries, doubtful, store, hour) | _pulled(hour, evidence)
            context.add_asset_metadata(shown, partition_key=key_of(hour))


def _refuse_hours_to_come(hours: Sequence[datetime], now: datetime) -> None:
    """An hour that still runs would be stored as if it were whole."""
    if hours[-1] + AN_HOUR > now:
        raise dg.Failure(
            f"The hour {key_of(hours[-1])} has not ended: it can be pulled from {hours[-1] + AN_HOUR:%H:%M} UTC on.",
            allow_retries=False,
        )


def _by_hour(frame: pl.DataFrame) -> dict[datetime, pl.DataFrame]:
    """Filed by their own time, half-open; hours without a row are left out."""
    hour = pl.col("time").dt.truncate("1h").alias("hour")
    by_hour = frame.with_columns(hour).partition_by("hour", as_dict=True, include_key=False, maintain_order=True)
    return {key[0]: rows for key, rows in by_hour.items()}


def _evidence(store: HourStore, hour: datetime, listed: pl.LazyFrame, pulls: Sequence[Pull]) -> dict[str, Any]:
    streams = {
        pull.evidence.stream: asdict(pull.evidence) | {"started_at": pull.evidence.started_at.isoformat()}
        for pull in pulls
    }
    held = store.read(ENTRIES, hour, ["entry_id", "stream"])
    ids = listed.select("entry_id").collect()["entry_id"]
    return with_pull(store.evidence(ENTRIES, hour), streams, NOTHING_HELD if held is None else held, ids)


def _grown(store: HourStore, hour: datetime, now: pl.LazyFrame) -> pl.LazyFrame:
    """An hour only grows: what was once pulled stays as it is, since Axiom holds it so, and what is new is added."""
    before = store.read(ENTRIES, hour, ["entry_id"])
    stored = store.scan(ENTRIES, hour)
    if before is None or stored is None:
        return now
    return pl.concat([stored, now.join(before.lazy(), on="entry_id", how="anti")])


def _filed_once(store: HourStore, hours: Sequence[datetime], pulls: Sequence[Pull]) -> pl.DataFrame:
    """What the pulls put into quarantine, without what lies in that of another hour already.

    One without a time stands behind the entry before it, and which that is depends on what a pull asked for: it stays
    where it was filed first.
    """
    came = pl.DataFrame(
        [entry for pull in pulls for entry in pull.quarantined], schema={**QUARANTINED, "dated": pl.Boolean}
    )
    dated, undated = came.filter("dated").drop("dated"), came.filter(~pl.col("dated")).drop("dated")
    if undated.is_empty():
        return dated
    around = range(-(REACH_BACK // AN_HOUR), len(hours) + 1)
    filed = [store.read(QUARANTINE, hours[0] + AN_HOUR * step, SAME_TEXT) for step in around]
    known = pl.concat([undated.select(SAME_TEXT).clear(), *(frame for frame in filed if frame is not None)])
    return pl.concat([dated, undated.join(known, on=SAME_TEXT, how="anti", maintain_order="left")])


def _all_doubtful(store: HourStore, hour: datetime, now: pl.DataFrame) -> pl.DataFrame:
    """The quarantine only grows as well: it is the one place where these entries are kept."""
    before = store.read(QUARANTINE, hour)
    everything = now if before is None else pl.concat([before, now])
    return everything.unique(SAME_TEXT, keep="first", maintain_order=True)


def _shown(entries: pl.LazyFrame, quarantined: pl.DataFrame, store: HourStore, hour: datetime) -> dict[str, Any]:
    preview = entries.select("time", "actor", "action", "resource_type", "resource_id", "stream").sort("time")
    counted = entries.select("stream", "is_change", "actor_key").collect()
    by_stream = counted.group_by("stream").len()
    return {
        "dagster/partition_row_count": counted.height,
        "changes": int(counted["is_change"].sum()),
        "actors": counted["actor_key"].n_unique(),
        "quarantined": quarantined.height,
        **{f"stream_{stream}": count for stream, count in by_stream.iter_rows()},
        "preview": dg.MetadataValue.md(markdown_table(preview.head(PREVIEWED).collect())),
        "file": str(store.path(ENTRIES, hour)),
    }


def _pulled(hour: datetime, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The pulls of the hour: what came late came after the first, between the pull before and the one that has it."""
    pulls = pulls_of(evidence)
    table = pl.DataFrame(
        [
            {
                "pull began": f"{pull.began:%Y-%m-%d %H:%M:%S}",
                "after the hour's end": str(pull.began - hour - AN_HOUR),
                "entries added": pull.added,
                "no longer listed": pull.no_longer_listed,
            }
            for pull in pulls
        ]
    )
    return {
        "pull_began": dg.MetadataValue.timestamp(pulls[-1].began),
        "came_late": sum(pull.added for pull in pulls[1:]),
        "no_longer_listed": pulls[-1].no_longer_listed,
        "entry_ids_sha256": evidence["entry_ids_sha256"],
        "pulls": dg.MetadataValue.md(markdown_table(table)),
    }
