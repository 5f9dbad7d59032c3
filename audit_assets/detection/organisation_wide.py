"""Deviations that many actors share in one hour: a migration or a rotation of secrets is one finding, not many.

Actors share a deviation if it is about the same resource type: new to each of them, or the type that most of their
unusually many changes went to (docs/facts/detection.md, 2.4, "Deploy days").
"""

import polars as pl

from audit_assets.detection.schemas import HOUR_OF_ACTOR, MIN_BURST_RATIO, NEW_RESOURCE_TYPE, VOLUME

UNUSUAL_P = 0.01
"""From this p on, an actor's hour is unusual by itself (docs/facts/detection.md, 2.4, "Deploy days")."""

MIN_ACTORS = 3
"""So many actors make a deviation the organisation's. With the "or 5 %" of 2.4 one actor of twenty would do."""

MAIN_SHARE = 0.5
"""A burst is about the resource type that more than this share of its changes went to, unless what went to others would
be a burst by itself: on the organisation's ticket nobody sees that, and a dismissal of it would cover that too."""


def find_organisation_wide_deviations(scores: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """Which deviations at least MIN_ACTORS actors share: rows of hour, actor_key, kind, resource_type.

    `scores` are SCORES with actor_key in place of actor, of whole hours; `activity` (ACTIVITY) is that of the same
    hours. Compared are the deviations that alert or have a p of at most UNUSUAL_P. `kind` is `volume`, with the type
    that the burst was about, or `new_resource_type`.
    """
    reasons = pl.col("reasons").list
    unusually_many = scores.filter((pl.col("p_volume") <= UNUSUAL_P) | reasons.contains("volume"))
    others = pl.col("total") - pl.col("changes")
    totals = activity.lazy().group_by(HOUR_OF_ACTOR).agg(total=pl.col("changes").sum())
    bursts = (
        activity.lazy()
        .join(totals, on=HOUR_OF_ACTOR)
        .filter(pl.col("changes") > MAIN_SHARE * pl.col("total"))
        .join(unusually_many.lazy().select(*HOUR_OF_ACTOR, "baseline_mean"), on=HOUR_OF_ACTOR)
        .filter(others < MIN_BURST_RATIO * pl.col("baseline_mean"))
        .select(*HOUR_OF_ACTOR, "resource_type", kind=pl.lit(VOLUME))
    )
    new_types = (
        scores.lazy()
        .filter(
            (pl.min_horizontal("p_novelty", "p_many_new") <= UNUSUAL_P)
            | reasons.contains("new_resource_type")
            | reasons.contains("many_new_resource_types")
        )
        .select(*HOUR_OF_ACTOR, resource_type="new_resource_types")
        .explode("resource_type", empty_as_null=False)
        .with_columns(kind=pl.lit(NEW_RESOURCE_TYPE))
    )
    return (
        pl.concat([bursts, new_types])
        .filter(pl.col("actor_key").n_unique().over("hour", "resource_type") >= MIN_ACTORS)
        .select(*HOUR_OF_ACTOR, "kind", "resource_type")
        .sort(pl.all())
        .collect()
    )
