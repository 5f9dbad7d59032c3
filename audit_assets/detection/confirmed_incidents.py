"""Which active hours belong to an incident that the policy confirms: scored, but no example of what is usual.

Other than an allowance, an incident may name an actor as it is called: who takes that name gains nothing, since such
hours alert as all others do, and make nothing usual.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from audit_assets.config.policy_tables import ConfirmedIncident

AN_HOUR = timedelta(hours=1)


def mark_incidents(activity: pl.DataFrame, incidents: Sequence[ConfirmedIncident], names: pl.DataFrame) -> pl.DataFrame:
    """The activity (ACTOR_ACTIVITY, `actor` being the key) with the column `confirmed`: whether an incident covers any
    part of the hour. `names` has the columns actor_key and actor; an incident that names an actor means every key of
    that name."""
    return activity.with_columns(
        confirmed=pl.any_horizontal(pl.lit(value=False), *(_belongs_to(each, names) for each in incidents))
    )


def _belongs_to(incident: ConfirmedIncident, names: pl.DataFrame) -> pl.Expr:
    keys = names.filter(pl.col("actor") == incident.actor)["actor_key"]
    return (
        pl.col("actor").is_in([incident.actor, *keys])
        & (pl.col("hour") < incident.end)
        & (pl.col("hour") > incident.start - AN_HOUR)
    )
