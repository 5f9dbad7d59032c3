"""The first hour that exists: the one that is set, or 31 days before the first start, which is remembered.

It is remembered beside the hours, so that every process and machine that shares them agrees, and never moves. Where
hours are stored that are older, the first hour was a fixed date once: then it is the oldest of them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from audit_assets.config import settings
from audit_assets.config.errors import StoreError
from audit_assets.storage.hour_store import HourStore, open_store
from audit_assets.storage.hours import hour_of, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import ENTRIES, FIRST_START

FILLED_AT_FIRST = timedelta(days=31)
"""The 30 days that an hour is judged against, and a day of hours that are judged against all of them."""


def first_hour(store: HourStore | None = None) -> datetime:
    """The first hour that exists, by what is set or remembered; before the first start, the one that it would be now.
    `store`: one that is open already. Raises `SettingError` and `StoreError`."""
    if set_hour := settings.first_hour():
        return set_hour
    store = store or open_store()
    known = store.read_json(FIRST_START, None)
    return _choose(store, datetime.now(UTC)) if known is None else _remembered(store, known)


def remember_first_hour() -> datetime:
    """The same, and it stays so from now on."""
    return settings.first_hour() or keep_first_hour(open_store(), datetime.now(UTC))


def keep_first_hour(store: HourStore, now: datetime) -> datetime:
    """The first hour that is remembered in a store, or the one that now is. Raises `StoreError`."""
    known = store.read_json(FIRST_START, None)
    if known is None:
        known = store.keep_json(
            FIRST_START, {"first_hour": key_of(_choose(store, now)), "started_at": now.isoformat(timespec="seconds")}
        )
    return _remembered(store, known)


def move_first_hour_back(store: HourStore, hour: datetime, now: datetime) -> None:
    """Where the store was lost with what it remembered, hours exist from this one on again. Raises `StoreError`."""
    known = store.read_json(FIRST_START, None) or {"started_at": now.isoformat(timespec="seconds")}
    if settings.first_hour() is None and ("first_hour" not in known or hour < _remembered(store, known)):
        store.write_json(FIRST_START, None, {**known, "first_hour": key_of(hour)})


def first_started(store: HourStore) -> datetime | None:
    """When that was; None if the first hour was set before. Raises `StoreError`."""
    known = store.read_json(FIRST_START, None)
    return datetime.fromisoformat(known["started_at"]) if known and "started_at" in known else None


def days_before(now: datetime) -> datetime:
    """The first hour of who starts now."""
    return newest_settled_hour(now) - FILLED_AT_FIRST


def _choose(store: HourStore, now: datetime) -> datetime:
    return min(days_before(now), store.oldest(ENTRIES) or now)


def _remembered(store: HourStore, known: Any) -> datetime:
    try:
        return hour_of(known["first_hour"])
    except (KeyError, TypeError, ValueError):
        raise StoreError(
            f"{store.path(FIRST_START, None, 'json')} names no first hour: correct it, or set AUDIT_ASSETS_FIRST_HOUR."
        ) from None
