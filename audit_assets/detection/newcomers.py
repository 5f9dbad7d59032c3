"""How unusual the hours of newcomers are, compared with the first days of others in this organisation.

A newcomer has no past of its own, and identities are free to create. So its hours are judged against those of the
newcomers of the 90 days before: the changes of an hour and of a day, the active hours of a day, and how surprising the
resource types are. While there are few such hours, they are drawn to those of everybody, and an hour never looks more
usual than it would among the hours of everybody.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import stdtr

from audit_assets.detection.activity_arrays import HOURS_A_DAY, ActivityArrays, ActorWindows, Flags, Floats
from audit_assets.detection.schemas import MIN_BURST_RATIO
from audit_assets.detection.volume import count_active_hours

NEWCOMER_HOURS = 7 * HOURS_A_DAY
"""So long after its first active hour an actor is a newcomer: as "younger than a week" of docs/detection.md has it."""

HOURS_BEFORE_NEWCOMERS = 14 * HOURS_A_DAY
"""Hours of history from which on newcomers can be distinguished from those who were there before."""

REMEMBERED_HOURS = 121 * HOURS_A_DAY
"""An actor that was not active for so long is a newcomer again: as long as the activity that decides its scores."""

EXAMPLE_DAYS = 90
"""Days of newcomers' hours that a newcomer is compared with."""

HOURS_OF_AN_ACTOR = 3.0
"""All newcomer's hours of one actor count at most as so many: one busy newcomer must not become what is usual."""

HOURS_BEFORE_TRUST = 20.0
"""Newcomers' hours are drawn to those of everybody as by so many hours."""

MIN_VARIANCE = {"changes": 0.25, "day_changes": 0.25, "day_hours": 0.15, "surprise": 0.25}
"""The least variance of each measure: where all examples are alike, the first that differs is no sensation."""

DAY_SHARE = 0.5
"""How much the changes and the active hours of a day count beside the changes of the hour alone."""

MEASURES = tuple(MIN_VARIANCE)
"""Logarithms, per active hour: its changes, those of the 24 hours up to it, its actor's active hours among these, and
the surprise of the hour's new resource types (the sum of -ln of the expected share of each)."""

HABITS = pl.Schema(
    {
        "day": pl.Int64,
        "measure": pl.String,
        "hours": pl.Float64,
        "mean": pl.Float64,
        "variance": pl.Float64,
        "hours_of_all": pl.Float64,
        "mean_of_all": pl.Float64,
        "variance_of_all": pl.Float64,
    }
)
"""Per UTC day (days since 1970) and measure: how many newcomers' hours the 90 days before have (weighed), and the mean
and variance of the measure in them, drawn to those of everybody (`..._of_all`)."""

MIN_HOURS_OF_ALL = 30
"""With fewer active hours of everybody, documented defaults take their place."""

DEFAULTS = {"changes": (1.8, 1.5), "day_changes": (2.2, 1.5), "day_hours": (0.6, 0.3), "surprise": (1.0, 0.8)}
"""Mean and variance before there is any history: roughly those of a small organisation (judgement)."""


def is_newcomer(activity: ActivityArrays, windows: ActorWindows, began: int) -> Flags:
    """Per active hour whether the actor was active in no hour from 121 days to 7 days before it; hours of confirmed
    incidents make nobody known. `began`: the first hour of which anything is known (since 1970): soon after it nobody
    can be called a newcomer."""
    active = (~activity.confirmed).astype(float)
    unknown = windows.sums(active, windows.bounds(REMEMBERED_HOURS, NEWCOMER_HOURS - 1)) == 0
    return unknown & (activity.hour - began >= HOURS_BEFORE_NEWCOMERS)


def measure_hours(activity: ActivityArrays, windows: ActorWindows, day_changes: Floats, began: int) -> pl.DataFrame:
    """Per active hour, in the order of `activity`: actor, hour_number, confirmed, newcomer, and all MEASURES but the
    surprise. `day_changes`: the changes of the 24 hours up to each; `began` as in `is_newcomer`."""
    day_hours = count_active_hours(activity, windows, HOURS_A_DAY)
    return pl.DataFrame(
        {
            "actor": activity.actors.gather(activity.actor),
            "hour_number": activity.hour,
            "confirmed": activity.confirmed,
            "newcomer": is_newcomer(activity, windows, began),
            "changes": np.log(activity.changes + 2.5),
            "day_changes": np.log(day_changes + 2.5),
            "day_hours": np.log(day_hours + 0.5),
        }
    )


def measure_surprise(surprise: pl.Expr) -> pl.Expr:
    """The surprise of an hour's new types as a measure."""
    return (surprise + 1).log()


