"""One hour of a stream of events, judged as the assets judge it."""

from datetime import datetime, timedelta

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.activity_arrays import activity_of
from audit_assets.detection.baselines import baselines
from audit_assets.detection.flagging import Judged, flags
from audit_assets.detection.hour_scores import assess_hours, organisation
from audit_assets.detection.ranking import ranked
from audit_assets.detection.schemas import ACTIVITY, ACTOR_ACTIVITY, MEMORY, ORGANISATION_HOURS, ORGANISATION_TYPES
from audit_assets.detection.severity import TOUCHES
from audit_assets.detection.stream_scores import score_activity
from audit_assets.detection.verdict_marks import with_verdicts, without_verdicts

HOUR = timedelta(hours=1)


def judged(
    events: pl.DataFrame,
    hour: datetime,
    *,
    budget: float = 1.0,
    kind: str = "update",
    verdicts: pl.DataFrame | None = None,
) -> Judged:
    """What `flags` needs of an hour, from all events up to its end and what people said of earlier hours."""
    activity = activity_of(events.filter(pl.col("time") < hour + HOUR)).select(ACTOR_ACTIVITY.names())
    unmarked = activity.with_columns(confirmed=pl.lit(value=False))
    activity = with_verdicts(unmarked, without_verdicts() if verdicts is None else verdicts)
    now = activity.filter(pl.col("hour") == hour)
    day = hour.replace(hour=0)
    everybody = organisation(activity, day)
    theirs = activity.join(now, on="actor", how="semi")
    alone = assess_hours(theirs, everybody, since=day)
    before = score_activity(activity.filter(pl.col("hour") < day))
    scores = ranked(pl.concat([before, alone]), budget=budget, since=day).filter(pl.col("hour") == hour)
    keyed = activity.rename({"actor": "actor_key"})
    seen = keyed.filter(pl.col("hour") >= hour - MEMORY)
    by_hour = seen.group_by("hour").agg(active_actors=pl.col("actor_key").n_unique(), changes=pl.col("changes").sum())
    usual, touched = baselines(
        seen.filter(~pl.col("confirmed")),
        by_hour.select(ORGANISATION_HOURS.names()).cast(ORGANISATION_HOURS),
        seen.group_by("hour", "resource_type").agg(pl.col("changes").sum()).cast(ORGANISATION_TYPES),
        judged=keyed.filter(pl.col("hour") == hour).select("hour", "actor_key").unique(),
        hours=[hour],
    )
    here = keyed.filter(pl.col("hour") == hour).select(ACTIVITY.names()).cast(ACTIVITY)
    return Judged(
        activity=here,
        baselines=usual,
        touched=touched,
        scores=scores.rename({"actor": "actor_key"}),
        colleagues=everybody.touched.rename({"actor": "actor_key"}),
        touches=here.select("hour", "actor_key", "resource_type", action=pl.lit(kind), kind=pl.lit(kind)).cast(TOUCHES),
        names=here.select("actor_key", actor=pl.col("actor_key") + "@example.com", actor_type=pl.lit("user")).unique(),
    )


def flagged(
    events: pl.DataFrame,
    hour: datetime,
    policy: Policy | None = None,
    *,
    kind: str = "update",
    verdicts: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The FLAG frame of an hour under a policy."""
    chosen = policy or Policy()
    return flags(judged(events, hour, budget=chosen.tickets_a_day, kind=kind, verdicts=verdicts), chosen)
