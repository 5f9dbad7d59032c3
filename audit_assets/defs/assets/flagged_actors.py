"""This hour against the baseline → the actors who deviate, with polars.

In: the hour's activity, baselines, touched types and scores, the organisation's scores of the last weeks, the policy;
the Parquet hour for names and what was touched. Out: one row per deviation, what opens a ticket first, with the address
that opens the actor's activity in Axiom. True afterwards: what either rule finds is in it, and `disposition` says what
becomes of it.
"""

from enum import Enum
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from audit_assets.config.policy import policy
from audit_assets.config.settings_table import LARGEST_NUMBER
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import hourly_asset
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, RunInputsResource
from audit_assets.defs.steps.hour_flags import flag_hours
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import FLAGGED

SHOWN = (
    *("disposition", "severity", "actor", "kind", "resource_type"),
    *("horizon", "changes", "baseline_mean", "tickets_a_day"),
)


class RunPreset(Enum):
    """The presets of the policy (config/policy_tables.py, PRESETS)."""

    balanced = "balanced"
    quiet = "quiet"
    plain = "plain"


class FlaggedActorsConfig(dg.Config):
    """The run config of `flagged_actors`, in place of the settings AUDIT_ASSETS_PRESET and
    AUDIT_ASSETS_TICKETS_PER_DAY."""

    preset: RunPreset | None = None
    tickets_per_day: float | None = Field(
        default=None,
        gt=0,
        le=LARGEST_NUMBER,
        allow_inf_nan=False,
        description="tickets a day that people can read: a number above 0",
    )


@hourly_asset(table=FLAGGED, kinds={"polars"})
def flagged_actors(
    context: dg.AssetExecutionContext,
    config: FlaggedActorsConfig,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """The actors who deviate in the hour, by how unusual it is for them, within a budget of tickets a day."""
    with raise_as_dagster_failure():
        inputs = run_inputs.of_run(context.run.run_id)
        preset = config.preset.value if config.preset else None
        in_force = policy(preset, config.tickets_per_day, inputs.tables)
        for hour, flagged, problem in flag_hours(inputs, hours_in(context), in_force, axiom.with_tables(inputs.tables)):
            if problem:
                context.log.warning(problem)
            metadata = {"preset": in_force.preset, **_metadata(flagged)}
            context.add_asset_metadata(metadata, partition_key=key_of(hour))


def _metadata(flagged: pl.DataFrame) -> dict[str, Any]:
    alerting = flagged.filter(pl.col("disposition") == "ticket")
    return {
        "flagged": alerting["actor_key"].n_unique(),
        "deviations": alerting.height,
        "below_threshold": flagged.height - alerting.height,
        "preview": dg.MetadataValue.md(markdown_table(flagged.select(SHOWN))),
    }