def estimate_habits(measured: pl.DataFrame, days: Sequence[int]) -> pl.DataFrame:
    """HABITS before each of some UTC days. `measured` has a row per active hour of everybody in order of time: actor,
    hour_number, confirmed, newcomer and MEASURES."""
    examples = measured.filter(~pl.col("confirmed"))
    day = examples["hour_number"].to_numpy() // HOURS_A_DAY
    values = {name: examples[name].to_numpy() for name in MEASURES}
    newcomer = examples["newcomer"].to_numpy()
    actor = examples["actor"].rank("dense").to_numpy()
    rows = []
    for today in days:
        past = slice(*np.searchsorted(day, [today - EXAMPLE_DAYS, today]))
        new = newcomer[past]
        actors, counts = np.unique(actor[past][new], return_inverse=True, return_counts=True)[1:]
        weights = np.minimum(1.0, HOURS_OF_AN_ACTOR / counts[actors]) if len(counts) else np.zeros(0)
        rows += [(today, name, *_moments(name, values[name][past], new, weights)) for name in MEASURES]
    return pl.DataFrame(rows, schema=HABITS, orient="row")


def _moments(name: str, of_all: Floats, new: Flags, weights: Floats) -> tuple[float, ...]:
    """The values of a row of HABITS after its measure."""
    mean_of_all, variance_of_all = DEFAULTS[name]
    if len(of_all) >= MIN_HOURS_OF_ALL:
        mean_of_all, variance_of_all = float(of_all.mean()), max(float(of_all.var()), MIN_VARIANCE[name])
    examples, trust = of_all[new], HOURS_BEFORE_TRUST
    hours = float(weights.sum()) + trust
    mean = (float((weights * examples).sum()) + trust * mean_of_all) / hours
    squares = float((weights * (examples - mean) ** 2).sum())
    squares += trust * (variance_of_all + (mean_of_all - mean) ** 2)
    variance = max(squares / hours, MIN_VARIANCE[name])
    return hours, mean, variance, float(len(of_all)), mean_of_all, variance_of_all


def judge_newcomers(scores: pl.DataFrame, habits: pl.DataFrame) -> pl.DataFrame:
    """Scores whose newcomers have the p of the comparison with other newcomers.

    `scores` need hour_number, newcomer, MEASURES (as `measured_...`), the changes of hour and day, what people
    dismissed of either, and what is replaced: p_volume, p_many_new, horizon, horizon_changes, horizon_baseline_mean.
    """
    newcomers = scores.filter("newcomer")
    if newcomers.is_empty():
        return scores
    p, usual = {}, {}
    for name in MEASURES:
        of_day = habits.filter(pl.col("measure") == name)
        here = newcomers.select(f"measured_{name}", day=pl.col("hour_number") // HOURS_A_DAY).join(
            of_day, on="day", how="left", maintain_order="left"
        )
        p[name], usual[name] = _tail(here, f"measured_{name}"), np.exp(here["mean"].to_numpy()) - 2.5
    hour, day = (
        np.where(
            (newcomers[changes].to_numpy() < MIN_BURST_RATIO * usual[changes])
            | (newcomers[changes].to_numpy() <= MIN_BURST_RATIO * newcomers[f"dismissed_{changes}"].to_numpy()),
            1.0,
            p[changes],
        )
        for changes in ("changes", "day_changes")
    )
    hours = np.where(newcomers["dismissed_day_changes"].to_numpy() > 0, 1.0, p["day_hours"])
    of_day = np.minimum(np.minimum(day, hours) / DAY_SHARE, 1.0)
    by_day = of_day < hour
    judged = newcomers.with_columns(
        p_volume=pl.Series(np.minimum(hour, of_day)),
        p_many_new=pl.when(pl.col("measured_surprise") > 0).then(pl.Series(p["surprise"])).otherwise(1.0),
        horizon=pl.Series(np.where(by_day, "24h", "1h")),
        horizon_changes=pl.when(pl.Series(by_day)).then("day_changes").otherwise("changes"),
        horizon_baseline_mean=pl.Series(np.maximum(np.where(by_day, usual["day_changes"], usual["changes"]), 1.0)),
    )
    return pl.concat([scores.filter(~pl.col("newcomer")), judged.select(scores.columns)])


def _tail(here: pl.DataFrame, value: str) -> Floats:
    """P(at least this) of a Student-t about the newcomers' mean, and at most that about the mean of everybody."""
    x = here[value].to_numpy()
    hours, mean, variance, hours_of_all, mean_of_all, variance_of_all = (
        here[name].to_numpy() for name in (*HABITS.names(),)[2:]
    )
    of_newcomers = stdtr(hours, -(x - mean) / np.sqrt(variance * (1 + 1 / hours)))
    of_all = stdtr(np.maximum(hours_of_all, 4), -(x - mean_of_all) / np.sqrt(variance_of_all))
    return np.where(hours_of_all >= MIN_HOURS_OF_ALL, np.minimum(of_newcomers, of_all), of_newcomers)
