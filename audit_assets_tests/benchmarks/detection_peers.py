"""How others rank hours: plain rules, and detectors of public packages (the extra `bench`).

A peer gives every active hour a number, the larger the more unusual; nothing unusual, or nothing known of the actor,
is 0 or less. Volume peers see changes, the never-touched rule sees types; all see only what came before the hour but
COPOD and STL, which are fitted to the whole stream as their packages do it. Where a peer leaves a choice open (an
actor without history, features, grace period, span), the one with the best mean recall of the must-find kinds on the
development set was taken: chosen in the peer's favour.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from audit_assets.config.policy_tables import PlainRule
from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.ranking import is_repeat
from audit_assets.detection.schemas import WINDOW

Peer = Callable[[pl.DataFrame], pl.Series]
"""From the frame of `active_hours` to a number for each of its rows."""

AN_HOUR = timedelta(hours=1)

HOURS_IN_WINDOW = WINDOW / AN_HOUR

TWO_PERIODS = 48
"""Hours that STL needs at least."""

GRACE = 5
"""Active hours before river's scorer gives numbers: 10 do better at 0.25 tickets a day, 5 at 1 and 2; its own
default, 100, would leave most actors out."""


def active_hours(events: pl.DataFrame) -> pl.DataFrame:
    """A row per active actor and hour, by hour and actor: `changes`; `active_hours`, `total` and `squares` of the
    actor's changes in the 30 days before; `new_types`, those not touched in 30 days (0 without any active hour in
    them), and `rareness` of the rarest: 1 if nobody touched it in 30 days, 1/2 if it was touched in one actor-hour."""
    touches = (
        count_changes(events)
        .sort("hour")
        .with_columns(
            last_touched=pl.col("hour").shift().over("actor", "resource_type"),
            touched_by_all=_before(pl.col("changes").sign()).over("resource_type"),
        )
        .with_columns(new=pl.col("last_touched").is_null() | (pl.col("last_touched") < pl.col("hour") - WINDOW))
    )
    squared = pl.col("changes").cast(pl.Float64) ** 2
    new = pl.col("new").sum().cast(pl.Int64)
    rarest = (1 / (1 + pl.col("touched_by_all"))).filter("new").max().fill_null(0)
    return (
        touches.group_by("actor", "hour")
        .agg(pl.col("changes").sum(), new_types=new, rareness=rarest)
        .sort("hour", "actor")
        .with_columns(
            active_hours=_before(pl.col("changes").sign()).over("actor"),
            total=_before(pl.col("changes")).over("actor"),
            squares=_before(squared).over("actor"),
        )
        .with_columns(pl.when(_known()).then(pl.col("new_types", "rareness")).otherwise(0))
    )


def _before(values: pl.Expr) -> pl.Expr:
    return values.rolling_sum_by("hour", window_size=WINDOW, closed="left").fill_null(0)


def _known() -> pl.Expr:
    return pl.col("active_hours") > 0


def _ratio() -> pl.Expr:
    """Changes against the mean active hour; 1 without any."""
    return pl.when(_known()).then(pl.col("changes") * pl.col("active_hours") / pl.col("total")).otherwise(1.0)


def tickets(hours: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """Hours with `p`, the least for the most unusual; null where a peer would open no ticket. As with our scores,
    an hour that is no more extreme than an earlier one of the actor within a day belongs to the same ticket: most peers
    gain by it."""
    unusual = pl.when(numbers > 0).then(-numbers.cast(pl.Float64))
    ranks = hours.select("actor", "hour", p=unusual, confirmed=pl.lit(value=False))
    return ranks.select("actor", "hour", p=pl.when(~is_repeat("p")).then("p"))


def ratio(hours: pl.DataFrame) -> pl.Series:
    """The plain rule's volume: times the mean active hour of the 30 days before, from its least changes on."""
    enough = pl.col("changes") >= PlainRule().minimum
    return hours.select(pl.when(_known(), enough).then(_ratio()).otherwise(0)).to_series()


def most_new(hours: pl.DataFrame) -> pl.Series:
    """The plain rule's never-touched types, by their number."""
    return hours["new_types"]


def rarest_new(hours: pl.DataFrame) -> pl.Series:
    """The plain rule's never-touched types, by how seldom anybody touches the rarest of them."""
    return hours["rareness"]


