"""The organisation before a UTC day: priors, who touched what, and the scores that the alert threshold follows from.

It is made anew from the history (day_history.py) when hours before the day have been ingested since, or brought late
entries, when the policy changed, or what people decided on the tickets of these hours. Nothing in it lies in the day
itself.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.axiom.client import count_deletes
from audit_assets.cloudflare.actor_keys import with_owners
from audit_assets.config.policy import Tables
from audit_assets.config.policy_tables import ConfirmedIncident
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.axiom_record import Acknowledged
from audit_assets.defs.steps.day_history import ORIGIN_REACH, STILL_GROWS, is_kept, refresh_history, send_past
from audit_assets.defs.steps.origin_history import fold_origin_uses
from audit_assets.defs.steps.people_elsewhere import (
    ACCOUNTS_NOT_READ,
    PEOPLE_ELSEWHERE,
    other_accounts,
    refresh_elsewhere,
)
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.verdicts import read_verdicts
from audit_assets.detection.activity_arrays import add_actor_types
from audit_assets.detection.alert_threshold import SCORE_HISTORY
from audit_assets.detection.confirmed_incidents import mark_incidents
from audit_assets.detection.hour_scores import Organisation, build_organisation, score_stream
from audit_assets.detection.ranking import BUDGET_OF_HISTORY, REACH, rank_scores
from audit_assets.detection.schemas import SCORES
from audit_assets.detection.verdict_marks import DISMISSED_TYPE_KNOWN, count_marked_hours, mark_verdicts
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import NEWCOMERS, ORIGINS_BEFORE, PRIORS, SCORES_BEFORE, TOUCHED_BY

METHOD = "7"
"""Raised when the scores are made in another way: what was written before is made anew."""


def refresh_day(inputs: RunInputs, day: datetime, axiom: AxiomResource, acknowledged: Acknowledged) -> None:
    """Make the tables of a day, unless those in the store were made from the same.

    Raises `Incomplete` if Axiom holds other events than were pulled.
    """
    store, verdicts = inputs.store, read_verdicts(inputs.store)
    before = sorted(hour for hour in acknowledged.hours if day - REACH <= hour < day)
    rows = acknowledged.count_events(_still_growing(day, before))
    edition = inputs.geography.edition if inputs.geography else ""
    accounts = [account.key for account in other_accounts()]
    decides = [*_verdicts_before(day, verdicts), [edition], *([accounts] if accounts else ())]
    made_from = _fingerprint(before, rows, inputs.tables, decides)
    is_same = (store.metadata(SCORES_BEFORE, day) or {}).get("made_from") == made_from
    if is_same and is_kept(store, axiom.dataset(), day, inputs.tables.counted):
        return
    with closing(axiom.client()) as client:
        history = refresh_history(store, client, day, acknowledged)
        send_past(store, client, day, history)
    actors = with_owners(history.names.drop("newest"))
    origins = fold_origin_uses(history.origins, day - ORIGIN_REACH, inputs.geography)
    activity = mark_activity(count_deletes(history.changes), actors, inputs.tables.confirmed_incident, verdicts)
    everybody = build_organisation(activity, day, origins)
    with store.together():
        elsewhere = refresh_elsewhere(store, day, history.names, activity)
        ranked = rank_scores(score_stream(elsewhere.joined_to(activity), origins), budget=BUDGET_OF_HISTORY)
        scores = ranked.filter(pl.col("hour") >= day - SCORE_HISTORY)
        known = {
            "made_from": made_from,
            "hours_present": len(before),
            **count_marked_hours(activity),
            ACCOUNTS_NOT_READ: elsewhere.not_read,
            PEOPLE_ELSEWHERE: elsewhere.activity["actor_key"].n_unique(),
        }
        store.write(PRIORS, day, everybody.priors, {"since": everybody.since.isoformat()})
        store.write(NEWCOMERS, day, everybody.habits)
        store.write(TOUCHED_BY, day, everybody.touched)
        store.write(ORIGINS_BEFORE, day, everybody.origins)
        # The scores come last: their metadata shows that all is written
        store.write(SCORES_BEFORE, day, scores.select(SCORES.names()), known)


def read_organisation(store: HourStore, day: datetime) -> Organisation:
    """What was written for a day. Raises `StoreError` if nothing was."""
    since = (store.metadata(PRIORS, day) or {}).get("since")
    return Organisation(
        priors=store.require(PRIORS, day),
        habits=store.require(NEWCOMERS, day),
        touched=store.require(TOUCHED_BY, day),
        origins=store.require(ORIGINS_BEFORE, day),
        since=datetime.fromisoformat(since) if since else day,
    )


def mark_activity(
    activity: pl.DataFrame,
    actors: pl.DataFrame,
    incidents: Sequence[ConfirmedIncident],
    verdicts: pl.DataFrame,
    raises: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Activity (ACTIVITY) as the scores take it: with each actor's type and owner, and MARKS of the policy's incidents
    and of people's verdicts (VERDICTS). `actors` as `with_owners` returns them; `raises` as `mark_verdicts` takes
    it."""
    return mark_verdicts(mark_incidents(add_actor_types(activity, actors), incidents, actors), verdicts, raises)


def _still_growing(day: datetime, before: Sequence[datetime]) -> list[datetime]:
    """Of the hours before a day, those that may have brought late entries since it was judged."""
    return [hour for hour in before if hour >= day - STILL_GROWS]


def _verdicts_before(day: datetime, verdicts: pl.DataFrame) -> list[list[Any]]:
    """The verdicts that can change anything of the day, as JSON has them."""
    relevant = verdicts.filter(pl.col("hour") < day, pl.col("hour") >= day - REACH - DISMISSED_TYPE_KNOWN)
    rows = relevant.sort("actor_key", "hour", "kind", "resource_type", "verdict", "changes")
    return [[*row] for row in rows.with_columns(pl.col("hour").dt.to_string()).rows()]


def _fingerprint(
    hours: Sequence[datetime], rows: Mapping[str, Any], tables: Tables, verdicts: Sequence[list[Any]]
) -> str:
    """Of the hours that Axiom holds and how much of those that may grow, of what decides how they count, and of what is
    written about them."""
    decides = [repr(tables.counted), repr(tables.confirmed_incident), *verdicts]
    text = json.dumps([[key_of(hour) for hour in hours], sorted(rows.items()), decides, METHOD, [*SCORES]])
    return hashlib.sha256(text.encode()).hexdigest()
