"""Which findings of an hour are related to each other and to those of the day before, read from the hour store.

Who else shares an address, a network or a resource is read from the hours of a week before that day, and only where
findings have one in common. With too few of these hours stored it is not known, and nothing relates findings but a
token and its creator. Damaged hours before this one are left out.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import polars as pl

from audit_assets.cloudflare.addresses import with_canonical_addresses
from audit_assets.cloudflare.change_kinds import FAILURE, is_sign_in
from audit_assets.config.change_filter import ChangeFilter, is_change
from audit_assets.config.errors import StoreError
from audit_assets.config.policy_tables import Severity
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.detection.schemas import FLAG, HOUR, NAMES_OF_SEVERAL
from audit_assets.detection.severity import severity_rank
from audit_assets.detection.unreadable_entries import UNREADABLE
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, hours_between
from audit_assets.storage.tables import ENTRIES, FLAGGED, TICKETS
from audit_assets.tickets.finding_builder import by_ticket
from audit_assets.tickets.finding_evidence import members_of
from audit_assets.tickets.lifecycle import ON_OWN_TICKET
from audit_assets.tickets.related import (
    EVIDENCE,
    RELATIONS,
    RESOURCE,
    TRACES,
    WITHIN,
    candidates_of,
    changed_resource,
    may_be_shared,
    relate,
    traces_of,
    widely_shared,
)

BEFORE = timedelta(days=7)
"""What many actors share is read from so long before the day of the findings: workdays and a weekend."""

LEAST_HOURS = 72
"""With fewer hours of it stored, it is not known what many share: three days reach beyond any weekend."""

UNLISTED = 3
"""So many hours are read without asking whether they are stored: mostly they are, and mostly they suffice."""

IN_ENTRIES = ("actor_key", "ip_address", "token_id", "change_kind", "resource_type", "resource_id")
"""The columns of an entry that can relate findings."""


@dataclass(frozen=True)
class KnownTicket:
    """A ticket that a finding is on. `identifier` is empty for one that a dry run would open."""

    id: UUID
    identifier: str


@dataclass(frozen=True)
class HourRelations:
    """What an hour's findings are related to. `relations`: RELATIONS; per ticket key the last ticket of the day before
    (`earlier`), and the name and the highest severity of the findings (`actors`, `severities`)."""

    relations: pl.DataFrame
    earlier: dict[str, KnownTicket]
    actors: dict[str, str]
    severities: dict[str, Severity]


NO_RELATIONS = HourRelations(RELATIONS.to_frame(), {}, {}, {})


def find_relations(inputs: RunInputs, flagged: pl.DataFrame, hour: datetime) -> HourRelations:
    """How the findings of an hour are related. `flagged`: FLAGGED_ACTORS `by_ticket`, of the tickets that are one
    actor's. Raises `StoreError` if the hour's entries can't be read."""
    store, counted = inputs.store, inputs.tables.counted
    own = _of_one_actor(flagged)
    if own.is_empty():
        return NO_RELATIONS
    traces, flags, earlier = [_traces(store, hour, own, counted)], [own], dict[str, KnownTicket]()
    for each in hours_between(hour - WITHIN, hour - AN_HOUR):
        with suppress(StoreError), store.reading(FLAGGED, each):
            before, tickets = _flags_on_tickets(store, each)
            if tickets:
                traces.append(_traces(store, each, before, counted))
                flags.append(before)
                earlier |= tickets
    shared = may_be_shared(pl.concat(traces))
    ranks = pl.concat([each.select(*_RANKED) for each in flags]).sort("rank").unique("ticket_key", keep="last")
    before_the_day = _before(store, hour, candidates_of(shared, hour), counted)
    return HourRelations(
        relations=relate(shared, before_the_day, ranks, hour),
        earlier=earlier,
        actors=dict(ranks.select("ticket_key", "actor").iter_rows()),
        severities=dict(ranks.select("ticket_key", "severity").iter_rows()),
    )


_RANKED = (
    pl.col("actor_key").alias("ticket_key"),
    "actor",
    "severity",
    severity_rank(pl.col("severity")).alias("rank"),
)


def _of_one_actor(flagged: pl.DataFrame) -> pl.DataFrame:
    """Without the findings of several, which name who had a part, and of what could not be read."""
    several = pl.col("actor_key").is_in([*NAMES_OF_SEVERAL]) | (pl.col("kind") == UNREADABLE)
    return flagged.filter(~several)


