"""An hour against its baselines and the watch rules → who deviates and what becomes of each deviation, with a link to
the actor's activity.

The same hour, history, policy and rules always give the same rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from audit_assets.config.errors import StoreError
from audit_assets.config.policy_tables import Policy
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.history_coverage import HOURS_PRESENT, stored_hours_present
from audit_assets.defs.steps.hour_watch import HourWatch
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.detection.allowances import PERSON
from audit_assets.detection.first_hours import describe_first_hours
from audit_assets.detection.flagging import flag_deviations
from audit_assets.detection.groups import find_group_alerts
from audit_assets.detection.judged_hours import JudgedHours
from audit_assets.detection.ranking import rank_scores
from audit_assets.detection.schemas import FLAG, SCORES, WINDOW
from audit_assets.detection.threshold_falls import find_threshold_falls
from audit_assets.detection.unreadable_entries import UNREADABLE, count_unreadable
from audit_assets.storage.hours import AN_HOUR, day_of, key_of
from audit_assets.storage.tables import (
    ACTIVITY,
    ASSESSED,
    BASELINES,
    FLAGGED,
    NAMES,
    QUARANTINE,
    SCORES_BEFORE,
    TOUCHED,
    TOUCHED_BY,
    VERDICTS,
)
from audit_assets.tickets.finding_builder import by_ticket
from audit_assets.tickets.finding_evidence import members_of
from audit_assets.tickets.verdict_table import PAST_DISMISSAL, add_past_dismissals

FLAGGED_ACTORS = pl.Schema({**FLAG, "axiom_url": pl.String, **PAST_DISMISSAL})
"""A deviation and its disposition, the actor's name for people, the address that opens its activity in Axiom, and what
people dismissed of it before."""


def flag_hours(
    inputs: RunInputs, hours: Sequence[datetime], policy: Policy, axiom: AxiomResource
) -> Iterator[tuple[datetime, pl.DataFrame, str | None]]:
    """Judge and store each hour: a FLAGGED_ACTORS frame, what opens a ticket first, and what a person should know of
    the rules that could not match."""
    before: dict[datetime, pl.DataFrame] = {}
    watch = HourWatch(inputs.store, inputs.rules.enabled, inputs.geography)
    for hour in hours:
        if (day := day_of(hour)) not in before:
            before = {day: inputs.store.require(SCORES_BEFORE, day)}
        judged = _judged(inputs, hour, before[day], policy)
        found = flag_deviations(replace(judged, watched=watch.alerts_of(hour)), policy)
        linked = found.join(_links(found, hour, axiom), on="ticket_key", how="left", maintain_order="left")
        noted = add_past_dismissals(linked, inputs.store.read(VERDICTS, None))
        flagged = noted.select(FLAGGED_ACTORS.names()).cast(FLAGGED_ACTORS)
        inputs.store.write(FLAGGED, hour, flagged, {HOURS_PRESENT: stored_hours_present(inputs.store, hour)})
        yield hour, flagged, watch.problem_of(hour)


def _judged(inputs: RunInputs, hour: datetime, before: pl.DataFrame, policy: Policy) -> JudgedHours:
    """All that decides about an hour. `before`: the organisation's scores of the weeks before its day."""
    store, entries = inputs.store, inputs.entries_of(hour)
    assessed = store.require(ASSESSED, hour)
    if missing := set(SCORES) - set(assessed.columns):
        raise StoreError(
            f"The scores of {key_of(hour)} are those of an earlier version, without {', '.join(sorted(missing))}: run "
            "all assets of the hour again."
        )
    budget, history = policy.tickets_a_day, before.select(SCORES.names())
    today = rank_scores(pl.concat([history, assessed.select(SCORES.names())]), budget=budget, since=day_of(hour))
    known, scores = pl.concat([history, today]), today.filter(pl.col("hour") == hour)
    return JudgedHours(
        activity=store.require(ACTIVITY, hour).filter(pl.col("hour") == hour),
        baselines=store.require(BASELINES, hour),
        touched=store.require(TOUCHED, hour),
        scores=scores.rename({"actor": "actor_key"}),
        groups=find_group_alerts(known, budget=budget, since=hour),
        colleagues=store.require(TOUCHED_BY, day_of(hour)).rename({"actor": "actor_key"}),
        touches=entries.touches,
        names=_names(entries.actors, store.require(NAMES, hour)),
        first_hours=describe_first_hours(known, hour),
        threshold_falls=find_threshold_falls(history, [hour]),
        unreadable=count_unreadable(store.require(QUARANTINE, hour, ["reason"]), hour),
    )


def _names(of_hour: pl.DataFrame, of_days: pl.DataFrame) -> pl.DataFrame:
    """What everybody is called, those included who did nothing but own a token."""
    owners = of_days.select(actor_key="owner_key", actor="owner", actor_type=pl.lit(PERSON)).drop_nulls("actor_key")
    everybody = pl.concat([of_hour, of_days.select(of_hour.columns), owners])
    return everybody.unique("actor_key", keep="first", maintain_order=True)


def _links(found: pl.DataFrame, hour: datetime, axiom: AxiomResource) -> pl.DataFrame:
    """The address of the activity of whoever's ticket it is; that of several shows all who had a part in it, that of
    the unreadable entries these."""
    members = members_of(by_ticket(found)).group_by("finding").agg(pl.col("actor_key").unique().sort())
    keys, end = dict(members.sort("finding").iter_rows()), hour + AN_HOUR
    urls = [
        axiom.quarantine_link(hour, end) if actor == UNREADABLE else axiom.activity_link(actors, hour - WINDOW, end)
        for actor, actors in keys.items()
    ]
    return pl.DataFrame(
        {"ticket_key": list(keys), "axiom_url": urls}, schema={"ticket_key": pl.String, "axiom_url": pl.String}
    )
