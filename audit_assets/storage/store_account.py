"""Whose hours a store holds: one account's, for ever, since hours of two would be judged as one organisation's.

The account is kept beside the hours by the first pull, with the datasets in Axiom that were found to hold no other's
entries. A store of before tells by its entries whose it is.
"""

from typing import Any

import polars as pl

from audit_assets.config.errors import StoreError
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.tables import ENTRIES, STORE_ACCOUNT

LOOKED_BACK = 72
"""Hours before the newest in which an entry is looked for, of a store of before."""


class ForeignStore(StoreError):
    """The store is another account's: nothing is written, and another try can't help."""

    permanent = True


def refuse_foreign_store(store: HourStore, account_id: str) -> bool:
    """Raises `ForeignStore` if the hours are another account's, as far as that is known. Writes nothing. Returns
    whether it is kept whose they are."""
    record = _record(store)
    owner = _owner(store, record)
    if owner not in (None, account_id):
        raise ForeignStore(
            f"{store.root} holds the hours of the Cloudflare account {owner}, and these would be of {account_id}: "
            "correct the account's id, or give this account a store of its own. Nothing was written."
        )
    return "account_id" in record


def claim_store(store: HourStore, account_id: str) -> None:
    """Keep that the store is this account's. Raises `ForeignStore` if it is another's."""
    if not refuse_foreign_store(store, account_id):
        store.keep_json(STORE_ACCOUNT, {"account_id": account_id})
        refuse_foreign_store(store, account_id)  # of two that begin at once, both find the first one's


def is_own_dataset(store: HourStore, dataset: str) -> bool:
    """Whether that dataset was found to hold no other account's entries."""
    return dataset in _record(store).get("datasets", ())


def remember_own_dataset(store: HourStore, account_id: str, dataset: str) -> None:
    """Keep that it was, in the store of this account."""
    record = {"account_id": account_id, **_record(store)}
    store.write_json(STORE_ACCOUNT, None, {**record, "datasets": sorted({*record.get("datasets", ()), dataset})})


def _record(store: HourStore) -> dict[str, Any]:
    found = store.read_json(STORE_ACCOUNT, None)
    return found if isinstance(found, dict) else {}


def _owner(store: HourStore, record: dict[str, Any]) -> str | None:
    if "account_id" in record:
        return record["account_id"]
    newest = store.newest(ENTRIES)
    if newest is None:
        return None
    for back in range(LOOKED_BACK):
        entries = store.scan(ENTRIES, newest - AN_HOUR * back)
        if entries is None:
            continue
        with store.reading(ENTRIES, newest - AN_HOUR * back):
            known = entries.select(pl.col("^account_id$").drop_nulls().first()).collect()
        if known.width and (owner := known.item()):
            return owner
    return None
