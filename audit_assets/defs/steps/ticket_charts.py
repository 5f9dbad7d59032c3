"""The charts of an hour's tickets: what they are drawn from, and what a run records of them."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.hour_charts import HourCharts
from audit_assets.detection.baselines import history_since
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.hours import AN_HOUR
from audit_assets.tickets.finding_builder import members_of

SHORT_WAIT = AxiomLimits(attempts=2, attempt_seconds=20.0, total_seconds=5.0, read_seconds=15.0, visibility_seconds=5.0)
"""No ticket waits longer for a picture."""


def build_charts(flagged: pl.DataFrame, baselines: pl.DataFrame, axiom: AxiomResource) -> HourCharts:
    """The charts of the tickets of these flagged actors, of one hour; `baselines` are that hour's."""
    members, hour = members_of(flagged), flagged["hour"][0]
    return HourCharts(lambda: _activity(axiom, members, hour), history_since(baselines), clock=axiom.clock)


def chart_metadata(charts: HourCharts) -> Mapping[str, Any]:
    """How many charts were drawn, and why others are missing."""
    missing = missing_charts(charts)
    return {
        **({"charts": charts.drawn} if charts.drawn else {}),
        **({"chart_errors": missing} if missing else {}),
    }


def missing_charts(charts: HourCharts) -> str | None:
    """Why tickets have no chart, or None if all have theirs."""
    return f"Tickets went out without a chart. {' '.join(charts.errors)}" if charts.errors else None


def _activity(axiom: AxiomResource, members: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """One query to Axiom serves all tickets of an hour. Raises `ServiceError`."""
    with closing(replace(axiom, limits=SHORT_WAIT).client()) as client:
        changes = client.activity([*members["actor_key"].unique()], hour - WINDOW, hour + AN_HOUR)
    return members.join(changes, on="actor_key")
