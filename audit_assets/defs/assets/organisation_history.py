"""APL over everybody's last months → what the hours of a day are judged against besides their actors' own past.

In: the dataset in Axiom. Out, once for each UTC day: the priors of each class of actor, who touched which resource
type, and the scores of the last weeks, from which the budget's threshold follows. True afterwards: nothing in it lies
in the day itself. It is made anew when hours before the day have been ingested since, or brought late entries, when
the policy changed, or what people said of these hours on their tickets.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.config import policy
from audit_assets.defs.assets.axiom_ingest import ROW_COUNT, axiom_ingest
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.partitions import hour_of, hourly_asset, hours_in, key_of
from audit_assets.defs.resources import AxiomResource, StorageResource
from audit_assets.detection.activity_arrays import add_actor_types
from audit_assets.detection.alert_threshold import SCORE_HISTORY
from audit_assets.detection.confirmed_incidents import mark_incidents
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY, Organisation, build_organisation, score_stream
from audit_assets.detection.ranking import rank_scores
from audit_assets.detection.schemas import MEMORY, SCORES
from audit_assets.detection.verdict_marks import (
    DISMISSED_TYPE_KNOWN,
    MARKED_HOURS,
    VERDICTS,
    count_marked_hours,
    mark_verdicts,
)
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import REPEATS
from audit_assets.tickets.verdict_table import TABLE as VERDICTS_TABLE
from audit_assets.tickets.verdict_table import decided_verdicts

PRIORS = "organisation_priors"
TOUCHED_BY = "organisation_touched"
SCORES_BEFORE = "organisation_scores"
"""Tables with one frame a day, filed under its first hour."""

METHOD = "2"
"""Raised when the scores are made in another way: what was written before is made anew."""

STILL_GROWS = REPEATS[-1] + timedelta(days=1)
"""So far before a day an hour may still bring late entries: the day is judged anew until its own last pull."""

REACH = ACTIVITY_HISTORY + MEMORY
"""So far back an hour's scores look: 121 days of the actors, each with a prior from the 90 days before."""


@hourly_asset(deps=[axiom_ingest], kinds={"axiom", "polars"}, code_version=METHOD)
def organisation_history(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    storage: dg.ResourceParam[StorageResource],
) -> None:
    """The organisation before each UTC day: priors, who touched what, and the scores that the budget follows from."""
    with raise_as_dagster_failure():
        store = storage.open()
        hours = hours_in(context)
        verdicts = decided_verdicts(store.read(VERDICTS_TABLE, None))
        ingested = {hour_of(key) for key in context.instance.get_materialized_partitions(axiom_ingest.key)}
        for day in days_of(hours):
            before = sorted(hour for hour in ingested if day - REACH <= hour < day)
            grows = [hour for hour in before if hour >= day - STILL_GROWS]
            made_from = _fingerprint(before, _held(context.instance, grows), _on_hours_before(day, verdicts))
            known = {"made_from": made_from, "hours_present": len(before)}
            if (store.evidence(SCORES_BEFORE, day) or {}).get("made_from") != known["made_from"]:
                with closing(axiom.client()) as client:
                    _write(store, day, client, known, verdicts)
        for hour in hours:
            scores = store.require(SCORES_BEFORE, day_of(hour), ["actor", "hour"])
            evidence = store.evidence(SCORES_BEFORE, day_of(hour)) or {}
            context.add_asset_metadata(
                {
                    "day": f"{day_of(hour):%Y-%m-%d}",
                    "active_hours": scores.height,
                    "actors": scores["actor"].n_unique(),
                    **{name: evidence.get(name, 0) for name in ("hours_present", *MARKED_HOURS)},
                },
                partition_key=key_of(hour),
            )


def day_of(hour: datetime) -> datetime:
    """The start of the UTC day of an hour."""
    return hour.replace(hour=0)


def days_of(hours: Sequence[datetime]) -> list[datetime]:
    """The UTC days of some hours, oldest first."""
    return sorted({day_of(hour) for hour in hours})


def organisation_of(store: HourStore, day: datetime) -> Organisation:
    """What the asset wrote for a day. Raises `StoreError` if it did not."""
    since = (store.evidence(PRIORS, day) or {}).get("since")
    return Organisation(
        priors=store.require(PRIORS, day),
        touched=store.require(TOUCHED_BY, day),
        since=datetime.fromisoformat(since) if since else day,
    )


def activity_between(client: AxiomClient, start: datetime, end: datetime, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Everybody's changes in [start, end) as detection takes them: ACTOR_ACTIVITY, by actor key."""
    changes = client.organisation_activity(start, end)
    return as_scored(changes, client.actors(start, end), verdicts)


def as_scored(activity: pl.DataFrame, actors: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Activity (ACTIVITY) as the scores take it: with each actor's type, and MARKS of the policy's incidents and of
    people's verdicts (VERDICTS). `actors` has a row for each actor_key, with actor (its name) and actor_type."""
    by_policy = mark_incidents(add_actor_types(activity, actors), policy.tables().confirmed_incident, actors)
    return mark_verdicts(by_policy, verdicts)


def _write(store: HourStore, day: datetime, client: AxiomClient, known: dict[str, Any], verdicts: pl.DataFrame) -> None:
    """The scores come last: their evidence says that all is written."""
    activity = activity_between(client, day - REACH, day, verdicts)
    everybody = build_organisation(activity, day)
    store.write(PRIORS, day, everybody.priors, {"since": everybody.since.isoformat()})
    store.write(TOUCHED_BY, day, everybody.touched)
    ranked = rank_scores(score_stream(activity), budget=1.0)  # the budget decides nothing that is read of these hours
    scores = ranked.filter(pl.col("hour") >= day - SCORE_HISTORY)
    store.write(SCORES_BEFORE, day, scores.select(SCORES.names()), known | count_marked_hours(activity))


def _held(instance: dg.DagsterInstance, hours: Sequence[datetime]) -> dict[str, Any]:
    """How much of each of these hours Axiom holds, by partition key. An hour only grows: as many are the same ones."""
    keys = {key_of(hour) for hour in hours}
    if not keys:
        return {}
    newest = instance.get_latest_storage_id_by_partition(
        axiom_ingest.key, dg.DagsterEventType.ASSET_MATERIALIZATION, keys
    )
    wanted = dg.AssetRecordsFilter(axiom_ingest.key, storage_ids=[*newest.values()])
    made = [each.asset_materialization for each in instance.fetch_materializations(wanted, limit=len(keys)).records]
    return {
        each.partition or "": each.metadata[ROW_COUNT].value for each in made if each and ROW_COUNT in each.metadata
    }


def _on_hours_before(day: datetime, verdicts: pl.DataFrame) -> list[list[str | None]]:
    """The verdicts that can change anything of the day, as JSON has them."""
    told = verdicts.filter(pl.col("hour") < day, pl.col("hour") >= day - REACH - DISMISSED_TYPE_KNOWN)
    rows = told.sort(VERDICTS.names()).with_columns(pl.col("hour").dt.to_string()).rows()
    return [[*row] for row in rows]


def _fingerprint(hours: Sequence[datetime], held: Mapping[str, Any], verdicts: Sequence[Any]) -> str:
    """Of the hours that Axiom holds and how much of those that may grow, of what decides how they count, and of what is
    written about them."""
    tables = policy.tables()
    counted = [repr(tables.counted), repr(tables.confirmed_incident), *verdicts]
    said = json.dumps([[key_of(hour) for hour in hours], sorted(held.items()), counted, METHOD, [*SCORES]])
    return hashlib.sha256(said.encode()).hexdigest()
