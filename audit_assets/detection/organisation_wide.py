"""When many actors do the same unusual thing in an hour, it is one matter: a migration, a rotation of secrets.

"The same" is a resource type: new to each of them, or what most of their unusually many changes went to
(docs/facts/detection.md, 2.4, "Deploy days").
"""

import polars as pl

UNUSUAL = 0.01
"""From this p on, a single hour of an actor says something by itself."""

MANY = 3
"""So many actors make it the organisation's matter. The "or 5 %" of 2.4 would let a single actor of twenty do so."""

MOST = 0.5
"""More than this share of an actor's changes makes a type what its burst was about."""


def shared_matters(scores: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """Which deviations are many actors' at once: rows of hour, actor_key, kind, resource_type.

    `scores` are SCORES with actor_key in place of actor, of whole hours; `activity` (ACTIVITY) that of the same hours.
    What rings, or would say something by itself, is asked whether others share it. `kind` is `volume`, with the type
    that the burst was about, or `new_resource_type`.
    """
    hour_of_actor = ["hour", "actor_key"]
    rings = pl.col("reasons").list
    unusually_many = scores.filter((pl.col("p_volume") <= UNUSUAL) | rings.contains("volume"))
    totals = activity.lazy().group_by(hour_of_actor).agg(total=pl.col("changes").sum())
    bursts = (
        activity.lazy()
        .join(totals, on=hour_of_actor)
        .filter(pl.col("changes") > MOST * pl.col("total"))
        .join(unusually_many.lazy(), on=hour_of_actor, how="semi")
        .select(*hour_of_actor, "resource_type", kind=pl.lit("volume"))
    )
    news = (
        scores.lazy()
        .filter(
            (pl.min_horizontal("p_novelty", "p_many_new") <= UNUSUAL)
            | rings.contains("new_resource_type")
            | rings.contains("many_new_resource_types")
        )
        .select(*hour_of_actor, resource_type="new_resource_types")
        .explode("resource_type", empty_as_null=False)
        .with_columns(kind=pl.lit("new_resource_type"))
    )
    return (
        pl.concat([bursts, news])
        .filter(pl.col("actor_key").n_unique().over("hour", "resource_type") >= MANY)
        .select(*hour_of_actor, "kind", "resource_type")
        .sort(pl.all())
        .collect()
    )
