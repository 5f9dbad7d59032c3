"""Activity as arrays of small integers: who was active in which hour, and which resource types each hour touched.

The hour that has just closed and a stream of years go through the same function, so that hourly scores and the scores
of a backtest can't differ.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit_assets.detection.schemas import ACTOR_ACTIVITY, BEYOND_DISMISSED, DELETES, ELSEWHERE, HOUR, MARKS, OWNER

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HOURS_A_DAY = 24

LONGEST_WINDOW = 270 * HOURS_A_DAY
"""Hours between the keys of two actors: no window may be longer, else it would reach into another actor's hours."""

SUM_PRECISION = 2.0**-32
"""Values are rounded to this before they are summed up."""


@dataclass(frozen=True)
class ActivityArrays:
    """Active hours in order of time (then actor), and their touches of resource types in the same order.

    A value per active hour: `actor`, `actor_type`, `hour` (hours since 1970), `changes`, `deletes` (so many of them),
    `confirmed` (the hour belongs to an incident and is no example of what is usual), `elsewhere` (it is of another
    account, and only its actor is compared with it), `dismissed` (people dismissed the volume of the hour),
    `beyond_dismissed` (so many of its changes are beyond what people dismissed before: all, unless
    they did). A value per touch: `touch_row` (the index of its active hour), `touch_type` (its resource type),
    `touch_dismissed` (people had dismissed this resource type for the actor before). `actor`, `actor_type` and
    `touch_type` are indices into the sorted `actors`, `actor_types` and `resource_types`: names decide nothing but the
    order of rows within an hour.
    """

    actor: Ints
    actor_type: Ints
    hour: Ints
    changes: Ints
    deletes: Ints
    confirmed: Flags
    elsewhere: Flags
    dismissed: Flags
    beyond_dismissed: Ints
    touch_row: Ints
    touch_type: Ints
    touch_dismissed: Flags
    actors: pl.Series
    actor_types: pl.Series
    resource_types: pl.Series

    @property
    def usual_here(self) -> Flags:
        """The active hours that are examples of what is usual in this organisation."""
        return ~self.confirmed & ~self.elsewhere

    @property
    def began(self) -> int:
        """The first active hour of this organisation, 0 without any."""
        here = self.hour[~self.elsewhere]
        return int(here[0]) if len(here) else 0

    @property
    def touch_actor(self) -> Ints:
        return self.actor[self.touch_row]

    @property
    def touch_hour(self) -> Ints:
        return self.hour[self.touch_row]

    @property
    def touch_confirmed(self) -> Flags:
        return self.confirmed[self.touch_row]

    @property
    def touch_elsewhere(self) -> Flags:
        return self.elsewhere[self.touch_row]


class ActorWindows:
    """For each active hour the earlier active hours of its actor: sums over windows of them, by cumulative sums.

    Sums are exact, of values rounded to SUM_PRECISION: the scores of an hour are the same to the last digit, whoever
    else is scored in the same run.
    """

    def __init__(self, activity: ActivityArrays) -> None:
        self._order = np.lexsort((activity.hour, activity.actor))
        self._position = np.empty_like(self._order)
        self._position[self._order] = np.arange(len(self._order))
        self._first = activity.actor[self._order] * (int(activity.hour.max(initial=0)) + LONGEST_WINDOW)
        self._key = self._first + activity.hour[self._order]

    def bounds(self, since: int, until: int) -> tuple[Ints, Ints]:
        """The window from `since` hours before each active hour to the end of the hour that is `until` + 1 before:
        (720, 0) is the 30 days before it, (5, -1) the hour itself and the five before."""
        low, high = (
            np.searchsorted(self._key, np.maximum(self._key - before, self._first))[self._position]
            for before in (since, until)
        )
        return low, high

    def sums(self, values: Floats, bounds: tuple[Ints, Ints]) -> Floats:
        """Per active hour the sum of `values` within its bounds; each value must be below 2**31."""
        units = np.rint(values[self._order] / SUM_PRECISION).astype(np.int64)
        total = np.concatenate([[0], np.cumsum(units)])  # beyond 64 bits it wraps round, and differences stay right
        return (total[bounds[1]] - total[bounds[0]]) * SUM_PRECISION


def count_changes(events: pl.DataFrame) -> pl.DataFrame:
    """Tidy rows of actor, actor_type, hour, resource_type, changes, deletes from events (time, actor, actor_type,
    resource_type; an action "delete" where there are actions; an entry_id, if there is one, drops duplicates), with the
    column OWNER if the events have it."""
    is_delete = (pl.col("action") == "delete") if "action" in events.columns else pl.lit(value=False)
    if "entry_id" in events.columns:
        events = events.unique("entry_id")
    activity = (
        events.lazy()
        .select(
            "actor",
            pl.col("actor_type").fill_null("unknown"),
            deletes=is_delete.fill_null(value=False),
            hour=pl.col("time").cast(HOUR).dt.truncate("1h"),
            resource_type=pl.col("resource_type").fill_null("unknown"),
        )
        .drop_nulls()
        .group_by("actor", "hour", "resource_type")
        .agg(pl.col("actor_type").min(), changes=pl.len().cast(pl.Int64), deletes=pl.col(DELETES).sum().cast(pl.Int64))
        .collect()
    )
    if OWNER not in events.columns:
        return activity
    owners = events.sort("time").drop_nulls(OWNER).group_by("actor").agg(pl.col(OWNER).last())
    return activity.join(owners, on="actor", how="left")


