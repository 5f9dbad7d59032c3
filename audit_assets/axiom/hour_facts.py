"""What an hour holds, as far as baselines need it (FACTS), whether it is counted here or in Axiom; and what follows.

Nothing in it depends on a team's policy, so that another policy finds the same facts. Pure.
"""

import polars as pl

from audit_assets.axiom.events import TIME
from audit_assets.axiom.query_runner import (
    ACTORS_SCHEMA,
    CHANGES_BY_KIND_SCHEMA,
    HOUR_FACTS_SCHEMA,
    ORIGIN_USES_SCHEMA,
    ORIGINS_SCHEMA,
)
from audit_assets.config.change_filter import ChangeFilter, is_change

MOST_ORIGINS = 50_000
"""Of one actor in an hour, or in the history: as many as a query of Axiom returns. Of more none is listed."""

CHANGE_KINDS = ("create", "update", "delete")
"""As in the query files."""

FACTS = pl.Schema({**HOUR_FACTS_SCHEMA, "cut": pl.Boolean})
"""A row for each kind of event that an hour holds: so many distinct `events`, and the times of the `oldest` and
`newest`. `cut`: the actor's addresses, user agents and interfaces were more than are listed, and are null."""

KINDS = [name for name in FACTS if name not in ("events", "oldest", "newest")]

_NAMES = {
    **{"account": "account_id", "person": "actor_id", "email": "actor_email", "token": "token_id"},
    **{"address": "ip_address", "agent": "user_agent", "via": "interface"},
}
"""Columns that are fields of another name."""


def facts_of_events(events: pl.DataFrame) -> pl.DataFrame:
    """FACTS of events (EVENT_SCHEMA), as queries/hour_facts.apl counts them once Axiom holds them."""
    named = events.unique("entry_id").select(
        hour=pl.col(TIME).dt.truncate("1h"),
        oldest=pl.col(TIME),
        newest=pl.col(TIME),
        events=pl.lit(1, pl.Int64),
        cut=pl.lit(value=False),
        **{name: pl.col(_NAMES.get(name, name)) for name in KINDS if name not in ("hour", "cut")},
    )
    return join_facts([named.select(FACTS.names())])


def join_facts(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """FACTS of parts of an hour: with each kind once, and without the origins of an actor who has too many."""
    everything = pl.concat([FACTS.to_frame(), *parts])
    origin = pl.struct("address", "agent", "via", "token")
    by_actor = ["hour", "actor_key"]
    too_many = (origin.n_unique().over(by_actor) > MOST_ORIGINS) | pl.col("cut").any().over(by_actor)
    listed = everything.with_columns(
        *(pl.when(~too_many).then(pl.col(name)).alias(name) for name in ("address", "agent", "via")), cut=too_many
    )
    counted = listed.group_by(KINDS).agg(pl.col("events").sum(), pl.col("oldest").min(), pl.col("newest").max())
    return counted.select(FACTS.names()).sort(KINDS)


def count_events(facts: pl.DataFrame) -> pl.DataFrame:
    """How many events each hour holds (EVENTS_BY_HOUR_SCHEMA), without hours that hold none."""
    return facts.group_by("hour").agg(pl.col("events").sum()).sort("hour")


def changes_in(facts: pl.DataFrame, change_filter: ChangeFilter) -> pl.DataFrame:
    """What was changed (CHANGES_BY_KIND_SCHEMA), as queries/organisation_activity.apl counts it."""
    changes = facts.filter(_counts(change_filter)).group_by("actor_key", "hour", "resource_type", "change_kind")
    return changes.agg(changes=pl.col("events").sum()).select(*CHANGES_BY_KIND_SCHEMA)


def names_in(facts: pl.DataFrame) -> pl.DataFrame:
    """What actors are called and who is behind them (ACTORS_SCHEMA): a row for each name of theirs."""
    named = facts.filter(pl.col("actor_key").fill_null("") != "")
    by_name = named.group_by(name for name in ACTORS_SCHEMA if name != "newest")
    return by_name.agg(pl.col("newest").max()).select(*ACTORS_SCHEMA)


def origin_uses_in(facts: pl.DataFrame, change_filter: ChangeFilter) -> pl.DataFrame:
    """From where everybody acted (ORIGIN_USES_SCHEMA), as queries/origin_uses.apl lists it. Where an actor's origins
    are cut, nothing but the hour and the token is there, and `changed` is null."""
    acted = facts.filter(pl.col("actor_key").fill_null("") != "")
    return (
        acted.select(
            *("actor_key", "address", "agent", "via", "token", "hour"),
            changed=pl.when(~pl.col("cut")).then(_counts(change_filter)),
            failed=(pl.col("action_result") == "failure").fill_null(value=False),
        )
        .unique()
        .select(*ORIGIN_USES_SCHEMA)
    )


def origins_in(facts: pl.DataFrame) -> pl.DataFrame:
    """From where everybody acted (ORIGINS_SCHEMA), as queries/origins.apl lists it."""
    acted = facts.filter(pl.col("actor_key").fill_null("") != "")
    day = pl.when(~pl.col("cut")).then(pl.col("hour").dt.truncate("1d"))
    by_origin = acted.with_columns(day=day).group_by(name for name in ORIGINS_SCHEMA if name != "oldest")
    return by_origin.agg(pl.col("oldest").min()).select(*ORIGINS_SCHEMA)


def latest_names(names: pl.DataFrame) -> pl.DataFrame:
    """Of several names of an actor (ACTORS_SCHEMA) the latest."""
    ordered = names.sort("newest", "actor", "actor_type", nulls_last=False)
    return ordered.group_by("actor_key").agg(pl.all().last()).sort("actor_key").select(*ACTORS_SCHEMA)


def _counts(change_filter: ChangeFilter) -> pl.Expr:
    return pl.col("change_kind").is_in(CHANGE_KINDS).fill_null(value=False) & is_change(change_filter)
