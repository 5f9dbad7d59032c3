"""How rarely something is expected of an actor, in words, and no more rarely than its history can support.

The computed return period extrapolates the tail of what the actor does. Its steepness is known from n active hours to
about 1/√n of itself, and so is the logarithm of the period: beyond e^√n active hours the period is not even known to
within a factor of e, and no number is printed.
"""

import math
from collections.abc import Callable

from audit_assets.tickets.formatting import pluralize

OBSERVED_YEARS = 30 / 365.25
"""The active hours of an actor are counted in 30 days."""

LEAST_ACTIVE_HOURS, MOST_ACTIVE_HOURS = 4, 30 * 24
"""With fewer, the rule would support more, not less: the least is what 4 hours support, almost twice what was observed.
The most are all hours of 30 days."""

LONGEST_YEARS = 1_000.0
"""Beyond, a probability shows no more than that it is small."""

COUNTED_SINGLY = 20
"""Up to so many years, months, ... are given exactly; 43 years are 40."""

_PER_YEAR = {"year": 1.0, "month": 12.0, "week": 365.25 / 7, "day": 365.25}


def supported_years(active_hours: int) -> float:
    """The longest return period in years that so many active hours of an actor, in 30 days, can support.

    e^√n active hours, which the actor takes e^√n / n times 30 days for: 12 active hours support 2 months, 30 support 8
    months, 100 support 18 years.
    """
    hours = min(max(active_hours, LEAST_ACTIVE_HOURS), MOST_ACTIVE_HOURS)
    return min(OBSERVED_YEARS * math.exp(math.sqrt(hours)) / hours, LONGEST_YEARS)


def is_capped(years: float, active_hours: int) -> bool:
    """Whether the history is too short for this return period."""
    return years > supported_years(active_hours) and supported_years(active_hours) < LONGEST_YEARS


def how_rarely(years: float | None, active_hours: int) -> str | None:
    """`about once in 40 years`, `less than once in 2 months`; None if it is not known. At least two of a unit."""
    if years is None or not years > 0:
        return None
    longest = supported_years(active_hours)
    if years > longest:
        return f"less than {_once_in(longest, math.floor)}"
    return f"about {once}" if (once := _once_in(years, round)) else "more than once in 2 days"


def support_clause(active_hours: int) -> str:
    """What limits a return period, as the end of a sentence."""
    if not active_hours:
        return "the most that can be claimed without any history of it"
    verb = "supports" if active_hours == 1 else "support"
    return f"the most that {pluralize(active_hours, 'active hour')} of history {verb}"


def _once_in(years: float, to_whole: Callable[[float], int]) -> str | None:
    for unit, per_year in _PER_YEAR.items():
        span = years * per_year
        if to_whole(span) >= 2:
            step = 1 if span < COUNTED_SINGLY else 10 ** (len(str(int(span))) - 1)
            return f"once in {to_whole(span / step) * step:,} {unit}s"
    return None
