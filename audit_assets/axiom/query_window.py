"""A question's extent, and how it is cut when the answer would not fit.

Pieces cover their whole exactly and do not overlap, and times are cut at full hours: rows are counted by hour, so
a row is never spread over two pieces.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

PARTS = 4
"""Cut in four rather than in two: an answer that does not fit is thrown away, so each step down costs one."""

LONGEST_PREFIX = 3
"""16³ pieces of an hour hold 200 million entries."""


@dataclass(frozen=True)
class Piece:
    """What is asked about: [start, end), and some actors, or the entry_ids with a prefix."""

    start: datetime
    end: datetime
    actors: tuple[str, ...] = ()
    prefix: str = ""

    def __str__(self) -> str:
        actors = f", {len(self.actors)} actor{'s' * (len(self.actors) > 1)}" if self.actors else ""
        prefix = f", ids {self.prefix}…" if self.prefix else ""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}{actors}{prefix}"


Cut = Callable[[Piece], list[Piece]]
"""The smaller pieces of a piece, in order; none when it can't be cut any further."""


def by_time(piece: Piece) -> list[Piece]:
    """Days first, then hours; an hour can't be cut."""
    step = DAY if piece.end - piece.start > DAY else HOUR
    first = _floor(piece.start, step)
    units = -((first - piece.end) // step)
    if units < 2:
        return []
    size = -(-units // PARTS)
    edges = [first + step * n for n in range(size, units, size)]
    bounds = [piece.start, *edges, piece.end]
    return [replace(piece, start=start, end=end) for start, end in pairwise(bounds)]


def by_actors_then_time(piece: Piece) -> list[Piece]:
    """Fewer actors, and when there is but one, fewer days."""
    if len(piece.actors) < 2:
        return by_time(piece)
    size = -(-len(piece.actors) // PARTS)
    return [replace(piece, actors=piece.actors[at : at + size]) for at in range(0, len(piece.actors), size)]


def by_time_then_prefix(piece: Piece) -> list[Piece]:
    """Fewer days and hours; then by the first hex digits of the ids, which spread evenly."""
    pieces = [] if piece.prefix else by_time(piece)
    if pieces or len(piece.prefix) >= LONGEST_PREFIX:
        return pieces
    return [replace(piece, prefix=piece.prefix + digit) for digit in "0123456789abcdef"]


def _floor(time: datetime, step: timedelta) -> datetime:
    zero = datetime(1970, 1, 1, tzinfo=UTC)
    return zero + (time - zero) // step * step
