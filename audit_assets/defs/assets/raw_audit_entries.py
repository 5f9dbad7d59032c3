"""Hour → the audit entries of that hour, complete or not at all.

In: Cloudflare's audit log, each stream of it. Out: for each hour of the run a Parquet hour of entries with the history
of its pulls, and one of what could not be understood. True afterwards: the hour holds every entry that Cloudflare
returned for it, now or before, once; if any stream could not be pulled whole, nothing of the run was written.
The run of the newest hour also pulls hours again that its tag names, for late entries, and records what they hold now.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import PULL_BEGAN, hourly_asset, observe_pull, without_zeros
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.materialized_hours import read_newest_pulls
from audit_assets.defs.partitions import hours_in, pulled_again
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.defs.steps.first_contact import refuse_contradicted
from audit_assets.defs.steps.hour_entries import FiledHour, file_hours, refuse_hours_to_come
from audit_assets.defs.steps.late_entries import pull_again
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.tables import ENTRIES


@hourly_asset(table=ENTRIES, kinds={"cloudflare", "parquet"})
def raw_audit_entries(
    context: dg.AssetExecutionContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """Every entry of Cloudflare's audit log of the hour, from all streams, as typed rows with the raw JSON."""
    with raise_as_dagster_failure():
        hours, store = hours_in(context), storage.open(context.run.run_id)
        refuse_hours_to_come(hours, storage.now())
        refuse_contradicted(store, "Cloudflare")
        storage.claim(store, cloudflare.account_id())
        with closing(cloudflare.client()) as client:
            pulls = [client.pull(stream, hours[0], hours[-1] + AN_HOUR) for stream in cloudflare.streams()]
            again = [hour for hour in pulled_again(context.run.tags) if hour < hours[0]]
            known = read_newest_pulls(context.instance, [*again, *hours])
            for filed in file_hours(store, hours, pulls, known):
                metadata = {**_metadata(filed), "file": str(store.path(ENTRIES, filed.hour))}
                context.add_asset_metadata(metadata, partition_key=key_of(filed.hour))
            for found in pull_again(client, cloudflare.streams(), store, again, known):
                if isinstance(found, str):
                    context.log.warning(found)
                else:
                    context.log_event(observe_pull(context.asset_key, *found))


def _metadata(filed: FiledHour) -> Mapping[str, Any]:
    """The hour in numbers. An entry came late if a later pull than the first brought it."""
    pulls = [
        {
            "pull began": f"{pull.began:%Y-%m-%d %H:%M:%S}",
            "after the hour's end": str(pull.began - filed.hour - AN_HOUR),
            "entries added": pull.added,
            "no longer listed": pull.no_longer_listed,
        }
        for pull in filed.pulls
    ]
    return {
        "dagster/partition_row_count": filed.rows,
        "changes_before_policy": filed.changes_before_policy,
        "actors": filed.actors,
        **without_zeros(
            {
                "quarantined": filed.quarantined,
                "came_late": sum(pull.added for pull in filed.pulls[1:]),
                "no_longer_listed": filed.pulls[-1].no_longer_listed,
            }
        ),
        **{f"stream_{stream}": count for stream, count in filed.by_stream.items()},
        "preview": dg.MetadataValue.md(markdown_table(filed.preview)),
        PULL_BEGAN: dg.MetadataValue.timestamp(filed.pulls[-1].began),
        "entry_ids_sha256": filed.entry_ids_sha256,
        "pulls": dg.MetadataValue.md(markdown_table(pl.DataFrame(pulls))),
    }
