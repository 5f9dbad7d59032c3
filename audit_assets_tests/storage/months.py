"""A month of summaries in a store, as the runs of its hours leave them."""

from datetime import UTC, datetime, timedelta

from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, hours_between, key_of
from audit_assets.storage.run_cache import RunCache

MONTH = "2026-10"
FIRST, DAYS = datetime(2026, 10, 1, tzinfo=UTC), 31


def write_month(root: str) -> list[datetime]:
    """Write it, a day a run. Returns its hours."""
    hours = hours_between(FIRST, FIRST + timedelta(days=DAYS) - AN_HOUR)
    for day in range(DAYS):
        store = HourStore(root, RunCache())
        for hour in hours[24 * day : 24 * day + 24]:
            store.write_json("flagged_actor_summary", hour, summary_of(hour, 1))
        store.pack_days([FIRST + timedelta(days=day)])
    return hours


def summary_of(hour: datetime, pulled: int) -> dict[str, object]:
    """A summary of an hour with so many entries and nobody flagged."""
    entries = {"pulled": pulled, "by_stream": {"v2": pulled}, "changes": 0, "actors": 0, "quarantined": 0}
    empty = {"still_learning": {}, "dismissed": 0, "flagged": [], "below_threshold": [], "history_since": None}
    return {"version": 2, "hour": key_of(hour), "entries": entries, "learning": False, **empty}
