"""Whether a dataset fits its purpose: problems, advice, and what could not be found out. Pure.

Only a token that may read datasets sees the retention and the fields, and none sees whether a schema is locked; what
this token can't see is reported as unknown. A locked schema shows in the fields that it dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from audit_assets.axiom.ingest_receipts import DatasetLimits

ENOUGH_RETENTION_DAYS = 45
"""Axiom deletes by blocks, so that a retention of 30 days cuts into a window of 30 days (docs/facts/axiom.md, 2.1)."""

SHORTEST_RETENTION_DAYS = 30
"""Of a Personal plan (docs/facts/axiom.md, 2.1): assumed of a dataset whose retention this token can't see."""

LONGEST_RETENTION_DAYS = 100 * 365
"""No plan keeps events for longer, and no time could be reckoned so far back. A judgement."""

DAYS_OF_A_BLOCK = 7
"""So much younger than the retention may an event be that is deleted with its block. A judgement: how long a block is,
and whether its oldest or its newest event decides, is documented nowhere."""

FIELD_LIMITS = {"Personal": 256, "Cloud": 1_024}
"""Above it an event with a new field is rejected (docs/facts/axiom.md, 2.1). Axiom does not report the plan."""

NEAR = 0.9
"""Of a limit: from here on it is reported, while there is still room for the fields of a new version. A judgement."""


@dataclass(frozen=True)
class DatasetIssue:
    """A dataset is unfit ("problem"), may soon be ("advice"), or this token can't see whether it is ("unknown")."""

    kind: Literal["problem", "advice", "unknown"]
    what: str
    next_step: str


def find_issues(limits: DatasetLimits, incomplete: int) -> list[DatasetIssue]:
    """The dataset's issues; `incomplete`: how many of its events lack a field that they were sent with."""
    return [*_retention_issues(limits.retention_days), *_field_issues(limits.fields), *_schema_issues(incomplete)]


def kept_since(retention_days: int | None, now: datetime) -> datetime:
    """From when on a dataset surely holds all that it was given: what is older may be deleted because of its age."""
    return now - timedelta(days=(retention_days or SHORTEST_RETENTION_DAYS) - DAYS_OF_A_BLOCK)


def _retention_issues(days: int | None) -> list[DatasetIssue]:
    if days is None:
        what = "this token can't see how long the Axiom dataset keeps its entries"
        return [
            DatasetIssue("unknown", what, f"Check in Axiom that its retention is {ENOUGH_RETENTION_DAYS} days or more.")
        ]
    if days < ENOUGH_RETENTION_DAYS:
        what = f"the dataset keeps {days} days: too few for a baseline of 30"
        return [DatasetIssue("problem", what, f"Set its retention to {ENOUGH_RETENTION_DAYS} days or more.")]
    return []


def _field_issues(fields: int | None) -> list[DatasetIssue]:
    if fields is None:
        what = "this token can't see how many fields the Axiom dataset has"
        return [DatasetIssue("unknown", what, "Check in Axiom that nothing else writes into it.")]
    step = "Let nothing else write into it, and vacuum its fields: events with new ones will be rejected."
    for plan, limit in FIELD_LIMITS.items():
        if fields <= limit:
            what = f"the dataset has {fields:,} fields of the {limit:,} that {plan} plans allow"
            return [DatasetIssue("advice", what, step)] if fields > NEAR * limit else []
    what = f"the dataset has {fields:,} fields, more than the {max(FIELD_LIMITS.values()):,} that any known plan allows"
    return [DatasetIssue("advice", what, step)]


def _schema_issues(incomplete: int) -> list[DatasetIssue]:
    if incomplete == 0:
        return []
    what = f"{incomplete:,} events in the dataset lack fields that they were sent with"
    return [DatasetIssue("problem", what, "Unlock its schema, then ingest these hours into a dataset of their own.")]


def retention_days_of(listed: Mapping[str, Any]) -> int | None:
    """Days of a dataset that Axiom `listed`, if it has a period of its own; what applies without is not documented."""
    days = listed.get("retentionDays")
    is_known = type(days) is int and 0 < days <= LONGEST_RETENTION_DAYS
    return days if is_known and listed.get("useRetentionPeriod") is not False else None
