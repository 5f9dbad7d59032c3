"""How much of the 30 days before an hour is there, counted in hours: a span says nothing of what is missing within it.

An hour is judged whatever is there. With too little of it nothing but what needs none opens a ticket, and once more is
there the hour is judged again.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta

from audit_assets.reports.health_facts import HOURS_IN_WINDOW
from audit_assets.reports.health_problems import ENOUGH_COVERAGE
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.tables import BASELINES, FLAGGED

ENOUGH_HOURS = round(HOURS_IN_WINDOW * ENOUGH_COVERAGE)
"""With fewer, what is missing looks unusual: a first backfill that judged an hour by 5 of 30 days opened three tickets
too many and left two urgent findings below the threshold."""

WEEK_OF_HOURS = 7 * 24
"""With fewer, not even what all actors do together can be called extreme."""

WORTH_JUDGING_AGAIN = 24
"""So many hours more are worth it wherever they lie: a day may hold all that an actor does in a month."""

LATELY = timedelta(minutes=10)

HOURS_PRESENT = "hours_present"
"""The key of the number in the metadata of stored tables, and of what Dagster keeps of an hour."""


def count_hours_present(present: Sequence[datetime], hour: datetime) -> int:
    """How many of the HOURS_IN_WINDOW before an hour are there. `present`: those that are there, each once, sorted; it
    is asked of each hour of a month, every minute."""
    return bisect_left(present, hour) - bisect_left(present, hour - AN_HOUR * HOURS_IN_WINDOW)


def estimate_seconds_left(done: Sequence[datetime], missing: int, now: datetime) -> float | None:
    """How long so many missing hours take if they come as fast as those that were done lately, at these times; None if
    that is not known."""
    lately = [at for at in done if now - at <= LATELY]
    if not missing:
        return 0.0
    if not lately or now <= min(lately):
        return None
    return missing * (now - min(lately)) / len(lately) / timedelta(seconds=1)


def stored_hours_present(store: HourStore, hour: datetime) -> int | None:
    """On how many hours the stored baselines of an hour rest; None if an earlier version made them."""
    return (store.metadata(BASELINES, hour) or {}).get(HOURS_PRESENT)


def hours_present_when_flagged(store: HourStore, hour: datetime) -> int | None:
    """The same of the baselines that its flags were made from, without reading the baselines of an hour."""
    known = store.metadata(FLAGGED, hour) or {}
    return known[HOURS_PRESENT] if HOURS_PRESENT in known else stored_hours_present(store, hour)


def is_enough(there: int, of: int) -> bool:
    """Whether so many hours of a history are enough of it."""
    return there * HOURS_IN_WINDOW >= of * ENOUGH_HOURS


def is_thin(hours_present: int | None) -> bool:
    """Whether that is too little to open tickets. Where it is not known, it was decided otherwise."""
    return hours_present is not None and hours_present < ENOUGH_HOURS


def is_worth_judging_again(judged_on: int | None, now_there: int) -> bool:
    """Whether an hour that was judged on so many hours would be judged on decidedly more now."""
    if judged_on is None:
        return False
    return now_there - judged_on >= WORTH_JUDGING_AGAIN or judged_on < ENOUGH_HOURS <= now_there
