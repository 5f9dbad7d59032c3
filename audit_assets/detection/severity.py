"""How severe a flagged actor's hour is: how rare it is, and what it touched.

How rare an hour is comes from alert_threshold.py; which changes raise severity is a team's own table, `[[sensitive]]`
of its policy file.
"""

from collections.abc import Sequence

import polars as pl

from audit_assets.config.policy_tables import SEVERITIES, Sensitive
from audit_assets.detection.schemas import HOUR

BUDGET_SHARES = {"urgent": 0.1, "high": 1 / 3, "medium": 0.75, "low": 1.0}
"""Of the tickets of a budget the rarest tenth is urgent, a third urgent or high, three quarters at least medium: shares
by judgement (docs/detection.md, 5)."""

TOUCHES = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "resource_type": pl.String,
        "action": pl.String,
        "kind": pl.String,
    }
)
"""Who changed what: a row per actor, hour, resource type, action and kind of change, in any order. Action and kind are
null where they are not known."""

SEVERITY_RAISES = pl.Schema(
    {"hour": HOUR, "actor_key": pl.String, "raises": pl.Int64, "severity_because": pl.List(pl.String)}
)
"""By how many steps the severity of an actor's hour is raised, and why, in the order of the policy's table."""


def severity_by_rarity(tickets_a_day: pl.Expr, budget: float) -> pl.Expr:
    """The severity of a ticket by how often a day an hour as unusual comes; null beyond the budget."""
    severity = pl.lit(None, pl.String)
    for name, share in reversed(BUDGET_SHARES.items()):
        severity = pl.when(tickets_a_day <= budget * share).then(pl.lit(name)).otherwise(severity)
    return severity


def raise_severity(touches: pl.DataFrame, sensitive: Sequence[Sensitive]) -> pl.DataFrame:
    """What the touches (TOUCHES) raise: SEVERITY_RAISES, a row per hour and actor that touched any."""
    if not sensitive:
        return SEVERITY_RAISES.to_frame()
    change = ["resource_type", "action", "kind"]
    distinct = touches.select(pl.col(change).fill_null("")).unique(maintain_order=True)
    matches = [
        (*values, position, row.raises, row.because)
        for values in distinct.iter_rows()
        for position, row in enumerate(sensitive)
        if row.matches(*values)
    ]
    table = pl.DataFrame(
        matches,
        schema={**dict.fromkeys(change, pl.String), "position": pl.Int64, "steps": pl.Int64, "because": pl.String},
        orient="row",
    )
    return (
        touches.lazy()
        .with_columns(pl.col(change).fill_null(""))
        .join(table.lazy(), on=change)
        .unique(["hour", "actor_key", "position"])
        .sort("position")
        .group_by("hour", "actor_key", maintain_order=True)
        .agg(raises=pl.col("steps").sum(), severity_because="because")
        .select(SEVERITY_RAISES.names())
        .collect()
        .cast(SEVERITY_RAISES)
    )


def severity_rank(severity: pl.Expr) -> pl.Expr:
    """The place of a severity in SEVERITIES: low 0, medium 1, high 2, urgent 3."""
    return severity.replace_strict(SEVERITIES, range(len(SEVERITIES)), return_dtype=pl.Int64)


def severity_of_rank(rank: pl.Expr) -> pl.Expr:
    """The inverse of `severity_rank`; beyond either end of SEVERITIES it is the end."""
    ranks = rank.clip(0, len(SEVERITIES) - 1)
    return ranks.replace_strict(range(len(SEVERITIES)), SEVERITIES, return_dtype=pl.String)
