"""Which deviations a team has allowed for a while, and why: they are kept and marked, and do not alert.

An allowance is for the actor of a key, or for the person whom Cloudflare names by an e-mail address. What an API token
is called can be chosen by whoever makes it, as another one is called too, and allows nothing.
"""

from collections.abc import Sequence

import polars as pl

from audit_assets.config.policy_tables import Allowance
from audit_assets.detection.schemas import HOUR_OF_ACTOR, VOLUME

PERSON = "user"
"""The type of a person's own actions. Those by an API token of theirs have another (cloudflare/entries.py)."""


def mark_allowed(deviations: pl.DataFrame, activity: pl.DataFrame, allowances: Sequence[Allowance]) -> pl.DataFrame:
    """The deviations with the column `allowed_because`: the reason of the first allowance that covers each, or null.

    `deviations` need hour, actor_key, actor (its name), actor_type, kind, resource_type, changes, baseline_mean and
    horizon_hours;
    `activity` (ACTIVITY) is that of the same hours. An allowance of a resource type covers a volume of one hour whose
    other changes are no more than usual; of several hours it covers none, since a slow burst could hide in them.
    """
    of_actor = [each for each in allowances if each.resource_type is None]
    by_type = activity.join(deviations.select(*HOUR_OF_ACTOR, "actor", "actor_type").unique(), on=HOUR_OF_ACTOR)
    covered = (
        by_type.with_columns(type_reason=_reason(allowances))
        .filter(pl.col("type_reason").is_not_null())
        .group_by(HOUR_OF_ACTOR)
        .agg(covered=pl.col("changes").sum(), volume_reason=pl.col("type_reason").sort_by("changes").last())
    )
    volume = pl.col("kind") == VOLUME
    other_changes = pl.col("changes") - pl.col("covered")
    others_are_usual = (pl.col("horizon_hours") == 1) & (other_changes <= pl.col("baseline_mean"))
    return (
        deviations.join(covered, on=HOUR_OF_ACTOR, how="left", maintain_order="left")
        .with_columns(
            allowed_because=pl.when(volume & others_are_usual)
            .then(pl.coalesce(_reason(of_actor), "volume_reason"))
            .when(volume)
            .then(_reason(of_actor))
            .otherwise(_reason(allowances))
        )
        .drop("covered", "volume_reason")
    )


def _reason(allowances: Sequence[Allowance]) -> pl.Expr:
    """The reason of the first of these that is in force and covers the row's actor and resource type."""
    return pl.coalesce(
        *(pl.when(_covers(each)).then(pl.lit(each.reason)) for each in allowances), pl.lit(None, pl.String)
    )


def _covers(allowance: Allowance) -> pl.Expr:
    covers = pl.col("hour").dt.date() <= allowance.until
    if allowance.actor is not None:
        covers &= (pl.col("actor_key") == allowance.actor) | _is_person(allowance.actor)
    if allowance.resource_type is not None:
        covers &= pl.col("resource_type") == allowance.resource_type
    return covers


def _is_person(address: str) -> pl.Expr:
    """Whether the row's actor is the person of an e-mail address: a person is called by it, or by an id."""
    return pl.lit("@" in address) & (pl.col("actor_type") == PERSON) & (pl.col("actor") == address)
