"""The baselines of an hour and the organisation before a day, from entries alone: what aggregates must not change.

The queries cover all months and count every entry each time, as the pipeline did before there were aggregates.
"""

from contextlib import closing
from datetime import datetime, timedelta

import polars as pl

from audit_assets.cloudflare.actor_keys import with_owners
from audit_assets.defs.resources import AxiomResource, CloudflareResource
from audit_assets.defs.steps.organisation_day import mark_activity, read_organisation
from audit_assets.defs.steps.origin_history import query_origin_uses
from audit_assets.defs.steps.run_inputs import load_run_inputs
from audit_assets.defs.steps.verdicts import read_verdicts
from audit_assets.detection.alert_threshold import SCORE_HISTORY
from audit_assets.detection.baselines import build_baselines
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY, build_organisation, score_hours, score_stream
from audit_assets.detection.origin_uses import ORIGIN_HISTORY, uses_within
from audit_assets.detection.ranking import BUDGET_OF_HISTORY, REACH, rank_scores
from audit_assets.detection.schemas import MEMORY, SCORES
from audit_assets.detection.severity import raise_severity
from audit_assets.storage.tables import (
    ACTIVITY,
    ASSESSED,
    BASELINES,
    NAMES,
    NEWCOMERS,
    ORIGINS,
    ORIGINS_BEFORE,
    PRIORS,
    SCORES_BEFORE,
    TOUCHED,
    TOUCHED_BY,
)
from audit_assets_tests.pipeline import Pipeline

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def hour_by_entries(pipeline: Pipeline, hour: datetime) -> dict[str, pl.DataFrame]:
    """The tables of `actor_baselines`."""
    inputs = load_run_inputs(CloudflareResource().account_id(), pipeline.store)
    today, until = hour.replace(hour=0), hour + HOUR
    with closing(AxiomResource(pipeline.clock).with_tables(inputs.tables).client()) as client:
        names = with_owners(client.actors(today - DAY, until))
        acting = client.organisation_activity(today, until)["actor_key"]
        activity = client.activity(acting.unique().to_list(), today - ACTIVITY_HISTORY, until)
        origins = query_origin_uses(client, names["actor_key"], today, until, None)
        organisation_hours = client.organisation_hours(hour - MEMORY, until)
        organisation_types = client.organisation_types(hour - MEMORY, until)
    entries = inputs.entries_of(hour)
    raises = raise_severity(entries.touches, inputs.tables.sensitive)
    verdicts = read_verdicts(pipeline.store)
    marked = mark_activity(activity, names, inputs.tables.confirmed_incident, verdicts, raises)
    examples = marked.filter(~pl.col("confirmed")).rename({"actor": "actor_key"})
    who = entries.change_counts.select("actor_key", hour=pl.lit(hour).cast(pl.Datetime("us", "UTC"))).unique()
    usual, touched = build_baselines(examples, organisation_hours, organisation_types, judged=who, hours=[hour])
    assessed = score_hours(
        marked.filter(pl.col("hour") >= today - ACTIVITY_HISTORY),
        read_organisation(pipeline.store, today),
        since=today,
        origins=uses_within(origins, today, today + DAY),
    )
    return {
        ACTIVITY: activity.filter(pl.col("hour").is_between(today, hour)),
        BASELINES: usual,
        TOUCHED: touched,
        NAMES: names,
        ORIGINS: uses_within(origins, today, until),
        ASSESSED: assessed,
    }


def day_by_entries(pipeline: Pipeline, day: datetime) -> dict[str, pl.DataFrame]:
    """The tables of `organisation_history`."""
    inputs = load_run_inputs(CloudflareResource().account_id(), pipeline.store)
    with closing(AxiomResource(pipeline.clock).with_tables(inputs.tables).client()) as client:
        changes = client.organisation_activity(day - REACH, day)
        actors = with_owners(client.actors(day - REACH, day))
        since = day - SCORE_HISTORY - ORIGIN_HISTORY
        origins = query_origin_uses(client, actors["actor_key"], since, day, None)
    verdicts = read_verdicts(pipeline.store)
    activity = mark_activity(changes, actors, inputs.tables.confirmed_incident, verdicts)
    everybody = build_organisation(activity, day, origins)
    ranked = rank_scores(score_stream(activity, origins), budget=BUDGET_OF_HISTORY)
    scores = ranked.filter(pl.col("hour") >= day - SCORE_HISTORY)
    return {
        PRIORS: everybody.priors,
        NEWCOMERS: everybody.habits,
        TOUCHED_BY: everybody.touched,
        ORIGINS_BEFORE: everybody.origins,
        SCORES_BEFORE: scores.select(SCORES.names()),
    }
