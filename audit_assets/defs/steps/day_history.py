"""What Axiom held of all hours before a UTC day (History): read once, then kept up by hours that are new or changed.

The history of the day before, as it is stored, and the aggregates of a few hours make that of a day, so that a day
reads no more after a year than after a month. Without one, or after another policy decides what counts as a change, the
entries of all hours are read. From it follows the past of each actor, put into Axiom for the day's hours to ask.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.axiom.aggregates import digests_of_past, pack_past, with_organisation
from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.hour_facts import (
    MOST_ORIGINS,
    changes_in,
    count_events,
    latest_names,
    names_in,
    origin_uses_in,
)
from audit_assets.axiom.query_runner import ACTORS_SCHEMA, CHANGES_BY_KIND_SCHEMA, ORIGIN_USES_SCHEMA, ORIGINS_SCHEMA
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.defs.steps.axiom_record import RECORD, Acknowledged, known_events, verify_record, write_record
from audit_assets.defs.steps.hour_facts_read import read_facts
from audit_assets.detection.alert_threshold import SCORE_HISTORY
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY
from audit_assets.detection.origin_uses import ORIGIN_HISTORY
from audit_assets.detection.ranking import REACH
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR
from audit_assets.storage.pull_history import REPEATS
from audit_assets.storage.tables import HISTORY_BEFORE, NAMES_BEFORE, PAST_BEFORE

STILL_GROWS = REPEATS[-1] + A_DAY
"""So far before a day an hour may still bring late entries: the day is judged anew until its own last pull."""

ORIGIN_REACH = SCORE_HISTORY + ORIGIN_HISTORY

FORMAT = "1"
"""Raised when a history holds something else: those that are stored are not read then."""

DAYS_BACK = 7
"""A stored history of so many days before a day is kept up; older ones would mean too many aggregates. A judgement."""

KEPT = timedelta(days=35)
"""So long a history is kept, which grows to that of 316 days: hours of the last 31 days may be judged again."""

_PARTS: dict[str, dict] = {
    "changes": CHANGES_BY_KIND_SCHEMA,
    "names": ACTORS_SCHEMA,
    "origins": ORIGIN_USES_SCHEMA,
    "hours": dict(RECORD),
}


@dataclass(frozen=True)
class History:
    """What Axiom held of the hours before a UTC day, by what counts as a change. `changes` (CHANGES_BY_KIND_SCHEMA),
    `names` (ACTORS_SCHEMA, the latest of each actor), `origins` (ORIGIN_USES_SCHEMA; `changed` is null where an actor's
    were too many to list), and how many events each hour held (`hours`, RECORD)."""

    changes: pl.DataFrame
    names: pl.DataFrame
    origins: pl.DataFrame
    hours: pl.DataFrame


def refresh_history(store: HourStore, client: AxiomClient, day: datetime, acknowledged: Acknowledged) -> History:
    """The history before a day, as Axiom has it now, stored.

    Raises `Incomplete` if Axiom holds other events than were pulled in any hour that is read.
    """
    made_for, stored = _newest_stored(store, day, client)
    counted_since = day - STILL_GROWS if made_for == day else day - REACH
    known = known_events(store, day - REACH, day, acknowledged, counted_since=counted_since)
    history = _read_all(store, client, day, acknowledged) if stored is None else stored
    different = known.join(history.hours, on=RECORD.names(), how="anti").filter(pl.col("events") > 0)
    write_record(store, known.filter(pl.col("events") == 0))
    if stored is None or made_for != day or not different.is_empty():
        if stored is not None:
            history = _kept_up(store, client, stored, different, acknowledged)
        history = _within(history, day)
        frames = [getattr(history, part).with_columns(part=pl.lit(part)) for part in _PARTS]
        # The history comes last: its metadata shows that both are written
        store.write(NAMES_BEFORE, day, history.names.filter(pl.col("newest") >= day - A_DAY))
        made_of = _made_of(client.dataset, client.change_filter)
        store.write(HISTORY_BEFORE, day, pl.concat(frames, how="diagonal"), made_of)
        store.delete(HISTORY_BEFORE, day - KEPT)
    return history


def is_kept(store: HourStore, dataset: str, day: datetime, change_filter: ChangeFilter) -> bool:
    """Whether the history before a day is stored as it is in the dataset by what counts as a change, and the past was
    sent there."""
    made_of, sent_to = _kept_of(store, day), store.metadata(PAST_BEFORE, day)
    return made_of == _made_of(dataset, change_filter) and sent_to == {"dataset": dataset}


def _kept_of(store: HourStore, day: datetime) -> Mapping[str, Any] | None:
    """Of what the stored history before a day was made, None if there is none."""
    store.scan(HISTORY_BEFORE, day)  # its rows are wanted next: an object store then gets one request for both
    return store.metadata(HISTORY_BEFORE, day)


def read_names(store: HourStore, day: datetime) -> pl.DataFrame:
    """The names of all actors of the day before a day (ACTORS_SCHEMA). Raises `StoreError` if they are not stored."""
    return store.require(NAMES_BEFORE, day)


def read_addresses(store: HourStore, day: datetime, since: datetime, actors: Collection[str]) -> pl.DataFrame:
    """From where these actors acted in [since, day): as `AxiomClient.origins` has it, but `oldest` is the hour of the
    oldest use. Raises `StoreError` if the history is not stored."""
    uses = _stored_part(store, day, "origins").filter(pl.col("hour") >= since, pl.col("actor_key").is_in([*actors]))
    of_day = pl.when(pl.col("changed").is_not_null()).then(pl.col("hour").dt.truncate("1d"))
    by_origin = uses.with_columns(day=of_day).group_by(name for name in ORIGINS_SCHEMA if name != "oldest")
    return by_origin.agg(oldest=pl.col("hour").min()).select(*ORIGINS_SCHEMA)


def send_past(store: HourStore, client: AxiomClient, day: datetime, history: History) -> None:
    """Put what each actor changed before a day into Axiom, as far as it is not there."""
    recent = history.changes.filter(pl.col("hour") >= day - ACTIVITY_HISTORY)
    rows = pack_past(with_organisation(recent), day, int(history.hours["events"].sum()))
    digests, sent_to = digests_of_past(rows), {"dataset": client.dataset}
    is_sent = store.metadata(PAST_BEFORE, day) == sent_to
    sent = store.require(PAST_BEFORE, day) if is_sent else digests.clear()
    new = rows.filter(~pl.col("aggregate_digest").is_in(sent["digest"].to_list()))
    client.aggregates.ingest(new)
    if not (is_sent and digests.equals(sent)):
        store.write(PAST_BEFORE, day, digests, sent_to)


def read_past(
    store: HourStore, client: AxiomClient, day: datetime, actors: list[str], acknowledged: Acknowledged
) -> pl.DataFrame:
    """What these actors changed in the ACTIVITY_HISTORY before a day (CHANGES_BY_KIND_SCHEMA), asked of Axiom: of its
    aggregate, or of the entries of these months if some of it can't be seen. Raises as `refresh_history`."""
    past = aggregated_past(store, client, day, actors)
    if past is not None:
        return past
    if (known := store.read(PAST_BEFORE, day)) is not None:
        store.write(PAST_BEFORE, day, known.clear())  # of no dataset, so that the next run sends it again
    while True:
        changes = client.organisation_changes(day - ACTIVITY_HISTORY, day)
        if not verify_record(store, client, day - ACTIVITY_HISTORY, day, acknowledged).showed_late:
            return with_organisation(changes).filter(pl.col("actor_key").is_in(actors))


