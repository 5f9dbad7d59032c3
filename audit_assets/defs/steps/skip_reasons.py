"""Whether an hour opens tickets, and why not: for its tickets and for the digest of its day alike."""

from datetime import datetime
from enum import Enum

import polars as pl

from audit_assets.config.settings import ticket_max_age
from audit_assets.defs.steps.history_coverage import ENOUGH_HOURS, HOURS_IN_WINDOW, WEEK_OF_HOURS, is_thin
from audit_assets.detection.baselines import is_learning
from audit_assets.detection.schemas import MANY_ACTORS, MANY_CHANGES
from audit_assets.detection.watch_columns import WATCH_RULE
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.tables import TICKETS


class OpenTickets(Enum):
    """Whether a run opens tickets. `auto`: for hours that ended not long ago, once a week of history is known."""

    auto = "auto"
    always = "always"
    never = "never"


OPEN_TICKETS = "open_tickets"
"""Metadata of a stored hour of tickets: the mode of the run that wrote it, which the digest of its day follows."""

REASONS = {
    "too_old": "the hour ended longer ago than AUDIT_ASSETS_TICKET_MAX_AGE_HOURS",
    "thin_history": f"fewer than {ENOUGH_HOURS} of the {HOURS_IN_WINDOW} hours before it are there",
    "learning": "less than a week of history lies before the hour",
    "never": "the run config has `open_tickets: never`",
}
"""Why a run opens nothing, by the code that `skip_reason` returns."""

STILL_OWED = ("failed", "thin_history")
"""Outcomes of an hour that was judged in time, after which it does not become too old."""

EXTREMES = (MANY_ACTORS, MANY_CHANGES)
"""What all actors of an hour did together, beyond what their ordinary days let one expect."""


def skip_reason(
    mode: OpenTickets,
    now: datetime,
    hour: datetime,
    baselines: pl.DataFrame,
    *,
    hours_present: int | None,
    still_owed: bool = False,
) -> str | None:
    """Why, as it is `now`, an hour opens no tickets: `never`, `too_old`, `thin_history` or `learning`; None if it does.

    `baselines`: the hour's BASELINE frame, whose row for the organisation shows since when anything is known of it;
    `hours_present`: how many hours of its window are there. `still_owed`: an earlier run ended with one of STILL_OWED.
    """
    if mode is OpenTickets.never:
        return "never"
    if mode is OpenTickets.always:
        return None
    is_old = now - (hour + AN_HOUR) > ticket_max_age()
    if is_old and not still_owed:
        return "too_old"
    if is_thin(hours_present):
        return "thin_history"
    return "learning" if is_learning(baselines, hour) and not is_old else None


def due_without_history(flagged: pl.DataFrame, reason: str | None, hours_present: int | None) -> pl.DataFrame:
    """Of an hour's flagged rows those that open a ticket even if it opens no others for that reason: what watch rules
    matched needs no history, and what all actors do together is extreme once a week of hours is there."""
    is_due = pl.col("kind") == WATCH_RULE
    if reason == "thin_history" and (hours_present or 0) >= WEEK_OF_HOURS:
        is_due |= pl.col("kind").is_in(EXTREMES)
    return flagged.filter(is_due) if reason in ("learning", "thin_history") else flagged.clear()


def stored_mode(store: HourStore, hour: datetime) -> OpenTickets:
    """The mode of the run that last put the hour's actors on tickets; `auto` if an earlier version stored none."""
    return OpenTickets((store.metadata(TICKETS, hour) or {}).get(OPEN_TICKETS, OpenTickets.auto.value))
