"""What a query covers, and how it is split when its result would not fit.

The parts cover the whole window exactly and do not overlap. Times are split at full hours: rows are counted by hour,
so no row is spread over two parts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

PARTS = 4
"""Four rather than two: a result that does not fit is thrown away, so each level costs one. A judgement."""

SHORTEST_TIME = 30 * DAY
"""A window of 285 days is split into sixteen, which hold 800,000 rows of an actor. A judgement."""

LONGEST_PREFIX = 3
"""16³ parts of an hour hold 200 million entries."""


@dataclass(frozen=True)
class QueryWindow:
    """The time [start, end), and some actors, or the entry_ids with a prefix."""

    start: datetime
    end: datetime
    actors: tuple[str, ...] = ()
    prefix: str = ""

    def __str__(self) -> str:
        actors = f", {len(self.actors)} actor{'s' * (len(self.actors) > 1)}" if self.actors else ""
        prefix = f", ids {self.prefix}…" if self.prefix else ""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}{actors}{prefix}"


Split = Callable[[QueryWindow], list[QueryWindow]]
"""The smaller parts of a window, in order; none when it can't be split any further."""


def split_by_actors_then_time(window: QueryWindow) -> list[QueryWindow]:
    """Fewer actors; for one or for all, fewer days, then hours. An hour can't be split."""
    if len(window.actors) > 1:
        size = -(-len(window.actors) // PARTS)
        return [replace(window, actors=window.actors[at : at + size]) for at in range(0, len(window.actors), size)]
    step = DAY if window.end - window.start > DAY else HOUR
    first = EPOCH + (window.start - EPOCH) // step * step
    units = -((first - window.end) // step)
    if units < 2:
        return []
    size = -(-units // PARTS)
    inner = [first + step * n for n in range(size, units, size)]
    return [replace(window, start=start, end=end) for start, end in pairwise([window.start, *inner, window.end])]


def split_by_actors_then_months(window: QueryWindow) -> list[QueryWindow]:
    """Fewer actors; for one, fewer days while there are more than SHORTEST_TIME: what one actor's entries may cost is
    limited."""
    if len(window.actors) <= 1 and window.end - window.start <= SHORTEST_TIME:
        return []
    return split_by_actors_then_time(window)


def split_by_time_then_prefix(window: QueryWindow) -> list[QueryWindow]:
    """Fewer days and hours; then by the first hex digits of the ids, which are evenly distributed."""
    parts = [] if window.prefix else split_by_actors_then_time(window)
    if parts or len(window.prefix) >= LONGEST_PREFIX:
        return parts
    return [replace(window, prefix=window.prefix + digit) for digit in "0123456789abcdef"]