def aggregated_past(
    store: HourStore, client: AxiomClient, day: datetime, actors: Collection[str]
) -> pl.DataFrame | None:
    """The same of the aggregate alone; None if there is none of the day, or some of it can't be seen."""
    known = store.read(PAST_BEFORE, day)
    if known is None or store.metadata(PAST_BEFORE, day) != {"dataset": client.dataset}:
        return None
    sent = known.filter(pl.col("actor_key").is_in([*actors]))
    past = client.aggregates.past(day, dict(sent.select("actor_key", "digest").iter_rows()))
    return past if past["actor_key"].n_unique() == sent.height else None


def _newest_stored(store: HourStore, day: datetime, client: AxiomClient) -> tuple[datetime | None, History | None]:
    for back in range(DAYS_BACK + 1):
        made_for = day - A_DAY * back
        if _kept_of(store, made_for) == _made_of(client.dataset, client.change_filter):
            return made_for, History(*(_stored_part(store, made_for, part) for part in _PARTS))
    return None, None


def _stored_part(store: HourStore, day: datetime, part: str) -> pl.DataFrame:
    schema = _PARTS[part]
    with store.reading(HISTORY_BEFORE, day):
        stored = store.scan(HISTORY_BEFORE, day)
        if stored is None:
            raise store.missing(HISTORY_BEFORE, day)
        return stored.filter(pl.col("part") == part).select(*schema).collect()


