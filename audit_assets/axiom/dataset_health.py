"""Whether a dataset can hold what is asked of it: what stands in the way, and what nobody could find out.

Pure. Axiom tells the retention and the fields only to tokens that may read datasets, and never whether a schema is
locked; what is not told is unknown, and is said to be. A locked schema shows in what it dropped.
"""

from dataclasses import dataclass
from typing import Literal

from audit_assets.axiom.receipts import DatasetLimits

ENOUGH_RETENTION_DAYS = 45
"""Axiom deletes by blocks, so that a retention of 30 days cuts into a window of 30 days (docs/facts/axiom.md, 2.1)."""

FIELD_LIMITS = {"Personal": 256, "Cloud": 1_024}
"""Above it an event with a new field is rejected (docs/facts/axiom.md, 2.1). Which plan it is, Axiom does not tell."""

NEAR = 0.9
"""Of a limit: from here on it is told, while there is still room for the fields of a new version."""


@dataclass(frozen=True)
class DatasetIssue:
    """One thing that stands in the way ("problem"), soon may ("advice"), or could not be found out ("unknown")."""

    kind: Literal["problem", "advice", "unknown"]
    what: str
    next_step: str


def doubts(limits: DatasetLimits, incomplete: int) -> list[DatasetIssue]:
    """What is to be said against the dataset; `incomplete` are its events that lack a field they were sent with."""
    return [*_of_retention(limits.retention_days), *_of_fields(limits.fields), *_of_schema(incomplete)]


def _of_retention(days: int | None) -> list[DatasetIssue]:
    if days is None:
        what = "Axiom does not tell this token how long the dataset keeps its entries"
        return [
            DatasetIssue("unknown", what, f"See in Axiom that its retention is {ENOUGH_RETENTION_DAYS} days or more.")
        ]
    if days < ENOUGH_RETENTION_DAYS:
        what = f"the dataset keeps {days} days: too few for a baseline of 30"
        return [DatasetIssue("problem", what, f"Set its retention to {ENOUGH_RETENTION_DAYS} days or more.")]
    return []


def _of_fields(fields: int | None) -> list[DatasetIssue]:
    if fields is None:
        what = "Axiom does not tell this token how many fields the dataset has"
        return [DatasetIssue("unknown", what, "See in Axiom that nothing else writes into it.")]
    step = "Let nothing else write into it, and vacuum its fields: events with new ones will be rejected."
    for plan, limit in FIELD_LIMITS.items():
        if fields <= limit:
            what = f"the dataset has {fields:,} fields of the {limit:,} that {plan} plans allow"
            return [DatasetIssue("advice", what, step)] if fields > NEAR * limit else []
    what = f"the dataset has {fields:,} fields, more than the {max(FIELD_LIMITS.values()):,} that any known plan allows"
    return [DatasetIssue("advice", what, step)]


def _of_schema(incomplete: int) -> list[DatasetIssue]:
    if incomplete == 0:
        return []
    what = f"{incomplete:,} events in the dataset lack fields that they were sent with"
    return [DatasetIssue("problem", what, "Unlock its schema, then ingest these hours into a dataset of their own.")]
