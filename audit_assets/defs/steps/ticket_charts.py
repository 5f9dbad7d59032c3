"""What the charts of an hour's tickets are drawn from, and what is told of them in its run."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime

import dagster as dg
import polars as pl

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.defs.partitions import AN_HOUR, key_of
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.hour_charts import HourCharts
from audit_assets.detection.baselines import history_since
from audit_assets.detection.schemas import WINDOW
from audit_assets.tickets.finding_builder import members_of

NOT_LONG = AxiomLimits(attempts=2, attempt_seconds=20.0, total_seconds=5.0, read_seconds=15.0, visibility_seconds=5.0)
"""No ticket waits longer for a picture."""


def charts_of(flagged: pl.DataFrame, baselines: pl.DataFrame, axiom: AxiomResource) -> HourCharts:
    """The charts of the tickets of these flagged actors, of one hour; `baselines` are that hour's."""
    members, hour = members_of(flagged), flagged["hour"][0]
    return HourCharts(lambda: _activity(axiom, members, hour), history_since(baselines), clock=axiom.clock)


def tell_of(charts: HourCharts, context: dg.AssetExecutionContext, hour: datetime) -> None:
    """How many charts were drawn, and why others are missing: once an hour."""
    if charts.drawn:
        context.add_asset_metadata({"charts": charts.drawn}, partition_key=key_of(hour))
    if charts.errors:
        told = said_of_missing(charts)
        context.log.warning(told)
        context.add_asset_metadata({"chart_errors": told}, partition_key=key_of(hour))


def said_of_missing(charts: HourCharts) -> str:
    """Why tickets have no chart."""
    return f"Tickets went out without a chart. {' '.join(charts.errors)}"


def _activity(axiom: AxiomResource, members: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """One question to Axiom serves all tickets of an hour. Raises `ServiceError`."""
    with closing(replace(axiom, limits=NOT_LONG).client()) as client:
        changes = client.activity([*members["actor_key"].unique()], hour - WINDOW, hour + AN_HOUR)
    return members.join(changes, on="actor_key")
