"""What a chart shows: the changes of 30 days by hour, and a description in words.

Numbers alone: no string of an audit entry gets this far, so none can be drawn or written beside the picture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from audit_assets.tickets.finding import Deviation, Finding
from audit_assets.tickets.formatting import day_name, hour_name, pluralize, span_name

DAYS = 30
"""A chart shows so many days before the hour: those of the baseline."""

AN_HOUR = timedelta(hours=1)
HOURS = timedelta(days=DAYS) // AN_HOUR

A_DAY_OFF = 24
"""Hours. A history that begins as much later may be as old as the chart: nobody was at work."""

_IN_WINDOW = pl.col("back").is_between(0, HOURS)


@dataclass(frozen=True)
class Activity:
    """The actor's hours; of an organisation's finding, those of its members together.

    `changes`: by how many hours before the hour they were made, only hours with changes; 0 is the hour itself.
    `deviating`: as many of these as went to the resource types that the finding is about, named `deviating_called`.
    `baseline_mean` changes of an active hour. `span`: so many last hours are unusual together, of which `span_changes`
    and `span_baseline_mean` are known; if it `span_counts_hours`, these count active hours; 1: the hour by itself.
    `known`: so many hours before the hour the history begins; HOURS if it is older than the chart.
    """

    hour: datetime
    changes: Mapping[int, int]
    deviating: Mapping[int, int] = field(default_factory=dict)
    deviating_called: str = "new types"
    baseline_mean: float | None = None
    span: int = 1
    span_changes: int = 0
    span_baseline_mean: float | None = None
    span_counts_hours: bool = False
    known: int = HOURS

    @property
    def now(self) -> int:
        """The changes of the hour."""
        return self.changes.get(0, 0)

    @property
    def before(self) -> list[int]:
        """The changes of each active hour before."""
        return [count for back, count in self.changes.items() if back]


def activity_of(finding: Finding, rows: pl.DataFrame, known_since: datetime | None) -> Activity:
    """What a finding's chart shows.

    `rows`: `hour`, `resource_type` and `changes` of its actors (as `AxiomClient.activity` has them), in any order.
    `known_since`: the first hour of the organisation's history; None if there is none.
    """
    back = (pl.lit(finding.hour) - pl.col("hour")).dt.total_hours().alias("back")
    placed = rows.select(back, "resource_type", "changes").filter(_IN_WINDOW)
    types = {each.resource_type for each in finding.deviations if each.kind != "volume"}
    burst = next((each for each in finding.deviations if each.kind == "volume"), None)
    return Activity(
        hour=finding.hour,
        changes=_by_hour(placed),
        deviating=_by_hour(placed.filter(pl.col("resource_type").is_in([*types]))),
        deviating_called=_called(finding.deviations),
        known=_hours_known(finding.hour, known_since),
        **_of_burst(burst),
    )


def describe_chart(activity: Activity) -> str:
    """What the picture shows, for those who do not see it."""
    before = activity.before
    parts = [
        f"Changes per hour in the {DAYS} days to {hour_name(activity.hour)}: {activity.now:,} in that hour",
        f"at most {max(before):,} in any of {pluralize(len(before), 'active hour')} before"
        if before
        else "none before",
    ]
    if activity.deviating:
        parts.append(f"{activity.deviating.get(0, 0):,} of that hour to the deviating resource types")
    if activity.span > 1:
        active = " active" if activity.span_counts_hours else ""
        parts.append(f"{activity.span_changes:,}{active} in {span_name(activity.span)}")
    if activity.known < HOURS:
        parts.append(f"no history before {day_name(activity.hour - activity.known * AN_HOUR)}")
    return ", ".join(parts)


def _by_hour(placed: pl.DataFrame) -> dict[int, int]:
    return dict(placed.group_by("back").agg(pl.col("changes").sum()).sort("back", descending=True).iter_rows())


def _called(deviations: Sequence[Deviation]) -> str:
    return "that type" if any(each.kind == "organisation" for each in deviations) else "new types"


def _hours_known(hour: datetime, known_since: datetime | None) -> int:
    known = 0 if known_since is None else (hour - known_since) // AN_HOUR
    return known if known < HOURS - A_DAY_OFF else HOURS


def _of_burst(burst: Deviation | None) -> dict:
    if burst is None:
        return {}
    if burst.horizon_hours == 1:
        return {"baseline_mean": burst.baseline_mean if math.isfinite(burst.baseline_mean or 0.0) else None}
    return {
        "span": burst.horizon_hours,
        "span_changes": burst.changes,
        "span_baseline_mean": burst.baseline_mean,
        "span_counts_hours": burst.counts_hours,
    }