def _read_all(store: HourStore, client: AxiomClient, day: datetime, acknowledged: Acknowledged) -> History:
    """From the entries, whatever aggregates there are."""
    while True:
        changes = client.organisation_changes(day - REACH, day)
        names = client.latest_names(day - REACH, day)
        listed = client.origin_uses(names["actor_key"].to_list(), day - ORIGIN_REACH, day)
        compared = verify_record(store, client, day - REACH, day, acknowledged)
        if not compared.showed_late:
            break
    is_listed = pl.col("hour").is_not_null()
    origins = listed.with_columns(
        pl.col("hour").fill_null(day - AN_HOUR),
        changed=pl.when(is_listed).then(pl.col("changed").fill_null(value=False)),
    )
    return History(changes, names, origins, compared.held.rename({"held": "events"}).cast(RECORD))


def _kept_up(
    store: HourStore, client: AxiomClient, stored: History, different: pl.DataFrame, acknowledged: Acknowledged
) -> History:
    """A stored history with these hours (RECORD) as they are now."""
    facts = read_facts(store, client, different, acknowledged)
    others = ~pl.col("hour").is_in(different["hour"].to_list())
    return History(
        changes=pl.concat([stored.changes.filter(others), changes_in(facts, client.change_filter)]),
        names=pl.concat([stored.names, names_in(facts)]),
        origins=pl.concat([stored.origins.filter(others), origin_uses_in(facts, client.change_filter)]),
        hours=pl.concat([stored.hours.filter(others), count_events(facts).cast(RECORD)]),
    )


def _within(history: History, day: datetime) -> History:
    """The part of a history that matters for a day."""
    since = pl.col("hour") >= day - REACH
    origins = history.origins.filter(pl.col("hour") >= day - ORIGIN_REACH)
    month = (pl.col("hour") - day).dt.total_days() // 30
    too_many = pl.len().over("actor_key", month) > MOST_ORIGINS
    texts = [name for name in ORIGIN_USES_SCHEMA if name not in ("actor_key", "hour", "failed")]
    bounded = origins.with_columns(pl.when(~too_many).then(pl.col(name)).alias(name) for name in texts).unique()
    return History(
        changes=history.changes.filter(since).sort("hour", "actor_key", "resource_type", "change_kind"),
        names=latest_names(history.names.filter(pl.col("newest") >= day - REACH)),
        origins=bounded.sort("hour", "actor_key"),
        hours=history.hours.filter(since).sort("hour"),
    )


def _made_of(dataset: str, change_filter: ChangeFilter) -> dict[str, str]:
    return {"made_of": hashlib.sha256(f"{FORMAT} {dataset} {change_filter!r}".encode()).hexdigest()}