def _flags_on_tickets(store: HourStore, hour: datetime) -> tuple[pl.DataFrame, dict[str, KnownTicket]]:
    """The flagged rows of an earlier hour that are on a ticket of their actor's, by ticket, and these tickets."""
    opened = store.read(TICKETS, hour)
    if opened is None or opened.is_empty():
        return FLAG.to_frame(), {}
    with_keys = pl.concat([pl.DataFrame(schema={"ticket_key": pl.String}), opened], how="diagonal")
    tickets = with_keys.filter(pl.col("outcome").is_in(ON_OWN_TICKET), pl.col("identifier").is_not_null()).select(
        "actor_key", "ticket_id", "identifier", kept=pl.coalesce("ticket_key", "actor_key")
    )
    known = pl.concat([FLAG.to_frame(), store.require(FLAGGED, hour)], how="diagonal_relaxed").filter(
        pl.col("disposition") == "ticket"
    )
    kept = known.join(tickets, on="actor_key", maintain_order="left").with_columns(ticket_key="kept")
    flags = _of_one_actor(by_ticket(kept))
    rows = flags.select("actor_key", "ticket_id", "identifier").unique("actor_key").iter_rows()
    return flags, {key: KnownTicket(UUID(ticket), identifier) for key, ticket, identifier in rows}


def _traces(store: HourStore, hour: datetime, flags: pl.DataFrame, counted: ChangeFilter) -> pl.DataFrame:
    """TRACES of the findings of an hour."""
    with store.reading(ENTRIES, hour):
        return traces_of(with_canonical_addresses(_evidence(store, hour, flags, counted), "ip_address"))


def _evidence(store: HourStore, hour: datetime, flags: pl.DataFrame, counted: ChangeFilter) -> pl.LazyFrame:
    """EVIDENCE of the findings of an hour, to be collected within `store.reading`."""
    members = members_of(flags)
    stored = store.scan(ENTRIES, hour)
    if stored is None:
        raise store.missing(ENTRIES, hour)
    acted = _acted(stored, counted).join(members.lazy(), on="actor_key")
    matched = pl.DataFrame(schema={"finding": pl.String, **dict.fromkeys([*IN_ENTRIES, "action_result"], pl.String)})
    if "matched" in flags.columns:
        rules = flags.select("matched", finding="actor_key").explode("matched").drop_nulls("matched").unnest("matched")
        matched = rules.join(members, on=["finding", "actor_key"], how="semi")
    changed = pl.when(pl.col("action_result") != FAILURE).then("change_kind").alias("change_kind")
    found = pl.concat([acted, matched.lazy().with_columns(changed)], how="diagonal")
    return found.select(
        *(each for each in EVIDENCE.names() if each not in ("ticket_key", "hour")),
        ticket_key="finding",
        hour=pl.lit(hour, EVIDENCE["hour"]),
    ).select(EVIDENCE.names())


def _acted(stored: pl.LazyFrame, counted: ChangeFilter) -> pl.LazyFrame:
    """The entries in which something was changed, or somebody signed in."""
    done = (is_change(counted) | is_sign_in()) & (pl.col("action_result") != FAILURE)
    return stored.filter(done).select(IN_ENTRIES)


def _before(store: HourStore, hour: datetime, candidates: pl.DataFrame, counted: ChangeFilter) -> pl.DataFrame | None:
    """TRACES of everybody who shared before the day what findings have in common; None if that is not known. The hours
    are read from the newest on, each with a request to an object store, and no more of them once everything is known to
    be shared by many, as an office's address is after an hour or two."""
    if candidates.is_empty():
        return TRACES.to_frame()
    resources = candidates.filter(pl.col("kind") == RESOURCE)["value"]
    hours = hours_between(hour - WITHIN - BEFORE, hour - WITHIN - AN_HOUR)
    uses: list[pl.DataFrame] = []
    for each in _newest_first(store, hours):
        used = _uses(store, each, resources, counted)
        if used is not None:
            uses.append(used.join(candidates, on=["kind", "value"], how="semi"))
            if widely_shared(pl.concat(uses)).height == candidates.height:
                return pl.concat(uses)
    return pl.concat(uses) if len(uses) >= LEAST_HOURS else None


def _newest_first(store: HourStore, hours: Sequence[datetime]) -> Iterator[datetime]:
    """Of these hours those that are stored, as far as it is known: to list them is a request too, which the first few
    do without. None of the others if they can't be listed."""
    yield from hours[: -UNLISTED - 1 : -1]
    with suppress(StoreError):
        stored = store.hours_of([ENTRIES], hours[0], hours[-1])[ENTRIES]
        yield from sorted(stored.intersection(hours[:-UNLISTED]), reverse=True)


def _uses(store: HourStore, hour: datetime, resources: pl.Series, counted: ChangeFilter) -> pl.DataFrame | None:
    """TRACES of everybody in an hour, with these resources alone; None if it is not stored or can't be read."""
    in_question = changed_resource().is_in(resources.implode())
    changed = [pl.when(in_question).then(name).alias(name) for name in ("resource_type", "resource_id")]
    named = {"ticket_key": "actor_key", "token_id": pl.lit(None, pl.String), "hour": pl.lit(hour, HOUR)}
    with suppress(StoreError), store.reading(ENTRIES, hour):
        stored = store.scan(ENTRIES, hour)
        if stored is not None:
            used = _acted(stored, counted).with_columns(changed).with_columns(**named).select(EVIDENCE.names())
            return traces_of(with_canonical_addresses(used.unique().collect(), "ip_address"))
    return None
