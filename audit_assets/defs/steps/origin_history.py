"""Asks Axiom from where the flagged actors of an hour acted before: one query for all of them.

Without an answer the tickets are opened all the same, and show that it is not known.
"""

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime

import dagster as dg
import polars as pl

from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource
from audit_assets.detection.schemas import WINDOW
from audit_assets.tickets.origins import start_of_day


def seen_before(axiom: AxiomResource, actors: Iterable[str], hour: datetime) -> pl.DataFrame | None:
    """From where these actors (keys) acted in the 30 UTC days before the day of the hour, and in that day up to the
    hour: as `AxiomClient.origins` has it. None, and a warning in the run's log, if Axiom does not answer."""
    try:
        with closing(axiom.client()) as client:
            return client.origins([*actors], start_of_day(hour) - WINDOW, hour)
    except AuditAssetsError as error:
        dg.get_dagster_logger().warning("The tickets do not show whether an address was used before: %s", error)
        return None
