"""What was pulled, compared with Cloudflare's own count: by UTC day and action type, for days that can't grow any more.

Which of the streams Cloudflare counts is found out from the days themselves, never assumed: the one with which most of
the day's action types agree exactly. It advises; nothing is judged by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from audit_assets.cloudflare.entry_fields import ORGANIZATION
from audit_assets.cloudflare.own_counts import COUNTS, NOT_GIVEN
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, day_of, hours_between
from audit_assets.storage.pull_history import REPEATS, last_began
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.formatting import listed, pluralize

DAYS = 7
"""So many days are compared: one alone may have too few entries to show which stream is counted. A judgement."""

ENOUGH_AGREE = 0.5
"""From this part of all days and action types on, a stream is the one that is counted. A judgement: entries that are
missing spoil the action types of some days, another stream spoils nearly all."""

BOTH = "v2 and v1 together"

DIFFERENCE = pl.Schema({**COUNTS, "pulled": pl.Int64})
"""A day and action type: how many `entries` Cloudflare counts, and how many were pulled."""


@dataclass(frozen=True)
class CountComparison:
    """`counted`: what Cloudflare counts, None if that is not known; `agreement`: per candidate the part of all days and
    action types that agree exactly. `differences`: DIFFERENCE with what is counted; empty if that is not known."""

    days: Sequence[datetime]
    counted: str | None
    agreement: Mapping[str, float]
    differences: pl.DataFrame

    @property
    def sentences(self) -> str:
        """What was found, for people."""
        if not self.days:
            return "No day was compared: none of the last ones is whole and had its last pull."
        span = f"{pluralize(len(self.days), 'day')} from {self.days[0]:%Y-%m-%d} to {self.days[-1]:%Y-%m-%d}"
        parts = ", ".join(f"{part:.0%} with {name}" for name, part in self.agreement.items())
        if self.counted is None:
            agreed = f" Days and action types agree to {parts}." if parts else " Nothing was counted or pulled."
            return f"Of {span} it can't be seen which stream Cloudflare counts.{agreed}"
        found = f"Cloudflare counts {self.counted} (days and action types agree to {parts}; {span})."
        if self.differences.is_empty():
            return f"{found} Nothing differs."
        each = [
            f"{day:%Y-%m-%d} {action}: {entries:,} counted, {pulled:,} pulled"
            for day, action, entries, pulled in self.differences.select(DIFFERENCE.names()).iter_rows()
        ]
        return f"{found} It differs in {listed(each)}."


def days_to_compare(store: HourStore, now: datetime) -> list[datetime]:
    """The newest days of which every hour is stored and was pulled for the last time, oldest first."""
    newest = day_of((now - REPEATS[-1] - AN_HOUR).replace(minute=0, second=0, microsecond=0)) - A_DAY
    days = [newest - A_DAY * back for back in range(DAYS)]
    return sorted(day for day in days if day >= first_hour() and _had_last_pull(store, day))


def compare_counts(
    store: HourStore,
    days: Sequence[datetime],
    counted: pl.DataFrame,
    streams: Sequence[str],
    known: str | None,
) -> CountComparison:
    """Compare COUNTS of Cloudflare with the stored entries of these days. `known`: what it counted before."""
    of_account = [stream for stream in streams if stream != ORGANIZATION]  # Cloudflare counts for an account
    pulled = _pulled(store, days).filter(pl.col("stream").is_in(of_account))
    candidates = {stream: pulled.filter(pl.col("stream") == stream) for stream in of_account}
    if len(of_account) > 1:
        candidates[BOTH] = pulled
    compared = {name: _beside(counted, frame, days) for name, frame in candidates.items()}
    agreement = {
        name: (frame["entries"] == frame["pulled"]).mean() for name, frame in compared.items() if not frame.is_empty()
    }
    parts = {name: float(part) for name, part in agreement.items() if isinstance(part, float)}
    best = max(parts, key=lambda name: parts[name], default=None)  # of equal ones the first: v2, v1, both
    found = best if best and parts[best] >= ENOUGH_AGREE else known
    beside = compared.get(found) if found else None
    empty = pl.DataFrame(schema=DIFFERENCE)
    differences = empty if beside is None else beside.filter(pl.col("entries") != pl.col("pulled"))
    return CountComparison(days, found if beside is not None else None, parts, differences.sort("day", "action"))


def _beside(counted: pl.DataFrame, pulled: pl.DataFrame, days: Sequence[datetime]) -> pl.DataFrame:
    """DIFFERENCE of every day and action type that either side has."""
    own = pulled.group_by("day", "action").agg(pl.col("pulled").sum())
    of_days = counted.filter(pl.col("day").is_in([day.date() for day in days]))
    beside = of_days.join(own, on=["day", "action"], how="full", coalesce=True)
    return beside.with_columns(pl.col("entries", "pulled").fill_null(0)).select(DIFFERENCE.names())


def _pulled(store: HourStore, days: Sequence[datetime]) -> pl.DataFrame:
    """How many entries were pulled: day, stream, action, pulled."""
    schema = {"day": pl.Date, "stream": pl.String, "action": pl.String, "pulled": pl.Int64}
    frames = [pl.DataFrame(schema=schema)]
    for day in days:
        for hour in _hours_of(day):
            entries = store.require(ENTRIES, hour, ["stream", "action"])
            action = pl.col("action").fill_null(NOT_GIVEN).replace("", NOT_GIVEN)
            by_action = entries.group_by("stream", action).agg(pulled=pl.len().cast(pl.Int64))
            frames.append(by_action.with_columns(day=pl.lit(day.date())).select(schema.keys()))
    return pl.concat(frames)


def _had_last_pull(store: HourStore, day: datetime) -> bool:
    hours = _hours_of(day)
    began = [last_began(store.metadata(ENTRIES, hour) or {}) for hour in hours]
    return all(at and at >= hour + AN_HOUR + REPEATS[-1] for hour, at in zip(hours, began, strict=True))


def _hours_of(day: datetime) -> list[datetime]:
    return hours_between(day, day + A_DAY - AN_HOUR)
