"""Which active hours belong to a confirmed incident: they are scored, and are no example of what is usual."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from audit_assets.config.policy_tables import ConfirmedIncident

AN_HOUR = timedelta(hours=1)


def with_incidents(activity: pl.DataFrame, incidents: Sequence[ConfirmedIncident], names: pl.DataFrame) -> pl.DataFrame:
    """The activity (ACTOR_ACTIVITY, `actor` being the key) with the column `confirmed`: whether an incident has any
    part of the hour. `names`, with the columns actor_key and actor, says what each key is called; a name means all
    that are called so."""
    return activity.with_columns(
        confirmed=pl.any_horizontal(pl.lit(value=False), *(_belongs_to(each, names) for each in incidents))
    )


def _belongs_to(incident: ConfirmedIncident, names: pl.DataFrame) -> pl.Expr:
    called = names.filter(pl.col("actor") == incident.actor)["actor_key"]
    return (
        pl.col("actor").is_in([incident.actor, *called])
        & (pl.col("hour") < incident.end)
        & (pl.col("hour") > incident.start - AN_HOUR)
    )