def add_actor_types(activity: pl.DataFrame, actors: pl.DataFrame) -> pl.DataFrame:
    """Activity (ACTIVITY, with or without DELETES) as the scores need it: ACTOR_ACTIVITY with OWNER, `actor` being the
    key. `actors` has a row for each actor_key, with its actor_type and, where it is another's credential, the
    owner_key."""
    return (
        activity.join(actors.select("actor_key", "actor_type", owner="owner_key"), on="actor_key", how="left")
        .with_columns(pl.col("actor_type").fill_null("unknown"))
        .rename({"actor_key": "actor"})
        .select(*ACTOR_ACTIVITY, OWNER, *({DELETES} & {*activity.columns}))
        .with_columns(pl.col(name).cast(kind) for name, kind in {**ACTOR_ACTIVITY, OWNER: pl.String}.items())
    )


def build_activity_arrays(activity: pl.DataFrame) -> ActivityArrays:
    """The arrays of tidy rows (ACTOR_ACTIVITY, with or without DELETES, MARKS, ELSEWHERE and BEYOND_DISMISSED)."""
    marks = [pl.col(name).fill_null(value=False).any() for name in MARKS]
    optional = {
        **{name: pl.lit(value=False) for name in MARKS},
        DELETES: pl.lit(0, pl.Int64),
        ELSEWHERE: pl.lit(None, pl.String),
        BEYOND_DISMISSED: pl.col("changes"),
    }
    # as columns, since polars 2.1 can't aggregate literals of groups that are in order already
    activity = activity.with_columns(**{name: of for name, of in optional.items() if name not in activity.columns})
    actors, actor_types, resource_types = (
        activity[column].drop_nulls().unique().sort() for column in ("actor", "actor_type", "resource_type")
    )
    rows = (
        activity.lazy()
        .group_by("actor", "hour", "resource_type")
        .agg(
            pl.col("actor_type").min(),
            pl.col("changes").sum(),
            *marks,
            deletes=pl.col(DELETES).fill_null(0).sum(),
            beyond=pl.col(BEYOND_DISMISSED).fill_null(pl.col("changes")).sum(),
            elsewhere=pl.col(ELSEWHERE).is_not_null().any(),
        )
        .with_columns(
            actor_index=_index("actor", actors),
            actor_type_index=_index("actor_type", actor_types).min().over("actor", "hour"),
            type_index=_index("resource_type", resource_types),
            hour_number=pl.col("hour").dt.epoch("s") // 3600,
            confirmed=pl.col("confirmed").any().over("actor", "hour"),
            dismissed=pl.col("dismissed").any().over("actor", "hour"),
            elsewhere=pl.col("elsewhere").any().over("actor", "hour"),
        )
        .sort("hour_number", "actor_index", "type_index")
        .collect()
    )
    actor, hour = _to_ints(rows["actor_index"]), _to_ints(rows["hour_number"])
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (np.diff(actor) != 0) | (np.diff(hour) != 0)
    touch_row = np.cumsum(first) - 1
    changes, deletes, beyond_dismissed = (
        np.bincount(touch_row, weights=_to_ints(rows[name]), minlength=int(first.sum())).astype(np.int64)
        for name in ("changes", DELETES, "beyond")
    )
    return ActivityArrays(
        actor=actor[first],
        actor_type=_to_ints(rows["actor_type_index"])[first],
        hour=hour[first],
        changes=changes,
        deletes=deletes,
        confirmed=rows["confirmed"].to_numpy()[first],
        elsewhere=rows["elsewhere"].to_numpy()[first],
        dismissed=rows["dismissed"].to_numpy()[first],
        beyond_dismissed=beyond_dismissed,
        touch_row=touch_row.astype(np.int64),
        touch_type=_to_ints(rows["type_index"]),
        touch_dismissed=rows["type_dismissed"].to_numpy(),
        actors=actors,
        actor_types=actor_types,
        resource_types=resource_types,
    )


def _index(column: str, labels: pl.Series) -> pl.Expr:
    indices = pl.Series(range(len(labels)), dtype=pl.Int64)
    return pl.col(column).replace_strict(labels, indices, return_dtype=pl.Int64)


def _to_ints(column: pl.Series) -> Ints:
    return column.cast(pl.Int64).to_numpy().astype(np.int64, copy=True)
