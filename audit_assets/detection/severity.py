"""How severe a flagged actor's hour is: how rare it is, and what it touched.

The rarity is budget.py's; what weighs more is a team's own table (Sensitive in policy.py).
"""

from collections.abc import Sequence

import polars as pl

from audit_assets.config.policy_tables import SEVERITIES, Sensitive
from audit_assets.detection.schemas import HOUR

TOUCHES = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "resource_type": pl.String,
        "action": pl.String,
        "kind": pl.String,
    }
)
"""What was changed by whom: a row per actor, hour, resource type, action and kind of change, in any order. Action and
kind are null where they are not known."""

RAISED = pl.Schema({"hour": HOUR, "actor_key": pl.String, "raises": pl.Int64, "severity_because": pl.List(pl.String)})
"""By how many steps the severity of an actor's hour is raised, and what for, in the order of the table."""


def raised(touches: pl.DataFrame, sensitive: Sequence[Sensitive]) -> pl.DataFrame:
    """What the touches (TOUCHES) raise: a RAISED frame with a row for each hour and actor that touched any of it."""
    if not sensitive:
        return pl.DataFrame(schema=RAISED)
    what = ["resource_type", "action", "kind"]
    distinct = touches.select(pl.col(what).fill_null("")).unique(maintain_order=True)
    matches = [
        (*change, place, each.raises, each.because)
        for change in distinct.iter_rows()
        for place, each in enumerate(sensitive)
        if each.matches(*change)
    ]
    table = pl.DataFrame(
        matches,
        schema={**dict.fromkeys(what, pl.String), "place": pl.Int64, "steps": pl.Int64, "because": pl.String},
        orient="row",
    )
    return (
        touches.lazy()
        .with_columns(pl.col(what).fill_null(""))
        .join(table.lazy(), on=what)
        .unique(["hour", "actor_key", "place"])
        .sort("place")
        .group_by("hour", "actor_key", maintain_order=True)
        .agg(raises=pl.col("steps").sum(), severity_because="because")
        .select(RAISED.names())
        .collect()
        .cast(RAISED)
    )


def rank(severity: pl.Expr) -> pl.Expr:
    """low 0, medium 1, high 2, urgent 3."""
    return severity.replace_strict(SEVERITIES, range(len(SEVERITIES)), return_dtype=pl.Int64)


def named(rank: pl.Expr) -> pl.Expr:
    """The inverse of `rank`; what is beyond either end is the end."""
    ranks = rank.clip(0, len(SEVERITIES) - 1)
    return ranks.replace_strict(range(len(SEVERITIES)), SEVERITIES, return_dtype=pl.String)
