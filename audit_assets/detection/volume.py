"""How unusual the number of changes of an active hour is for its actor, as a probability.

Student-t posterior predictive of z = ln(y + 3) over the active hours of the 30 days before, with an empirical-Bayes
prior per class of actor (docs/facts/detection.md, 2.4 and 2.6). A first pass scores every hour against the hours before
it; the second weighs these by their scores of the first, so that an attack does not become the new normal. Hours of a
confirmed incident weigh nothing; those that people dismissed count in full (2.4, "Contamination").
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.special import stdtr

from audit_assets.detection.activity_arrays import HOURS_A_DAY, ActivityArrays, ActorWindows, Flags, Floats, Ints

SHIFT = 3.0
"""z = ln(y + 3) in place of ln y, which makes much of a few changes more below about ten. What the shift gained,
together with other weights, is measured in docs/facts/detection.md, 2.6."""

PRIOR_HOURS = 90 * HOURS_A_DAY

MIN_HOURS_OF_CLASS = 200
"""Active hours from which on a class of actors has a prior of its own; smaller ones share the organisation's."""

FULL_WEIGHT_P, MIN_WEIGHT_P = 3e-2, 1e-4
MIN_WEIGHT = 0.01
"""The weight of an hour in what is usual: 1 from p = .03 on, .01 below 1e-4, log-interpolated between."""

PRIORS = pl.Schema(
    {
        "day": pl.Int64,
        "summed": pl.String,
        "actor_type": pl.String,
        "m0": pl.Float64,
        "kappa": pl.Float64,
        "a0": pl.Float64,
        "b0": pl.Float64,
    }
)
"""The organisation's priors: per UTC day (days since 1970), what a horizon sums up, and actor type (null: all)."""


@dataclass(frozen=True)
class VolumePrior:
    """Normal-inverse-gamma prior of ln(y + 3); the values before there is data are those of 2.4, shifted."""

    m0: float = float(np.log(np.exp(1.1) + SHIFT))
    kappa: float = 6.0
    a0: float = 5.0
    b0: float = 2.5


@dataclass(frozen=True)
class Horizon:
    """How many hours are summed up, and which hours before are the reference: from `since` to before `until`, both in
    hours before the judged one. No hour that is summed up is in its own reference. Summed up are the changes, or how
    many `active_hours` there are, or `without_peaks` the changes but for the busiest 24 hours and what people
    dismissed."""

    name: str
    hours: int
    since: int
    until: int
    active_hours: bool = False
    without_peaks: bool = False

    @property
    def summed(self) -> str:
        """What is summed up: horizons with the same have the same prior."""
        return f"{'active ' if self.active_hours else ''}{self.hours}h"


HOUR_ALONE = Horizon("1h", 1, 30 * HOURS_A_DAY, 1)
SIX_HOURS = Horizon("6h", 6, 30 * HOURS_A_DAY, 6)
DAY = Horizon("24h", 24, 30 * HOURS_A_DAY, 24)
DAY_AGAINST_LAST_MONTH = Horizon("24h, lagged", 24, 60 * HOURS_A_DAY, 31 * HOURS_A_DAY)
"""Against days -60 to -31: slow growth drags the recent month along, but not the one before."""

ACTIVE_HOURS = Horizon("active hours", 24, 30 * HOURS_A_DAY, 24, active_hours=True)
"""Who works around the clock without being a machine that always does."""

FORTNIGHT_AGAINST_LAST_MONTH = Horizon("14d", 14 * 24, 60 * HOURS_A_DAY, 28 * HOURS_A_DAY, without_peaks=True)
"""Against days -60 to -29: what grows by a third each week without a loud day adds up. One loud day, or
what people dismissed, does not make the fortnight unusual: it would alert again with each later hour."""

HORIZONS = (HOUR_ALONE, SIX_HOURS, DAY, DAY_AGAINST_LAST_MONTH, ACTIVE_HOURS, FORTNIGHT_AGAINST_LAST_MONTH)


@dataclass(frozen=True)
class VolumeScores:
    """Per active hour: `p`; `baseline_mean`, the usual changes; `changes`, those of all hours of the horizon;
    `active_hours`, how many the reference has; and `by_default`, whether the prior was the documented default."""

    p: Floats
    baseline_mean: Floats
    changes: Floats
    active_hours: Ints
    by_default: Flags


