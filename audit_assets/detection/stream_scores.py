"""Scores of active hours of a whole stream: how unusual each is, why, and whether it rings at a budget."""

import polars as pl

from audit_assets.detection.activity_arrays import activity_of
from audit_assets.detection.hour_scores import assess_stream
from audit_assets.detection.ranking import ranked


def score(events: pl.DataFrame, *, budget: float = 1.0) -> pl.DataFrame:
    """Scores a whole stream of events (time, actor, actor_type, resource_type; more columns are ignored, but an
    `entry_id` drops duplicates) at a budget of tickets a day. Returns SCORES by hour and actor."""
    return score_activity(activity_of(events), budget=budget)


def score_activity(activity: pl.DataFrame, *, budget: float = 1.0) -> pl.DataFrame:
    """As `score`, from everybody's tidy rows (ACTOR_ACTIVITY)."""
    return ranked(assess_stream(activity), budget=budget)
