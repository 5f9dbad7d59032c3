"""This hour against the baseline → the actors who deviate, with polars.

In: the hour's activity, baselines, touched types and scores, the organisation's scores of the last weeks, the policy;
the Parquet hour for names and what was touched. Out: one row per deviation, what rings first, with the address that
opens the actor's activity in Axiom. True afterwards: what either rule finds is in it, and `disposition` says what becomes
of it; the same hour, history and policy always give the same rows.
"""

from datetime import datetime

import dagster as dg
import polars as pl

from audit_assets.config import policy
from audit_assets.config.change_filter import COLUMNS, is_change
from audit_assets.config.policy_tables import Policy
from audit_assets.defs.assets.actor_baselines import ACTIVITY, ASSESSED, BASELINES, TOUCHED, actor_baselines
from audit_assets.defs.assets.organisation_history import SCORES_BEFORE, TOUCHED_BY, day_of
from audit_assets.defs.assets.raw_audit_entries import ENTRIES
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.partitions import AN_HOUR, hourly_asset, hours_in, key_of
from audit_assets.defs.resources import AxiomResource, StorageResource
from audit_assets.detection.flagging import JudgedHours, flag_deviations
from audit_assets.detection.ranking import rank_scores
from audit_assets.detection.schemas import FLAG as FLAGGED_BY_NAME
from audit_assets.detection.schemas import ORGANISATION, SCORES, WINDOW
from audit_assets.storage.hour_store import HourStore

FLAGGED = "flagged_actors"

FLAGGED_ACTORS = pl.Schema({**FLAGGED_BY_NAME, "axiom_url": pl.String})
"""A deviation and its disposition, the actor's name for people, and the address that opens its activity in Axiom."""


class FlaggedActorsConfig(dg.Config):
    """The run config of `flagged_actors`, in place of the settings: `preset` (AUDIT_ASSETS_PRESET) and
    `tickets_per_day` (AUDIT_ASSETS_TICKETS_PER_DAY)."""

    preset: str | None = None
    tickets_per_day: float | None = None


@hourly_asset(deps=[actor_baselines], kinds={"polars"})
def flagged_actors(
    context: dg.AssetExecutionContext,
    config: FlaggedActorsConfig,
    axiom: dg.ResourceParam[AxiomResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """The actors who deviate in the hour, by how unusual it is for them, within a budget of tickets a day."""
    with raise_as_dagster_failure():
        store = storage.open()
        in_force = policy.policy(config.preset, config.tickets_per_day)
        before: dict[datetime, pl.DataFrame] = {}
        for hour in hours_in(context):
            if (day := day_of(hour)) not in before:
                before = {day: store.require(SCORES_BEFORE, day)}
            found = flag_deviations(_judged(store, hour, before[day], in_force), in_force)
            flagged = found.join(_links(found, hour, axiom), on="actor_key", how="left", maintain_order="left")
            store.write(FLAGGED, hour, flagged.select(FLAGGED_ACTORS.names()))
            rung = flagged.filter(pl.col("disposition") == "ticket")
            shown = (
                "disposition",
                "severity",
                "actor",
                "kind",
                "resource_type",
                "changes",
                "baseline_mean",
                "tickets_a_day",
            )
            context.add_asset_metadata(
                {
                    "preset": in_force.preset,
                    "flagged": rung["actor_key"].n_unique(),
                    "deviations": rung.height,
                    "below_threshold": flagged.height - rung.height,
                    "preview": dg.MetadataValue.md(markdown_table(flagged.select(shown))),
                },
                partition_key=key_of(hour),
            )


def _judged(store: HourStore, hour: datetime, before: pl.DataFrame, in_force: Policy) -> JudgedHours:
    """All that decides about an hour. `before`: the organisation's scores of the weeks before its day."""
    columns = ["time", "actor_key", "actor", "resource_type", *COLUMNS]
    entries = store.require(ENTRIES, hour, columns).sort("time")
    day = pl.concat([before, store.require(ASSESSED, hour)]).select(SCORES.names())
    scores = rank_scores(day, budget=in_force.tickets_a_day, since=day_of(hour)).filter(pl.col("hour") == hour)
    return JudgedHours(
        activity=store.require(ACTIVITY, hour),
        baselines=store.require(BASELINES, hour),
        touched=store.require(TOUCHED, hour),
        scores=scores.rename({"actor": "actor_key"}),
        colleagues=store.require(TOUCHED_BY, day_of(hour)).rename({"actor": "actor_key"}),
        touches=entries.filter(is_change(policy.counted())).select(
            "actor_key", "resource_type", "action", hour=pl.lit(hour).cast(pl.Datetime("us", "UTC")), kind="change_kind"
        ),
        names=entries.group_by("actor_key").agg(pl.col("actor", "actor_type").last()),
    )


def _links(found: pl.DataFrame, hour: datetime, axiom: AxiomResource) -> pl.DataFrame:
    """The address of each actor's activity; that of the organisation's finding shows all who had a part in it."""
    members = found["members"].explode().drop_nulls().unique().sort().to_list()
    keys = {actor: members if actor == ORGANISATION else [actor] for actor in found["actor_key"].unique()}
    urls = [axiom.activity_link(actors, hour - WINDOW, hour + AN_HOUR) for actors in keys.values()]
    return pl.DataFrame(
        {"actor_key": list(keys), "axiom_url": urls}, schema={"actor_key": pl.String, "axiom_url": pl.String}
    )