def estimate_prior(z: Floats, actor: Ints) -> VolumePrior:
    """The prior of a class, from the logarithms of its active hours and the actors of these (2.4, "Prior")."""
    if len(z) < MIN_HOURS_OF_CLASS:
        return VolumePrior()
    count = np.bincount(actor)
    present = count > 0
    mean = np.bincount(actor, weights=z) / np.maximum(count, 1)
    n, means = count[present], mean[present]
    squares = np.bincount(actor, weights=(z - mean[actor]) ** 2)[present]
    freedom = float((n - 1).sum())
    if freedom <= 0 or len(n) < 2:
        return VolumePrior(m0=float(z.mean()))
    within = max(float(squares.sum()) / freedom, 1e-3)
    between = max(float(np.var(means, ddof=1) - np.mean(within / n)), 0.02)
    several = n >= 3
    a0 = VolumePrior.a0
    if several.sum() >= 5:
        variances = squares[several] / (n[several] - 1)
        spread = float(np.var(variances, ddof=1) - np.mean(2 * within**2 / (n[several] - 1)))
        a0 = float(np.clip(2 + within**2 / spread, 3, 8)) if spread > 0 else 8.0
    return VolumePrior(m0=float(z.mean()), kappa=float(np.clip(within / between, 2, 12)), a0=a0, b0=a0 * within)


def predict_tail(
    changes: Floats, priors: np.ndarray, total: Floats, first: Floats, second: Floats
) -> tuple[Floats, Floats]:
    """P(Y >= changes) under the posterior predictive, and its median as a number of changes (2.4, "Posterior").

    Unlike there, how far an actor is from its class adds at most b0 to its own spread: one that makes a hundred changes
    every day among people who make three is busy, not erratic. The recall on the development set stays the same.
    `priors` has the columns m0, kappa, a0, b0; `total`, `first` and `second` are Σw, Σwz and Σwz² of the window.
    """
    m0, kappa, a0, b0 = priors.T
    mean = np.divide(first, total, out=np.zeros_like(first), where=total > 0)
    squares = np.maximum(second - total * mean**2, 0)
    kn = kappa + total
    mn = (kappa * m0 + first) / kn
    an = a0 + total / 2
    bn = b0 + squares / 2 + np.minimum(kappa * total * (mean - m0) ** 2 / (2 * kn), b0)
    scale = np.sqrt(bn * (kn + 1) / (an * kn))
    return stdtr(2 * an, -(np.log(changes - 0.5 + SHIFT) - mn) / scale), np.maximum(np.exp(mn) - SHIFT, 1.0)


def weigh_outliers(p: Floats) -> Floats:
    """How much an hour of this p counts in what is usual from then on."""
    span = np.log(FULL_WEIGHT_P) - np.log(MIN_WEIGHT_P)
    unusual = np.clip((np.log(FULL_WEIGHT_P) - np.log(np.maximum(p, 1e-300))) / span, 0, 1)
    return MIN_WEIGHT**unusual


def score_volume(activity: ActivityArrays, priors: pl.DataFrame, horizon: Horizon = HOUR_ALONE) -> VolumeScores:
    """Scores every active hour over a horizon against its reference; `priors` (PRIORS) are the organisation's."""
    windows = ActorWindows(activity)
    counts = (~activity.confirmed).astype(float)
    changes = sum_up(activity, windows, horizon)
    z = np.log(changes + SHIFT)
    prior, by_default = find_priors(activity, priors, horizon)
    reference = windows.bounds(horizon.since, horizon.until - 1)

    def score(weights: Floats) -> tuple[Floats, Floats]:
        sums = (windows.sums(values, reference) for values in (weights, weights * z, weights * z * z))
        return predict_tail(changes, prior, *sums)

    weights = np.where(activity.dismissed, 1.0, weigh_outliers(score(counts)[0]))
    p, usual = score(counts * weights)
    active_hours = windows.sums(counts, reference).astype(np.int64)
    return VolumeScores(p=p, baseline_mean=usual, changes=changes, active_hours=active_hours, by_default=by_default)


def sum_changes(activity: ActivityArrays, windows: ActorWindows, hours: int) -> Floats:
    """Per active hour the changes of so many hours up to it; of confirmed hours only the judged one itself counts."""
    counted = activity.changes * ~activity.confirmed
    return _sums_in_account(activity, windows, counted.astype(float), hours) + activity.changes - counted


