"""Names that stored tables had before they were renamed: an hour that was written then is read under today's.

A file is never rewritten for a name. Values are renamed where their column has had others.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from audit_assets.storage.tables import ASSESSED, BASELINES, DIGESTS, FLAGGED, SCORES_BEFORE, TICKETS

COLUMNS = {
    "standing": "disposition",
    "usual": "baseline_mean",
    "most": "baseline_max",
    "horizon_usual": "horizon_baseline_mean",
    "once_in_years": "return_period_years",
    "would": "planned_action",
}

VALUES: Mapping[str, Mapping[str, str]] = {
    "disposition": {"under_budget": "below_threshold"},
    "outcome": {"rolled_up": "on_shared_ticket", "seen": "already_on_ticket"},
}

RENAMED_IN = frozenset({ASSESSED, BASELINES, FLAGGED, SCORES_BEFORE, TICKETS})
"""The tables of which an hour may have been written under old names."""

DIGEST_OUTCOMES = {"told": "published"}
"""What earlier versions stored as the outcome of a digest, and its name of today."""


def with_current_names(table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """A stored frame of a table under the names of today."""
    if table not in RENAMED_IN:
        return frame
    current = frame.rename({old: COLUMNS[old] for old in frame.collect_schema().names() if old in COLUMNS})
    renamed = [name for name in current.collect_schema().names() if name in VALUES]
    return current.with_columns(pl.col(name).replace(VALUES[name]) for name in renamed)


def with_current_values(table: str, value: Any) -> Any:
    """A stored JSON value of a table with the values of today."""
    if table == DIGESTS and isinstance(value, dict) and value.get("outcome") in DIGEST_OUTCOMES:
        return {**value, "outcome": DIGEST_OUTCOMES[value["outcome"]]}
    return value
