"""The summaries in the hour store, of one hour, or of a day, a month or the newest 24 together, as
`audit-assets summary` shows them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from audit_assets.reports.summary import (
    EXAMPLES,
    DigestShown,
    HourSummary,
    PeriodSummary,
    SummaryError,
    period_of,
    summarize_period,
)
from audit_assets.reports.summary_versions import upgrade
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, days_of, hours_between, key_of
from audit_assets.storage.tables import DIGESTS, PRECISION, SUMMARY

FEW_DAYS = 3
"""Of an object store, more are listed together."""


def load_summary(store: HourStore, period: str, *, first_hour: datetime, now: datetime) -> HourSummary | PeriodSummary:
    """The summary of an hour, or of all hours of a day or a month; hours before `first_hour` are not missed.

    Raises `SummaryError` if there is none, and `StoreError` if the store can't be read.
    """
    asked = period_of(period)
    hours = hours_between(asked.start, asked.end - AN_HOUR)
    found = load_hours(store, hours)
    summaries = [summary for summary in found.values() if summary]
    if not summaries:
        raise SummaryError(
            f"No hour of {asked.name} has a summary in {store.root}: name another period, such as {EXAMPLES}, or "
            "materialise `flagged_actor_summary` for it."
        )
    if len(hours) == 1:
        return summaries[0]
    result = _load_period(store, asked.name, found, first_hour, now)
    months = store.read_json(PRECISION, None) or {}
    return {**result, "precision": months[asked.name]} if asked.name in months else result


def load_newest_day(store: HourStore, *, first_hour: datetime, now: datetime) -> PeriodSummary:
    """The summary of the 24 hours up to the newest one that has a summary; the rest is as of `load_summary`."""
    newest = store.newest(SUMMARY)
    if newest is None:
        raise SummaryError(
            f"No hour has a summary in {store.root}: materialise `flagged_actor_summary`, or name the folder of a demo "
            "with --home."
        )
    hours = hours_between(newest - A_DAY + AN_HOUR, newest)
    period = f"{key_of(hours[0])} to {key_of(newest)}"
    return _load_period(store, period, load_hours(store, hours), first_hour, now)


def load_hours(store: HourStore, hours: Iterable[datetime]) -> dict[datetime, HourSummary | None]:
    """The summary of each of these hours, None for one without. Raises `StoreError`."""
    asked = list(hours)
    if len(days := days_of(asked)) > FEW_DAYS:
        store.list_days(days)
    return {hour: upgrade(store.read_json(SUMMARY, hour)) for hour in asked}


def _load_period(
    store: HourStore,
    period: str,
    found: Mapping[datetime, HourSummary | None],
    first_hour: datetime,
    now: datetime,
) -> PeriodSummary:
    summaries = [summary for summary in found.values() if summary]
    missing = [hour for hour, summary in found.items() if not summary and first_hour <= hour <= now - AN_HOUR]
    return summarize_period(period, summaries, map(key_of, missing), load_digests(store, found))


def load_digests(store: HourStore, hours: Iterable[datetime]) -> list[DigestShown]:
    """The daily digests of the days of some hours, oldest first."""
    return [digest for day in days_of(hours) if (digest := upgrade(store.read_json(DIGESTS, day)))]
