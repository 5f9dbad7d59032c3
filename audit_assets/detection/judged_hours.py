"""Some hours, and all that decides about them."""

from dataclasses import dataclass, field

import polars as pl

from audit_assets.detection.first_hours import FIRST_HOURS
from audit_assets.detection.threshold_falls import THRESHOLD_FALLS
from audit_assets.detection.unreadable_entries import UNREADABLE_COUNTS
from audit_assets.detection.watch_alerts import WATCH_ALERTS

COLLEAGUES = pl.Schema({"actor_key": pl.String, "resource_type": pl.String})
"""Who touched which resource type in the organisation's last 90 days."""


@dataclass(frozen=True)
class JudgedHours:
    """Some hours, and all that decides about them.

    `activity` (ACTIVITY) of the hours; `baselines` (BASELINE) and `touched` (TOUCHED) before them; `scores` (SCORES,
    ranked, with actor_key in place of actor); `groups` (GROUP_ALERTS); `touches` (TOUCHES) and `names` (actor_key,
    actor, actor_type) from the entries, owners among them. `colleagues` (COLLEAGUES) decide nothing and are for the
    text of tickets; a backtest has none of them, nor `first_hours` (FIRST_HOURS), nor `unreadable` entries
    (UNREADABLE_COUNTS), nor what is `watched` (WATCH_ALERTS). `threshold_falls` (THRESHOLD_FALLS) that are seen at
    these hours.
    """

    activity: pl.DataFrame
    baselines: pl.DataFrame
    touched: pl.DataFrame
    scores: pl.DataFrame
    groups: pl.DataFrame
    colleagues: pl.DataFrame
    touches: pl.DataFrame
    names: pl.DataFrame
    first_hours: pl.DataFrame = field(default_factory=FIRST_HOURS.to_frame)
    threshold_falls: pl.DataFrame = field(default_factory=THRESHOLD_FALLS.to_frame)
    unreadable: pl.DataFrame = field(default_factory=UNREADABLE_COUNTS.to_frame)
    watched: pl.DataFrame = field(default_factory=WATCH_ALERTS.to_frame)
