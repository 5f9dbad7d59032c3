"""The summaries in the hour store, of one hour or of a day or month together, as `audit-assets summary` shows them."""

from collections.abc import Iterable
from datetime import datetime

from audit_assets.reports.summary import (
    EXAMPLES,
    DigestShown,
    HourSummary,
    PeriodSummary,
    SummaryError,
    hours_in_period,
    summarize_period,
)
from audit_assets.reports.summary_versions import upgrade
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, days_of, key_of
from audit_assets.storage.tables import DIGESTS, PRECISION, SUMMARY


def load_summary(store: HourStore, period: str, *, first_hour: datetime, now: datetime) -> HourSummary | PeriodSummary:
    """The summary of an hour, or of all hours of a day or a month; hours before `first_hour` are not missed.

    Raises `SummaryError` if there is none, and `StoreError` if the store can't be read.
    """
    hours = hours_in_period(period)
    found = {hour: upgrade(store.read_json(SUMMARY, hour)) for hour in hours}
    summaries: list[HourSummary] = [summary for summary in found.values() if summary]
    if not summaries:
        raise SummaryError(
            f"No hour of {period} has a summary in {store.root}: name another period, such as {EXAMPLES}, or "
            "materialise `flagged_actor_summary` for it."
        )
    if len(hours) == 1:
        return summaries[0]
    missing = [hour for hour, summary in found.items() if not summary and first_hour <= hour <= now - AN_HOUR]
    result = summarize_period(period, summaries, map(key_of, missing), load_digests(store, hours))
    months = store.read_json(PRECISION, None) or {}
    return {**result, "precision": months[period]} if period in months else result


def load_digests(store: HourStore, hours: Iterable[datetime]) -> list[DigestShown]:
    """The daily digests of the days of some hours, oldest first."""
    return [digest for day in days_of(hours) if (digest := upgrade(store.read_json(DIGESTS, day)))]
