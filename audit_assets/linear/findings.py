"""What is said of a flagged actor in one hour: the input of a ticket.

These are values that somebody else fills from the flags and the entries; strings in them may come from an attacker.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ENTRIES_SHOWN = 20
"""A ticket shows this many of the entries behind a finding; the others are counted."""

Severity = Literal["urgent", "high", "medium", "low"]


@dataclass(frozen=True)
class Deviation:
    """One reason why the hour is unusual, with its numbers.

    `changes` of the hour, for a new resource type those to that type; `usual` changes of an active hour and `ratio`
    of the two; `most` changes of any active hour in 30 days; `active_hours` known in 30 days; `first_ever` within
    the 90 days that are remembered, else `last_touched` then.
    """

    kind: Literal["volume", "new_resource_type"]
    resource_type: str | None
    changes: int
    usual: float | None
    ratio: float | None
    most: int | None
    active_hours: int
    first_ever: bool | None
    last_touched: datetime | None
    judged_against: Literal["actor", "organisation"]
    new_to_organisation: bool | None = None


@dataclass(frozen=True)
class EntryLine:
    """One audit entry, as far as a ticket shows it."""

    time: datetime
    action: str | None
    resource_type: str | None
    resource_id: str | None
    zone: str | None
    ip_address: str | None
    interface: str | None
    result: str | None


@dataclass(frozen=True)
class Finding:
    """A flagged actor in one hour; `entries` are the first of `entries_total`."""

    account_id: str
    actor_key: str
    actor: str
    actor_type: str
    hour: datetime
    severity: Severity
    deviations: tuple[Deviation, ...]
    entries: tuple[EntryLine, ...]
    entries_total: int
    axiom_url: str
