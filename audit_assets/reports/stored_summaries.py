"""The summaries of stored hours, one or a period's together, as `audit-assets summary` shows them."""

from datetime import datetime

from audit_assets.config.settings import first_hour
from audit_assets.defs.partitions import AN_HOUR, key_of
from audit_assets.defs.resources import StorageResource
from audit_assets.reports.summary import EXAMPLES, HourSummary, PeriodSummary, SummaryError, hours_of, period_summary
from audit_assets.storage.hours import days_of
from audit_assets.storage.tables import DIGESTS, SUMMARY
from audit_assets.tickets.verdict_table import PRECISION


def of_period(period: str, now: datetime) -> HourSummary | PeriodSummary:
    """The summary of an hour, or what the hours of a day or a month come to. Raises `SummaryError` if there is none,
    and `StoreError` if the store can't be read."""
    hours = hours_of(period)
    store = StorageResource().open()
    found = {hour: store.read_json(SUMMARY, hour) for hour in hours}
    summaries = [summary for summary in found.values() if summary]
    if not summaries:
        raise SummaryError(
            f"No hour of {period} has a summary in {store.root}: name another, such as {EXAMPLES}, or materialise it."
        )
    if len(hours) == 1:
        return summaries[0]
    months = store.read_json(PRECISION, None) or {}
    missing = [hour for hour, summary in found.items() if not summary and first_hour() <= hour <= now - AN_HOUR]
    digests = [digest for day in days_of(hours) if (digest := store.read_json(DIGESTS, day))]
    known = period_summary(period, summaries, map(key_of, missing), digests)
    return {**known, "precision": months[period]} if period in months else known
