"""Where the tickets of an hour lead: the raw entries of each flagged actor in Axiom, and the run in Dagster."""

from datetime import datetime

import polars as pl

from audit_assets.config.settings import dagster_url
from audit_assets.defs.partitions import AN_HOUR
from audit_assets.defs.resources import AxiomResource
from audit_assets.tickets.finding_builder import Links, members_of


def links_of(axiom: AxiomResource, flagged: pl.DataFrame, hour: datetime, run_id: str) -> Links:
    """The links of an hour's tickets."""
    members = members_of(flagged).group_by("finding").agg("actor_key")
    dagster = dagster_url()
    return Links(
        entries={key: axiom.entries_link(acted, hour, hour + AN_HOUR) for key, acted in members.iter_rows()},
        run_id=run_id,
        run_url=f"{dagster}/runs/{run_id}" if dagster else "",
    )