def sum_up(activity: ActivityArrays, windows: ActorWindows, horizon: Horizon) -> Floats:
    """Per active hour what its horizon sums up."""
    if horizon.active_hours:
        return count_active_hours(activity, windows, horizon.hours)
    if not horizon.without_peaks:
        return sum_changes(activity, windows, horizon.hours)
    undismissed = replace(activity, changes=np.where(activity.dismissed, 0, activity.beyond_dismissed))
    of_day = sum_changes(undismissed, windows, HOURS_A_DAY)
    days = pl.DataFrame(
        {
            "actor": activity.actor,
            "elsewhere": activity.elsewhere,
            "time": pl.from_epoch(pl.Series(activity.hour) * 3600),
            "changes": np.where(activity.confirmed, 0, of_day),
        }
    )
    # The 24 hours up to each of these hours lie wholly within the horizon
    hours = f"{horizon.hours - HOURS_A_DAY + 1}h"
    busiest = days.select(pl.col("changes").rolling_max_by("time", window_size=hours).over("actor", "elsewhere"))
    busiest = busiest.to_series()
    without = sum_changes(undismissed, windows, horizon.hours) - np.maximum(busiest.to_numpy(), of_day)
    return np.maximum(without, 0)


def count_active_hours(activity: ActivityArrays, windows: ActorWindows, hours: int) -> Floats:
    """Per active hour how many of so many hours up to it were active; of confirmed hours only the judged one counts."""
    active = (~activity.confirmed).astype(float)
    return _sums_in_account(activity, windows, active, hours) + 1 - active


def _sums_in_account(activity: ActivityArrays, windows: ActorWindows, values: Floats, hours: int) -> Floats:
    """Per active hour the sum of so many hours up to it, of the same account: what a person did elsewhere yesterday
    is compared with, and is nothing that was done here."""
    bounds = windows.bounds(hours - 1, -1)
    here = windows.sums(values * ~activity.elsewhere, bounds)
    if not activity.elsewhere.any():
        return here
    return np.where(activity.elsewhere, windows.sums(values * activity.elsewhere, bounds), here)


def estimate_daily_priors(activity: ActivityArrays, days: Ints | None = None) -> pl.DataFrame:
    """The PRIORS for some UTC days (else for each with activity), per horizon and class, each from the 90 days before
    the day."""
    windows = ActorWindows(activity)
    logarithms = {
        summed: np.log(sum_up(activity, windows, horizon) + SHIFT)
        for summed, horizon in sorted({horizon.summed: horizon for horizon in HORIZONS}.items())
    }
    days = np.unique(activity.hour // HOURS_A_DAY) if days is None else days
    since, until = (np.searchsorted(activity.hour, days * HOURS_A_DAY - before) for before in (PRIOR_HOURS, 0))
    rows = []
    for day, low, high in zip(days.tolist(), since.tolist(), until.tolist(), strict=True):
        actor, actor_type = activity.actor[low:high], activity.actor_type[low:high]
        usual = activity.usual_here[low:high]
        classes = [(None, usual)]
        classes += [(name, usual & (actor_type == index)) for index, name in enumerate(activity.actor_types)]
        for summed, z in logarithms.items():
            for name, members in classes:
                if members.sum() >= MIN_HOURS_OF_CLASS:
                    prior = estimate_prior(z[low:high][members], actor[members])
                    rows.append((day, summed, name, prior.m0, prior.kappa, prior.a0, prior.b0))
    return pl.DataFrame(rows, schema=PRIORS, orient="row")


def find_priors(activity: ActivityArrays, priors: pl.DataFrame, horizon: Horizon) -> tuple[np.ndarray, Flags]:
    """Per active hour the prior of its class on its day, else the organisation's, else the documented defaults; and
    whether it is these."""
    default = VolumePrior()
    of_horizon = priors.lazy().filter(pl.col("summed") == horizon.summed).drop("summed")
    values = ("m0", "kappa", "a0", "b0")
    found = (
        pl.LazyFrame(
            {"day": activity.hour // HOURS_A_DAY, "actor_type": activity.actor_types.gather(activity.actor_type)}
        )
        .join(of_horizon.drop_nulls("actor_type"), on=["day", "actor_type"], how="left", maintain_order="left")
        .join(
            of_horizon.filter(pl.col("actor_type").is_null()).drop("actor_type"),
            on="day",
            how="left",
            maintain_order="left",
            suffix="_all",
        )
        .select(pl.coalesce(name, f"{name}_all").alias(name) for name in values)
        .collect()
    )
    filled = found.select(pl.col(name).fill_null(getattr(default, name)) for name in values)
    return filled.to_numpy(), found["m0"].is_null().to_numpy()
