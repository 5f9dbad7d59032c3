"""Asks Axiom from where the flagged actors of an hour acted before: one query for all of them.

Without an answer the tickets are opened all the same, and show that it is not known.
"""

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime

import polars as pl

from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.hours import day_of


def fetch_origins(
    axiom: AxiomResource, actors: Iterable[str], hour: datetime
) -> tuple[pl.DataFrame | None, str | None]:
    """From where these actors (keys) acted in the 30 UTC days before the day of the hour, and in that day up to the
    hour: as `AxiomClient.origins` has it. None and a warning if Axiom does not answer."""
    try:
        with closing(axiom.client()) as client:
            return client.origins([*actors], day_of(hour) - WINDOW, hour), None
    except AuditAssetsError as error:
        return None, f"The tickets do not show whether an address was used before: {error}"
