"""APL over the trailing days → what is usual for each actor that is active in the hour.

In: the dataset in Axiom, who is active (from the Parquet hour), the organisation's history, and what people said on
tickets. Out: the hour's own activity, the baselines, the touched resource types, and how unusual the hour is for each
of its actors, as detection takes them. True afterwards: nothing in them lies in or after the hour, except the hour's
own activity and scores. One set of queries serves all hours of a run.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from audit_assets.config import policy
from audit_assets.config.change_filter import COLUMNS, is_change
from audit_assets.config.errors import Incomplete
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.assets.organisation_history import (
    as_scored,
    day_of,
    days_of,
    organisation_history,
    organisation_of,
)
from audit_assets.defs.assets.raw_audit_entries import ENTRIES
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.partitions import AN_HOUR, hour_of, hourly_asset, hours_in, key_of
from audit_assets.defs.resources import AxiomResource, StorageResource
from audit_assets.detection.baselines import build_baselines
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY, score_hours
from audit_assets.detection.schemas import MEMORY, WINDOW
from audit_assets.detection.verdict_marks import count_marked_hours
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.verdict_table import TABLE as VERDICTS_TABLE
from audit_assets.tickets.verdict_table import decided_verdicts

ACTIVITY = "actor_activity"
BASELINES = "actor_baselines"
TOUCHED = "touched_resource_types"
ASSESSED = "actor_scores"
"""Of an hour: its actors' hours of the UTC day up to it, in SCORES without what `ranked` fills."""

A_DAY = timedelta(days=1)
HOURS_IN_WINDOW = WINDOW // AN_HOUR


@hourly_asset(deps=[organisation_history], kinds={"axiom", "polars"})
def actor_baselines(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """What is usual for each active actor and for the organisation, from the 30 days before the hour."""
    with raise_as_dagster_failure():
        hours = hours_in(context)
        store = storage.open()
        changes = pl.concat([_changes(store, hour) for hour in hours])
        judged = changes.select("hour", "actor_key")
        until = hours[-1] + AN_HOUR
        with closing(axiom.client()) as client:
            actors = judged["actor_key"].unique().sort().to_list()
            activity = client.activity(actors, day_of(hours[0]) - ACTIVITY_HISTORY, until)
            organisation_hours = client.organisation_hours(hours[0] - MEMORY, until)
            organisation_types = client.organisation_types(hours[0] - MEMORY, until)
        _refuse_other_counts(changes, activity)
        scored = as_scored(activity, _actors(store, hours), decided_verdicts(store.read(VERDICTS_TABLE, None)))
        examples = scored.filter(~pl.col("confirmed")).rename({"actor": "actor_key"})
        usual, touched = build_baselines(examples, organisation_hours, organisation_types, judged=judged, hours=hours)
        assessed = _assessed(store, scored, hours)
        ingested = {hour_of(key) for key in context.instance.get_materialized_partitions(axiom_ingest.key)}
        for hour in hours:
            here = pl.col("hour") == hour
            store.write(ACTIVITY, hour, activity.filter(here))
            store.write(TOUCHED, hour, touched.filter(here))
            store.write(BASELINES, hour, usual.filter(here))
            store.write(ASSESSED, hour, _of_todays_actors(assessed, judged.filter(here), hour))
            present = sum(hour - AN_HOUR * back in ingested for back in range(1, HOURS_IN_WINDOW + 1))
            context.add_asset_metadata(
                {
                    "active_actors": judged.filter(here).height,
                    "hours_present": present,
                    "hours_in_window": HOURS_IN_WINDOW,
                    **count_marked_hours(scored.filter(pl.col("hour") < hour)),
                    "preview": dg.MetadataValue.md(markdown_table(usual.filter(here).drop("hour").head(10))),
                },
                partition_key=key_of(hour),
            )


def _changes(store: HourStore, hour: datetime) -> pl.DataFrame:
    """Who made how many changes in the hour, by the Parquet hour."""
    entries = store.require(ENTRIES, hour, ["time", "actor_key", *COLUMNS]).filter(is_change(policy.counted()))
    by_actor = entries.group_by("actor_key", hour=pl.col("time").dt.truncate("1h"))
    return by_actor.agg(changes=pl.len().cast(pl.Int64))


def _actors(store: HourStore, hours: Sequence[datetime]) -> pl.DataFrame:
    """What the actors of these hours are called and of which type they are, by their last entry."""
    called = pl.concat([store.require(ENTRIES, hour, ["time", "actor_key", "actor", "actor_type"]) for hour in hours])
    return called.sort("time").unique("actor_key", keep="last", maintain_order=True)


def _assessed(store: HourStore, scored: pl.DataFrame, hours: Sequence[datetime]) -> pl.DataFrame:
    """The scores of these actors' hours in the UTC days of the run, each day against the organisation before it."""
    days = [
        score_hours(
            scored.filter(pl.col("hour") < day + A_DAY, pl.col("hour") >= day - ACTIVITY_HISTORY),
            organisation_of(store, day),
            since=day,
        )
        for day in days_of(hours)
    ]
    return pl.concat(days)


def _of_todays_actors(assessed: pl.DataFrame, judged: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """Of the hour's actors, the hours of its UTC day up to it: an earlier one may have opened the same ticket."""
    today = pl.col("hour").is_between(day_of(hour), hour)
    return assessed.filter(today).join(judged, left_on="actor", right_on="actor_key", how="semi")


def _refuse_other_counts(changes: pl.DataFrame, activity: pl.DataFrame) -> None:
    """Axiom must count this hour as the Parquet hour does: a cut within a query would show nowhere else."""
    counted = activity.group_by("hour", "actor_key").agg(counted=pl.col("changes").sum())
    both = changes.join(counted, on=["hour", "actor_key"], how="left").with_columns(pl.col("counted").fill_null(0))
    other = both.filter(pl.col("changes") != pl.col("counted"))
    if not other.is_empty():
        first = other.row(0, named=True)
        raise Incomplete(
            f"Axiom counts other changes than were pulled, for {other.height} actors: {first['counted']} in place of "
            f"{first['changes']} by actor {first['actor_key']} in {key_of(first['hour'])}. Run the hour again; if it "
            "stays so, something else writes into the dataset."
        )
