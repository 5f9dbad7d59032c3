"""This hour against the baseline → the actors who deviate, with polars.

In: the hour's activity, baselines and touched types; the Parquet hour for the actors' names. Out: one row per
deviation, most severe first, with the address that opens the actor's activity in Axiom. True afterwards: an actor is
in it exactly if the rule flags it; the same hour and history always give the same rows.
"""

from datetime import datetime

import dagster as dg
import polars as pl

from audit_assets.assets.actor_baselines import ACTIVITY, BASELINES, TOUCHED, actor_baselines
from audit_assets.assets.previews import markdown_table
from audit_assets.assets.raw_audit_entries import ENTRIES
from audit_assets.detection.frames import DEVIATION, WINDOW
from audit_assets.detection.plain_rule import PlainRule, deviations
from audit_assets.failures import told_as_failures
from audit_assets.hour_store import HourStore
from audit_assets.partitions import AN_HOUR, hourly_asset, hours_in, key_of
from audit_assets.resources import AxiomResource, StorageResource
from audit_assets.settings import number

FLAGGED = "flagged_actors"

FLAGGED_ACTORS = pl.Schema({**DEVIATION, "actor": pl.String, "actor_type": pl.String, "axiom_url": pl.String})
"""A deviation, the actor's name for people, and the address that opens its activity in Axiom."""


@hourly_asset(deps=[actor_baselines], kinds={"polars"})
def flagged_actors(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """The actors who deviate in the hour: 10 times their usual changes, or a resource type new to them."""
    with told_as_failures():
        store = storage.open()
        rule = PlainRule(ratio=number("AUDIT_ASSETS_VOLUME_RATIO"), minimum=number("AUDIT_ASSETS_VOLUME_MINIMUM"))
        for hour in hours_in(context):
            found = deviations(
                store.require(ACTIVITY, hour), store.require(BASELINES, hour), store.require(TOUCHED, hour), rule
            )
            flagged = (
                found.join(_names(store, hour), on="actor_key", how="left", maintain_order="left")
                .join(_links(found, hour, axiom), on="actor_key", how="left", maintain_order="left")
                .with_columns(pl.col("actor").fill_null(pl.col("actor_key")), pl.col("actor_type").fill_null("unknown"))
                .select(FLAGGED_ACTORS.names())
            )
            store.write(FLAGGED, hour, flagged)
            context.add_asset_metadata(
                {
                    "flagged": flagged["actor_key"].n_unique(),
                    "deviations": flagged.height,
                    "preview": dg.MetadataValue.md(
                        markdown_table(flagged.select("severity", "actor", "kind", "resource_type", "changes", "usual"))
                    ),
                },
                partition_key=key_of(hour),
            )


def _names(store: HourStore, hour: datetime) -> pl.DataFrame:
    """What each actor was last called."""
    entries = store.require(ENTRIES, hour, ["time", "actor_key", "actor", "actor_type"])
    return entries.sort("time").group_by("actor_key").agg(pl.col("actor", "actor_type").last())


def _links(found: pl.DataFrame, hour: datetime, axiom: AxiomResource) -> pl.DataFrame:
    actors = found["actor_key"].unique().to_list()
    urls = [axiom.activity_link(actor, hour - WINDOW, hour + AN_HOUR) for actor in actors]
    return pl.DataFrame(
        {"actor_key": actors, "axiom_url": urls}, schema={"actor_key": pl.String, "axiom_url": pl.String}
    )
