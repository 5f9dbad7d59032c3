"""Events as arrays of small integers: who was active in which hour, and which types each of these hours touched.

Both the hour that has just closed and a stream of years are coded by the same function, so that what is scored hourly
and what a backtest scores can't differ.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit_assets.detection.schemas import ACTOR_ACTIVITY, HOUR, MARKS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HOURS_A_DAY = 24

FURTHEST_BACK = 270 * HOURS_A_DAY
"""No span of hours begins so long before an active hour that it would reach into another actor's hours."""

FINEST = 2.0**-32
"""What is summed up is rounded to it."""


@dataclass(frozen=True)
class Coded:
    """Active hours in the order of time (then actor), and their touches in the same order.

    `actor`, `kind`, `hour` (hours since 1970), `changes`, `confirmed` (the hour belongs to an incident, and is no
    example of what is usual) and `dismissed` (people said that so many changes are usual) have a value per active hour;
    `touch_row` points from a touch to its active hour, `touch_type` names its resource type, `touch_dismissed` says
    that people had called it usual before. The labels of the codes are sorted, so that names of actors decide nothing
    but the order of rows within an hour.
    """

    actor: Ints
    kind: Ints
    hour: Ints
    changes: Ints
    confirmed: Flags
    dismissed: Flags
    touch_row: Ints
    touch_type: Ints
    touch_changes: Ints
    touch_dismissed: Flags
    actors: pl.Series
    kinds: pl.Series
    types: pl.Series

    @property
    def touch_actor(self) -> Ints:
        return self.actor[self.touch_row]

    @property
    def touch_hour(self) -> Ints:
        return self.hour[self.touch_row]

    @property
    def touch_confirmed(self) -> Flags:
        return self.confirmed[self.touch_row]


class Spans:
    """The active hours of each actor, before each of its active hours: sums over them by cumulative sums.

    Sums are exact, of values in whole FINEST: an hour's scores are the same to the last digit, whoever else is judged
    in the same run.
    """

    def __init__(self, stream: Coded) -> None:
        self._order = np.lexsort((stream.hour, stream.actor))
        self._place = np.empty_like(self._order)
        self._place[self._order] = np.arange(len(self._order))
        self._first = stream.actor[self._order] * (int(stream.hour.max(initial=0)) + FURTHEST_BACK)
        self._key = self._first + stream.hour[self._order]

    def bounds(self, since: int, until: int) -> tuple[Ints, Ints]:
        """From `since` hours before each active hour to the end of the one that is `until` + 1 before: (720, 0) is the
        30 days before it, (5, -1) the hour itself and the five before."""
        low, high = (
            np.searchsorted(self._key, np.maximum(self._key - before, self._first))[self._place]
            for before in (since, until)
        )
        return low, high

    def sums(self, values: Floats, bounds: tuple[Ints, Ints]) -> Floats:
        """Per active hour the sum of `values` within its bounds; each must be below 2**31."""
        whole = np.rint(values[self._order] / FINEST).astype(np.int64)
        total = np.concatenate([[0], np.cumsum(whole)])  # beyond 64 bits it wraps round, and its differences stay right
        return (total[bounds[1]] - total[bounds[0]]) * FINEST


def activity_of(events: pl.DataFrame) -> pl.DataFrame:
    """Tidy rows of actor, actor_type, hour, resource_type, changes from events (time, actor, actor_type,
    resource_type; an entry_id, if there is one, drops duplicates)."""
    if "entry_id" in events.columns:
        events = events.unique("entry_id")
    return (
        events.lazy()
        .select(
            "actor",
            pl.col("actor_type").fill_null("unknown"),
            hour=pl.col("time").cast(HOUR).dt.truncate("1h"),
            resource_type=pl.col("resource_type").fill_null("unknown"),
        )
        .drop_nulls()
        .group_by("actor", "hour", "resource_type")
        .agg(pl.col("actor_type").min(), changes=pl.len().cast(pl.Int64))
        .collect()
    )


def typed(activity: pl.DataFrame, actors: pl.DataFrame) -> pl.DataFrame:
    """Activity (ACTIVITY) as the scores take it: ACTOR_ACTIVITY, `actor` being the key. `actors` has a row for each
    actor_key, with its actor_type."""
    return (
        activity.join(actors.select("actor_key", "actor_type"), on="actor_key", how="left")
        .with_columns(pl.col("actor_type").fill_null("unknown"))
        .rename({"actor_key": "actor"})
        .select(ACTOR_ACTIVITY.names())
        .cast(ACTOR_ACTIVITY)
    )


def coded(activity: pl.DataFrame) -> Coded:
    """Codes tidy rows (ACTOR_ACTIVITY, with what may be marked on it)."""
    marks = {
        name: (pl.col(name) if name in activity.columns else pl.lit(value=False)).fill_null(value=False).any()
        for name in MARKS
    }
    actors, kinds, types = (
        activity[column].drop_nulls().unique().sort() for column in ("actor", "actor_type", "resource_type")
    )
    rows = (
        activity.lazy()
        .group_by("actor", "hour", "resource_type")
        .agg(pl.col("actor_type").min(), pl.col("changes").sum(), **marks)
        .with_columns(
            actor_code=_code("actor", actors),
            kind_code=_code("actor_type", kinds).min().over("actor", "hour"),
            type_code=_code("resource_type", types),
            hour_code=pl.col("hour").dt.epoch("s") // 3600,
            confirmed=pl.col("confirmed").any().over("actor", "hour"),
            dismissed=pl.col("dismissed").any().over("actor", "hour"),
        )
        .sort("hour_code", "actor_code", "type_code")
        .collect()
    )
    actor, hour = _ints(rows["actor_code"]), _ints(rows["hour_code"])
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (np.diff(actor) != 0) | (np.diff(hour) != 0)
    touch_row = np.cumsum(first) - 1
    touch_changes = _ints(rows["changes"])
    return Coded(
        actor=actor[first],
        kind=_ints(rows["kind_code"])[first],
        hour=hour[first],
        changes=np.bincount(touch_row, weights=touch_changes, minlength=int(first.sum())).astype(np.int64),
        confirmed=rows["confirmed"].to_numpy()[first],
        dismissed=rows["dismissed"].to_numpy()[first],
        touch_row=touch_row.astype(np.int64),
        touch_type=_ints(rows["type_code"]),
        touch_changes=touch_changes,
        touch_dismissed=rows["type_dismissed"].to_numpy(),
        actors=actors,
        kinds=kinds,
        types=types,
    )


def _code(column: str, labels: pl.Series) -> pl.Expr:
    codes = pl.Series(range(len(labels)), dtype=pl.Int64)
    return pl.col(column).replace_strict(labels, codes, return_dtype=pl.Int64)


def _ints(column: pl.Series) -> Ints:
    return column.cast(pl.Int64).to_numpy().astype(np.int64, copy=True)
