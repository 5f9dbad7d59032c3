"""What a chart shows: 721 hours, numbers alone, and the same in words."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.tickets.chart_data import HOURS, activity_of, describe_chart
from audit_assets_tests.tickets.sample_findings import (
    HOUR,
    around_the_clock,
    burst,
    finding,
    fortnight,
    new_type,
    together,
)

LONG_AGO = HOUR - timedelta(days=200)


def rows(*changes: tuple[int, str, int]) -> pl.DataFrame:
    """Changes so many hours before the hour, to a resource type."""
    made = [(HOUR - timedelta(hours=back), resource_type, count) for back, resource_type, count in changes]
    schema = {"hour": pl.Datetime("us", "UTC"), "resource_type": pl.String, "changes": pl.Int64}
    return pl.DataFrame(made, schema=schema, orient="row")


PAST = rows((0, "api_tokens", 4), (0, "dns_records", 210), (5, "dns_records", 9), (720, "zones", 2), (721, "zones", 7))


def activity_from(*deviations: Any, past: pl.DataFrame = PAST, since: datetime | None = LONG_AGO) -> Any:
    return activity_of(finding(deviations=deviations), past, since)


def test_it_shows_the_hour_and_the_720_before_by_hour() -> None:
    activity = activity_from(burst())
    assert activity.changes == {0: 214, 5: 9, 720: 2}
    assert (activity.deviating, activity.baseline_mean, activity.span, activity.known) == ({}, 3.1, 1, HOURS)
    assert describe_chart(activity) == (
        "Changes per hour in the 30 days to 2026-11-22 10:00 UTC: 214 in that hour, at most 9 in any of 2 active hours "
        "before"
    )


def test_what_went_to_new_types_is_shown_apart() -> None:
    activity = activity_from(new_type(), new_type(resource_type="zones"))
    assert activity.deviating == {0: 4, 720: 2}
    assert activity.deviating_called == "new types"
    assert activity.baseline_mean is None
    assert "4 of that hour to the deviating resource types" in describe_chart(activity)


def test_many_who_did_the_same_are_shown_together() -> None:
    activity = activity_from(
        together("anne", "boris"), past=pl.concat([PAST, rows((0, "dns_record", 3), (9, "dns_record", 1))])
    )
    assert activity.changes == {0: 217, 5: 9, 9: 1, 720: 2}
    assert activity.deviating == {0: 3, 9: 1}
    assert activity.deviating_called == "that type"


def test_hours_that_are_unusual_together_are_no_usual_hour() -> None:
    activity = activity_from(burst(horizon_hours=24, changes=300, baseline_mean=40.0))
    assert (activity.span, activity.span_changes, activity.span_baseline_mean, activity.baseline_mean) == (
        24,
        300,
        40.0,
        None,
    )
    assert describe_chart(activity).endswith(", 300 in 24 hours")
    assert describe_chart(activity_from(fortnight())).endswith(", 1,204 in 14 days without the busiest")
    assert describe_chart(activity_from(around_the_clock())).endswith(", 24 active in 24 hours")


def test_days_without_history_are_not_called_quiet() -> None:
    activity = activity_from(burst(), since=HOUR - timedelta(days=10))
    assert activity.known == 240
    assert describe_chart(activity).endswith(", no history before 2026-11-12")
    assert activity_from(burst(), since=None, past=rows()).known == 0
    assert activity_from(burst(), since=HOUR - timedelta(days=29, hours=9)).known == HOURS, "nobody was at work"
    assert ": 0 in that hour, none before, no history" in describe_chart(
        activity_from(burst(), since=None, past=rows())
    )
