"""Summaries that earlier versions stored, in the words of today's: the hour store keeps every hour for ever."""

from typing import Any

from audit_assets.reports.summary import SUMMARY_VERSION

KEYS = {
    "not_rung": "below_threshold",
    "standing": "disposition",
    "usual": "baseline_mean",
    "most": "baseline_max",
    "once_in_years": "return_period_years",
    "would": "planned_action",
}
"""The keys of version 1 that have another name in version 2 (docs/CHANGELOG.md)."""

VALUES = {
    ("version", 1): SUMMARY_VERSION,
    ("standing", "under_budget"): "below_threshold",
    ("outcome", "seen"): "already_on_ticket",
    ("outcome", "rolled_up"): "on_shared_ticket",
    ("outcome", "told"): "published",
}
"""And its values, by the key of version 1."""


def upgrade(stored: Any) -> Any:
    """A stored hour's summary or daily digest in today's version; sentences stay as they were written."""
    if isinstance(stored, list):
        return [upgrade(each) for each in stored]
    if not isinstance(stored, dict):
        return stored
    return {
        KEYS.get(key, key): upgrade(value) if isinstance(value, dict | list) else VALUES.get((key, value), value)
        for key, value in stored.items()
    }
