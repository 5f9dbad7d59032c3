"""The first hour that exists: the one that is set, or 31 days before the first start, which is remembered.

It is remembered beside the hours, so that every process and machine that shares them agrees, and never moves. Where
hours are stored that are older, the first hour was a fixed date once: then it is the oldest of them.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from audit_assets.config import settings
from audit_assets.config.accounts import ENVIRONMENT, Account, working_for
from audit_assets.config.errors import StoreError
from audit_assets.storage.hour_store import HourStore, open_store
from audit_assets.storage.hours import hour_of, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import ENTRIES, FIRST_HOURS, FIRST_START

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


def remember_first_hours(accounts: Sequence[Account]) -> dict[str, datetime]:
    """The same of several accounts, by key; without those whose first hour can't be read or understood.

    Whoever loads the definitions needs all of them, a run of one account too, so what the stores remember is kept in
    one file beside them: one read in place of one for each account.
    """
    with working_for(ENVIRONMENT):
        beside = HourStore(settings.setting("AUDIT_ASSETS_STORAGE"))
    kept = beside.read_json(FIRST_HOURS, None) or {}

    def remember(account: Account) -> tuple[str, datetime] | None:
        with working_for(account):
            try:
                store = settings.setting("AUDIT_ASSETS_STORAGE")
                known = settings.first_hour() or (hour_of(kept[store]) if store in kept else None)
                return store, known or remember_first_hour()
            except Exception:  # an object store's package raises whatever it does
                return None

    with ThreadPoolExecutor(len(accounts)) as pool:  # a store that does not answer holds up no other
        found = [*pool.map(remember, accounts)]
    stored = {store: key_of(hour) for store, hour in filter(None, found)}
    if stored.items() - kept.items():
        beside.write_json(FIRST_HOURS, None, kept | stored)
    return {account.key: each[1] for account, each in zip(accounts, found, strict=True) if each}


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