def either_rule(hours: pl.DataFrame) -> pl.Series:
    """Both plain rules, half the budget each: the better of an hour's two ranks (of equal hours, the middle)."""
    numbers = [rule(hours).cast(pl.Float64).replace(0.0, None).alias(rule.__name__) for rule in (ratio, rarest_new)]
    return 1 / pl.DataFrame([each.rank("average", descending=True) for each in numbers]).min_horizontal()


def z_score(hours: pl.DataFrame) -> pl.Series:
    """Standard deviations above the mean of all 720 hours before, the empty ones too."""
    mean = pl.col("total") / HOURS_IN_WINDOW
    deviation = (pl.col("squares") / HOURS_IN_WINDOW - mean**2).sqrt()
    return hours.select(pl.when(_known()).then((pl.col("changes") - mean) / deviation).otherwise(0.0)).to_series()


PLAIN: Mapping[str, Peer] = {
    "ratio": ratio,
    "most new": most_new,
    "rarest new": rarest_new,
    "both rules": either_rule,
    "z-score": z_score,
}
"""The peers that need no package."""


def packaged() -> dict[str, Peer]:
    """The peers of the extra `bench`: river's GaussianScorer, PyOD's COPOD and msticpy's STL."""
    import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
    from msticpy.analysis.timeseries import ts_anomalies_stl  # pyright: ignore[reportMissingImports]
    from pyod.models.copod import COPOD  # pyright: ignore[reportMissingImports]
    from river.anomaly import GaussianScorer  # pyright: ignore[reportMissingImports]

    def anomalies(changes: np.ndarray) -> np.ndarray:
        return ts_anomalies_stl(pandas.DataFrame({"changes": changes}))["score"].to_numpy()

    return {
        "river": partial(_river, partial(GaussianScorer, grace_period=GRACE)),
        "COPOD": partial(_copod, COPOD),
        "STL": partial(_stl, anomalies, lambda own, _: own),
        "STL, whole": partial(_stl, anomalies, lambda _, all_hours: all_hours),
    }


def _river(scorer: Callable[[], Any], hours: pl.DataFrame) -> pl.Series:
    """A scorer of log changes per actor. It is two-sided: an hour below the actor's mean counts as nothing unusual."""
    scorers = defaultdict(scorer)
    numbers = np.zeros(len(hours))
    for row, (actor, changes) in enumerate(hours.select("actor", "changes").iter_rows()):
        size, of_actor = np.log(changes), scorers[actor]
        with np.errstate(divide="ignore", invalid="ignore"):  # an actor whose hours were all alike
            if size > of_actor.gaussian.mu:
                numbers[row] = of_actor.score_one(None, size)
        of_actor.learn_one(None, size)
    return pl.Series(numbers)


def _copod(detector: Callable[[], Any], hours: pl.DataFrame) -> pl.Series:
    """Log changes, log ratio, and how seldom the actor is active. Not the hour of the day: the injected windows of the
    development set lie evenly over working hours, unlike its background, and would stand out by it. Not the new types:
    with them the mean recall is lower up to 1 ticket a day."""
    features = hours.select(pl.col("changes").log(), _ratio().log().alias("ratio"), -pl.col("active_hours").log1p())
    fitted = detector()
    fitted.fit(features.to_numpy())
    return pl.Series(fitted.decision_scores_)


def _stl(
    anomalies: Callable[[np.ndarray], np.ndarray],
    covered: Callable[[pl.Series, pl.Series], pl.Series],
    hours: pl.DataFrame,
) -> pl.Series:
    """STL of each actor's changes an hour, in-sample, from the first to the last of the hours to be covered.

    The actor's own hours find more and take half the time; the whole stream is what KQL's make-series passes, and
    was measured in docs/facts/detection.md, 2.3."""
    found = []
    for of_actor in hours.with_row_index("row").partition_by("actor"):
        span = covered(of_actor["hour"], hours["hour"])
        at = (of_actor["hour"] - span[0]).dt.total_hours().to_numpy()
        changes = np.zeros(max((span[-1] - span[0]) // AN_HOUR + 1, TWO_PERIODS))
        changes[at] = of_actor["changes"].to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):  # no residual at all
            found.append(of_actor.select("row", number=anomalies(changes)[at]))
    return pl.concat(found).sort("row")["number"].fill_nan(0)
