"""One hour of a stream of events, judged as the assets judge it."""

from datetime import datetime, timedelta

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.baselines import build_baselines
from audit_assets.detection.first_hours import describe_first_hours
from audit_assets.detection.flagging import flag_deviations
from audit_assets.detection.groups import find_group_alerts
from audit_assets.detection.hour_scores import build_organisation, score_hours
from audit_assets.detection.judged_hours import JudgedHours
from audit_assets.detection.ranking import rank_scores
from audit_assets.detection.schemas import (
    ACTIVITY,
    ACTOR_ACTIVITY,
    DELETES,
    MEMORY,
    ORGANISATION_HOURS,
    ORGANISATION_TYPES,
    OWNER,
)
from audit_assets.detection.severity import TOUCHES
from audit_assets.detection.threshold_falls import find_threshold_falls
from audit_assets.detection.verdict_marks import VERDICTS, mark_verdicts
from audit_assets_tests.detection.streams import score_activity

HOUR = timedelta(hours=1)


def judged(
    events: pl.DataFrame,
    hour: datetime,
    *,
    budget: float = 1.0,
    kind: str = "update",
    verdicts: pl.DataFrame | None = None,
) -> JudgedHours:
    """What `flag_deviations` needs of an hour, from all events up to its end and the verdicts on earlier hours."""
    activity = count_changes(events.filter(pl.col("time") < hour + HOUR))
    activity = activity.select(pl.col(*ACTOR_ACTIVITY, DELETES), pl.col(f"^{OWNER}$"))
    unmarked = activity.with_columns(confirmed=pl.lit(value=False))
    activity = mark_verdicts(unmarked, VERDICTS.to_frame() if verdicts is None else verdicts)
    day = hour.replace(hour=0)
    organisation = build_organisation(activity, day)
    theirs = activity.join(activity.filter(pl.col("hour") >= day), on="actor", how="semi")
    alone = score_hours(theirs, organisation, since=day)
    before = score_activity(activity.filter(pl.col("hour") < day))
    ranked = rank_scores(pl.concat([before, alone]), budget=budget, since=day)
    scores = ranked.filter(pl.col("hour") == hour)
    keyed = activity.rename({"actor": "actor_key"})
    seen = keyed.filter(pl.col("hour") >= hour - MEMORY)
    by_hour = seen.group_by("hour").agg(active_actors=pl.col("actor_key").n_unique(), changes=pl.col("changes").sum())
    usual, touched = build_baselines(
        seen.filter(~pl.col("confirmed")),
        by_hour.select(ORGANISATION_HOURS.names()).cast(ORGANISATION_HOURS),
        seen.group_by("hour", "resource_type").agg(pl.col("changes").sum()).cast(ORGANISATION_TYPES),
        judged=keyed.filter(pl.col("hour") == hour).select("hour", "actor_key").unique(),
        hours=[hour],
    )
    here = keyed.filter(pl.col("hour") == hour).select(ACTIVITY.names()).cast(ACTIVITY)
    return JudgedHours(
        activity=here,
        baselines=usual,
        touched=touched,
        scores=scores.rename({"actor": "actor_key"}),
        groups=find_group_alerts(pl.concat([before, ranked]), budget=budget, since=hour),
        colleagues=organisation.touched.rename({"actor": "actor_key"}),
        touches=here.select("hour", "actor_key", "resource_type", action=pl.lit(kind), kind=pl.lit(kind)).cast(TOUCHES),
        threshold_falls=find_threshold_falls(before, [hour]),
        first_hours=describe_first_hours(pl.concat([before, ranked]), hour),
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
    return flag_deviations(judged(events, hour, budget=chosen.tickets_a_day, kind=kind, verdicts=verdicts), chosen)
