"""Which entries came from a network that their actor, or anybody here, had not used before: what rules ask of networks.

Whatever was done there before makes a network known, a view too, and a failed attempt does not. Where too little is
known nothing is new: with less than 30 days of origins, of an actor that was first seen less than 14 days ago, and of
one that is everywhere, as a CI system on hosted runners is.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from audit_assets.detection.origin_uses import CUT, NETWORK, ORIGIN_HISTORY
from audit_assets.watch.rules import WatchRule

NEW_HERE, NEW_TO_ACTOR = "new_here", "new_to_actor"
"""Columns of entries (Boolean): nobody here, or the actor, acted from the network in an earlier hour of 90 days."""

KNOWN_HERE = timedelta(days=30)
KNOWN_ACTOR = timedelta(days=14)
"""The oldest use that is known must be so long ago."""

MOST_NETWORKS = 10
"""An actor with more networks in 90 days is everywhere: each of its next ones would be an alert. A judgement."""


def rules_about_networks(rules: Sequence[WatchRule]) -> list[WatchRule]:
    """The rules that have a condition about networks."""
    return [rule for rule in rules if any(match.network for match in (*rule.match, *rule.unless))]


def with_new_networks(entries: pl.LazyFrame, uses: pl.DataFrame) -> pl.LazyFrame:
    """The entries (actor_key, time, network) with NEW_HERE and NEW_TO_ACTOR.

    `uses`: ORIGIN_USES of 90 days and of the time of the entries, of everybody. Where they lack something of anybody
    (the part CUT), no network is new here.
    """
    hour = pl.col("time").dt.truncate("1h")
    known = entries.with_columns(_hour=hour)
    here = known.select("_hour", "actor_key", "network").drop_nulls().unique().sort("_hour").collect()
    networks = uses.filter(pl.col("part") == NETWORK).select("actor", "hour", network="value").sort("hour")
    cut = uses.filter(pl.col("part") == CUT).select(actor_key="actor").unique()
    of_actors = networks.group_by(actor_key="actor").agg(
        since=pl.col("hour").min(), networks=pl.col("network").n_unique()
    )
    is_new = _is_new(here, networks, ["network"]).alias(NEW_HERE)
    is_new_to_actor = _is_new(here, networks.rename({"actor": "actor_key"}), ["actor_key", "network"])
    is_everywhere = pl.col("networks").fill_null(0) > MOST_NETWORKS
    judged = (
        here.with_columns(is_new, is_new_to_actor.alias(NEW_TO_ACTOR))
        .join(of_actors, on="actor_key", how="left", maintain_order="left")
        .join(cut.with_columns(is_cut=pl.lit(value=True)), on="actor_key", how="left", maintain_order="left")
    )
    is_known_actor = pl.col("_hour") - KNOWN_ACTOR >= pl.col("since")
    is_known_here = pl.col("_hour") - KNOWN_HERE >= pl.lit(networks["hour"].min(), networks.schema["hour"])
    found = judged.select(
        *("_hour", "actor_key", "network"),
        (pl.col(NEW_HERE) & is_known_here & ~is_everywhere & pl.lit(cut.is_empty())).fill_null(value=False),
        (pl.col(NEW_TO_ACTOR) & is_known_actor & ~is_everywhere & pl.col("is_cut").is_null()).fill_null(value=False),
    )
    return (
        known.join(found.lazy(), on=["_hour", "actor_key", "network"], how="left")
        .with_columns(pl.col(NEW_HERE, NEW_TO_ACTOR).fill_null(value=False))
        .drop("_hour")
    )


def _is_new(here: pl.DataFrame, uses: pl.DataFrame, by: list[str]) -> pl.Series:
    """Whether no use of the same came in an earlier hour of ORIGIN_HISTORY."""
    earlier = uses.select(*by, used="hour").unique().sort("used")
    joined = here.join_asof(
        earlier, left_on="_hour", right_on="used", by=by, allow_exact_matches=False, check_sortedness=False
    )
    return joined.select((pl.col("_hour") - pl.col("used") > ORIGIN_HISTORY).fill_null(value=True)).to_series()
