"""How far a demo's history is: hours that were stored, and hours whose entries the sandbox's Axiom got."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.tables import ENTRIES

if TYPE_CHECKING:
    from audit_assets.sandbox.server import Sandbox

INGESTED_SHARE = 3 / 4
"""Of the work of an hour: pulling and storing it takes a third as long as ingesting it."""


def count_done(store: Path, sandbox: "Sandbox", dataset: str, history: Sequence[datetime]) -> Callable[[], int]:
    """Counts the hours of the history that are done; one that is only stored counts in part."""

    def count() -> int:
        pulled = sum(1 for _ in (store / ENTRIES).glob("*/*.parquet"))
        newest = sandbox.axiom.newest_event(dataset)
        ingested = 0 if newest is None else (newest - history[0]) // AN_HOUR + 1
        return int(pulled + (ingested - pulled) * INGESTED_SHARE)

    return count
