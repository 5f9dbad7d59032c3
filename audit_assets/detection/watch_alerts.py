"""Alerts of watch rules among the deviations: no baseline, no budget and no allowance decides about them.

Which entries match which rule is up to `watch`; here they become rows like any other, on the actor's ticket.
"""

import polars as pl

from audit_assets.config.policy_tables import SEVERITIES
from audit_assets.detection.schemas import HOUR, HOUR_OF_ACTOR
from audit_assets.detection.severity import severity_of_rank, severity_rank
from audit_assets.detection.watch_columns import MATCHED, RULE_TEXTS, WATCH_RULE

REPEATED = "repeated"
"""The disposition of an alert that this actor and rule had in an earlier hour of the UTC day: it opens nothing."""

ENTRIES_KEPT = 10
"""So many of the first entries of an alert are kept, and so many of the last: those that a ticket shows."""

WATCH_ALERTS = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "actor": pl.String,
        "actor_type": pl.String,
        "rule": pl.String,
        "severity": pl.String,
        "entries": pl.Int64,
        "watch": RULE_TEXTS,
        "matched": MATCHED,
        "repeated": pl.Boolean,
    }
)
"""A row per actor and rule that alerted in an hour. `entries` matched, of which the first and last are in `matched`, in
their order; with a rule that counts, some may lie before the hour. `repeated`: an earlier hour of the UTC day has the
alert of this actor and rule."""


def flag_watch_alerts(alerts: pl.DataFrame) -> pl.DataFrame:
    """A row of FLAG, without the columns that are null, for each of WATCH_ALERTS."""
    return alerts.select(
        *("hour", "actor_key", "actor", "actor_type", "watch", "matched"),
        kind=pl.lit(WATCH_RULE),
        resource_type="rule",
        changes="entries",
        severity=pl.when("repeated").then(pl.lit(SEVERITIES[0])).otherwise("severity"),
        disposition=pl.when("repeated").then(pl.lit(REPEATED)).otherwise(pl.lit("ticket")),
    )


def raise_to_watch_rules(flagged: pl.DataFrame) -> pl.DataFrame:
    """The flagged rows (FLAG); where one of an actor's hour is of a watch rule, all that are on the hour's ticket have
    the highest severity among them."""
    on_ticket, rank = pl.col("disposition") == "ticket", severity_rank(pl.col("severity"))
    is_watched = (on_ticket & (pl.col("kind") == WATCH_RULE)).any().over(HOUR_OF_ACTOR)
    highest = severity_of_rank(rank.filter(on_ticket).max().over(HOUR_OF_ACTOR))
    return flagged.with_columns(severity=pl.when(on_ticket & is_watched).then(highest).otherwise("severity"))
