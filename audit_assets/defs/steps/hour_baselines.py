"""What is usual before each hour of a run, and how unusual the hour is for each of its actors.

One set of queries to Axiom serves all hours of a run. Nothing in the baselines lies in or after the hour itself.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from audit_assets.axiom.aggregates import TOGETHER, organisation_hours_in, organisation_types_in, with_organisation
from audit_assets.axiom.client import AxiomClient, count_deletes
from audit_assets.axiom.events import LONGEST_TEXT
from audit_assets.axiom.hour_facts import changes_in, latest_names, names_in, origin_uses_in, origins_in
from audit_assets.cloudflare.actor_keys import with_owners
from audit_assets.config.errors import Incomplete
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.axiom_record import Acknowledged, known_events
from audit_assets.defs.steps.day_history import read_names, read_past
from audit_assets.defs.steps.history_coverage import HOURS_PRESENT
from audit_assets.defs.steps.hour_facts_read import read_facts
from audit_assets.defs.steps.organisation_day import mark_activity, read_organisation
from audit_assets.defs.steps.origin_history import fold_origin_uses
from audit_assets.defs.steps.people_elsewhere import read_elsewhere
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.verdicts import read_verdicts
from audit_assets.detection.baselines import build_baselines
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY, score_hours
from audit_assets.detection.origin_uses import uses_within
from audit_assets.detection.schemas import MEMORY
from audit_assets.detection.severity import TOUCHES, raise_severity
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, day_of, days_of, key_of
from audit_assets.storage.tables import ACTIVITY, ADDRESSES, ASSESSED, BASELINES, NAMES, ORIGINS, TOUCHED
from audit_assets.tickets.formatting import pluralize

RUN_AGAIN = "Run the hour again; if it stays so, something else writes into the dataset."


@dataclass(frozen=True)
class HourBaselines:
    """What is known before some hours. `judged`: who made how many changes in which hour. `activity` (ACTIVITY) as
    Axiom has it, `marked` the same as the scores take it, `usual` (BASELINE), `touched` (TOUCHED); `assessed`: the
    scores of all actors' hours in the UTC days of the hours (SCORES without what `rank_scores` fills); `origins`:
    ORIGIN_USES of everybody in these days up to the hours; `facts`: FACTS of the same; `names`: actor_key, actor,
    actor_type, owner_key and owner of everybody of the day before these days and since. `accounts_not_read`: it is
    without the past of people in these accounts."""

    judged: pl.DataFrame
    activity: pl.DataFrame
    marked: pl.DataFrame
    usual: pl.DataFrame
    touched: pl.DataFrame
    assessed: pl.DataFrame
    origins: pl.DataFrame
    facts: pl.DataFrame
    names: pl.DataFrame
    accounts_not_read: tuple[str, ...] = ()

    def write(self, store: HourStore, hour: datetime, hours_present: int) -> None:
        """Store the tables of one of the hours. `hours_present`: of the hours before it, so many are there."""
        here = pl.col("hour") == hour
        # The UTC day up to the hour: an earlier one may have opened the same ticket, and groups act over hours
        up_to_now = pl.col("hour").is_between(day_of(hour), hour)
        with store.together():
            store.write(ACTIVITY, hour, self.activity.filter(up_to_now))
            store.write(TOUCHED, hour, self.touched.filter(here))
            store.write(BASELINES, hour, self.usual.filter(here), {HOURS_PRESENT: hours_present})
            store.write(ORIGINS, hour, uses_within(self.origins, day_of(hour), hour + AN_HOUR))
            store.write(ADDRESSES, hour, origins_in(self.facts.filter(up_to_now & ~here)))
            store.write(NAMES, hour, self.names)
            store.write(ASSESSED, hour, self.assessed.filter(up_to_now))


def query_baselines(
    inputs: RunInputs, hours: Sequence[datetime], axiom: AxiomResource, acknowledged: Acknowledged
) -> HourBaselines:
    """Ask Axiom for the history of everybody who is active in the UTC days of these hours up to them. Raises
    `Incomplete` if it counts other changes than were pulled, or holds other events, in any hour that is read."""
    changes = pl.concat([inputs.entries_of(hour).change_counts for hour in hours])
    judged = changes.group_by("actor_key", "hour").agg(pl.col("changes").sum())
    today, store = day_of(hours[0]), inputs.store
    with closing(axiom.client()) as client:

        def refuse(facts: pl.DataFrame) -> None:
            _refuse_other_counts(changes, changes_in(facts, client.change_filter))

        facts = _read_today(store, client, hours, acknowledged, refuse)
        new = with_organisation(changes_in(facts, client.change_filter))
        origin_uses = origin_uses_in(facts, client.change_filter)
        acting = sorted({*new["actor_key"], *TOGETHER})
        counted = pl.concat([read_past(store, client, today, acting, acknowledged), new])
    named = latest_names(pl.concat([read_names(store, today), names_in(facts)]))
    names = with_owners(named.drop("newest"))
    origins = fold_origin_uses(origin_uses, today, inputs.geography)
    activity = count_deletes(counted.filter(~pl.col("actor_key").is_in(TOGETHER)))
    remembered = counted.filter(pl.col("hour") >= hours[0] - MEMORY)
    organisation_hours, organisation_types = organisation_hours_in(remembered), organisation_types_in(remembered)
    _refuse_other_totals(judged, organisation_hours.filter(pl.col("hour") >= hours[0]))
    marked = mark_activity(
        activity,
        names,
        inputs.tables.confirmed_incident,
        read_verdicts(inputs.store),
        raise_severity(changes.select(TOUCHES.names()), inputs.tables.sensitive),
    )
    elsewhere = read_elsewhere(store, today, named, new["actor_key"])
    with_past = elsewhere.joined_to(marked)
    examples = with_past.filter(~pl.col("confirmed").fill_null(value=False)).rename({"actor": "actor_key"})
    who = judged.select("hour", "actor_key")
    usual, touched = build_baselines(examples, organisation_hours, organisation_types, judged=who, hours=hours)
    assessed = _assess(inputs.store, with_past, origins, hours)
    accounts = elsewhere.not_read
    return HourBaselines(judged, activity, marked, usual, touched, assessed, origins, facts, names, accounts)


def _read_today(
    store: HourStore,
    client: AxiomClient,
    judged: Sequence[datetime],
    acknowledged: Acknowledged,
    refuse: Callable[[pl.DataFrame], None],
) -> pl.DataFrame:
    """FACTS of the UTC day up to the judged hours: these from their entries, the others as they are known."""
    today, until = day_of(judged[0]), judged[-1] + AN_HOUR
    known = known_events(store, today, until, acknowledged, counted_since=today).filter(pl.col("events") > 0)
    return read_facts(store, client, known, acknowledged, by_entries=judged, refuse=refuse)


def _assess(store: HourStore, marked: pl.DataFrame, origins: pl.DataFrame, hours: Sequence[datetime]) -> pl.DataFrame:
    """The scores of all hours in the UTC days of the run, each day against the organisation before it."""
    days = [
        score_hours(
            marked.filter(pl.col("hour") < day + A_DAY, pl.col("hour") >= day - ACTIVITY_HISTORY),
            read_organisation(store, day),
            since=day,
            origins=uses_within(origins, day, day + A_DAY),
        )
        for day in days_of(hours)
    ]
    return pl.concat(days)


def _refuse_other_counts(changes: pl.DataFrame, activity: pl.DataFrame) -> None:
    """Axiom must count each hour as the Parquet hour does, by actor and resource type: a cut within a query would show
    nowhere else, nor would an event that somebody else has sent under the id of an entry before it was pulled."""
    by = ["hour", "actor_key", pl.col("resource_type").fill_null("").str.head(LONGEST_TEXT)]
    pulled = changes.group_by(by).agg(pl.col("changes").sum())
    counted = activity.group_by(by).agg(counted=pl.col("changes").sum())
    both = pulled.join(counted, on=["hour", "actor_key", "resource_type"], how="left")
    other = both.with_columns(pl.col("counted").fill_null(0)).filter(pl.col("changes") != pl.col("counted"))
    if not other.is_empty():
        first = other.sort("hour", "actor_key", "resource_type").row(0, named=True)
        raise Incomplete(
            f"Axiom counts other changes than were pulled, for {pluralize(other['actor_key'].n_unique(), 'actor')}: "
            f"{first['counted']} in place of {first['changes']} of a resource type by actor {first['actor_key']} in "
            f"{key_of(first['hour'])}. {RUN_AGAIN}"
        )


def _refuse_other_totals(changes: pl.DataFrame, organisation_hours: pl.DataFrame) -> None:
    """Nor may Axiom count changes by others than the Parquet hour has: as many events as were pulled may be others."""
    pulled = changes.group_by("hour").agg(pulled=pl.col("changes").sum())
    both = organisation_hours.join(pulled, on="hour", how="left").with_columns(pl.col("pulled").fill_null(0))
    other = both.filter(pl.col("changes") > pl.col("pulled")).sort("hour")
    if not other.is_empty():
        first = other.row(0, named=True)
        raise Incomplete(
            f"Axiom counts other changes than were pulled, in {pluralize(other.height, 'hour')}: {first['changes']} in "
            f"place of {first['pulled']} in {key_of(first['hour'])}. {RUN_AGAIN}"
        )
