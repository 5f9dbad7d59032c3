"""What `audit-assets doctor --probe` found otherwise than correctness needs it: runs refuse until it is found right.

The table is written by the command line and read by every run, at its beginning. A probe that could not see an
assumption changes nothing about it: only one that finds it confirmed takes its refusal away.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from audit_assets.config.errors import AuditAssetsError
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import FIRST_CONTACT
from audit_assets.tickets.formatting import pluralize


class ContradictedAssumption(AuditAssetsError):
    """A service behaves otherwise than the hours' correctness needs it."""


def remember_contradictions(
    store: HourStore, found: Mapping[str, Mapping[str, str]], confirmed: Collection[str], now: datetime
) -> None:
    """Keep what a probe found contradicted, by the assumption's id: its `service` and what was `assumed`. What is
    `confirmed` now is forgotten, and what was found before stays."""
    before = _contradictions(store)
    kept = {name: each for name, each in before.items() if name not in confirmed}
    new = {name: {**each, "found_at": f"{now:%Y-%m-%d %H:%M} UTC"} for name, each in found.items()}
    if kept | new != before:
        store.write_json(FIRST_CONTACT, None, {"contradicted": kept | new})


def refuse_contradicted(store: HourStore, *services: str) -> None:
    """Raises `ContradictedAssumption` if an assumption about one of these services was found contradicted."""
    found = [each for each in _contradictions(store).values() if each["service"] in services]
    if not found:
        return
    first = found[0]
    others = f" (and {pluralize(len(found) - 1, 'other assumption')})" if found[1:] else ""
    raise ContradictedAssumption(
        f"{first['service']} behaves otherwise than correct hours need it, so this run stops: the probe of "
        f"{first['found_at']} contradicted that {first['assumed']}{others}. Run `audit-assets doctor --probe` again: "
        "runs go on once it finds this confirmed."
    )


def _contradictions(store: HourStore) -> dict[str, dict[str, Any]]:
    return (store.read_json(FIRST_CONTACT, None) or {}).get("contradicted", {})
