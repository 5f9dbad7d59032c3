"""From where actors acted: what Axiom has of it, as networks, products, interfaces and tokens (ORIGIN_USES)."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from audit_assets.axiom.client import ACTORS_AT_ONCE, AxiomClient
from audit_assets.cloudflare.addresses import with_canonical_addresses
from audit_assets.defs.steps.geography import PLACES, Geography
from audit_assets.detection.networks import network_of
from audit_assets.detection.origin_uses import CUT, ORIGIN_USES, uses_of
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import day_of
from audit_assets.storage.tables import ORIGINS, ORIGINS_BEFORE
from audit_assets.tickets.origin_users import NETWORKS


def query_origin_uses(
    client: AxiomClient, actors: Iterable[str], start: datetime, end: datetime, geography: Geography | None
) -> pl.DataFrame:
    """ORIGIN_USES of these actors (keys) in the hours of [start, end). One of whom Axiom lists not everything has the
    part CUT, at `start`. Raises as `AxiomClient` does."""
    keys = sorted({*actors})
    batches = (keys[at : at + ACTORS_AT_ONCE] for at in range(0, len(keys), ACTORS_AT_ONCE))
    found = [_folded(client.origin_uses(batch, start, end), start, geography) for batch in batches]
    return pl.concat([ORIGIN_USES.to_frame(), *found])


def fold_origin_uses(rows: pl.DataFrame, start: datetime, geography: Geography | None) -> pl.DataFrame:
    """ORIGIN_USES from what was counted of hours (ORIGIN_USES_SCHEMA of Axiom, in which `changed` is null for an actor
    of whom not everything is listed), in the same way."""
    listed = rows.with_columns(pl.when(pl.col("changed").is_not_null()).then("hour").alias("hour"))
    keys = sorted({*rows["actor_key"]})
    batches = (keys[at : at + ACTORS_AT_ONCE] for at in range(0, len(keys), ACTORS_AT_ONCE))
    folded = [_folded(listed.filter(pl.col("actor_key").is_in(batch)), start, geography) for batch in batches]
    return pl.concat([ORIGIN_USES.to_frame(), *folded])


def known_origins(store: HourStore, hour: datetime) -> pl.DataFrame | None:
    """ORIGIN_USES of everybody before the UTC day of a judged hour and in the day; None if they are not stored."""
    before, today = store.read(ORIGINS_BEFORE, day_of(hour)), store.read(ORIGINS, hour)
    return None if before is None or today is None else pl.concat([before, today])


def networks_of(addresses: Iterable[str | None], geography: Geography | None) -> pl.DataFrame:
    """NETWORKS of addresses, however they are spelled: the autonomous system where it is known, else the network that
    the address itself shows."""
    written = pl.DataFrame({"address": [*{*addresses} - {None}]}, schema={"address": pl.String})
    spelled = with_canonical_addresses(written.with_columns(spelled="address"), "spelled")
    places = PLACES.to_frame() if geography is None else geography.places_of(spelled["spelled"])
    known = spelled.join(places, left_on="spelled", right_on="address", how="left")
    network = pl.coalesce("system", network_of(pl.col("spelled")))
    return known.select("address", "place", network=network).select(NETWORKS.names())


def entries_with_networks(entries: pl.LazyFrame, geography: Geography | None) -> pl.LazyFrame:
    """Entries (ENTRY_SCHEMA) with the `network` of each, in the same words."""
    addresses = entries.select("ip_address").unique().collect().to_series()
    networks = networks_of(addresses, geography).select("network", ip_address="address")
    return entries.join(networks.lazy(), on="ip_address", how="left")


def _folded(rows: pl.DataFrame, start: datetime, geography: Geography | None) -> pl.DataFrame:
    changed = pl.col("changed").fill_null(value=False)
    used = rows.drop_nulls("hour").filter(changed | ~pl.col("failed").fill_null(value=False))
    networks = networks_of(used["address"], geography)
    listed = used.join(networks, on="address", how="left").select(
        *("hour", "network", "agent", "token"),
        actor="actor_key",
        interface="via",
        changed=changed,
    )
    omitted = rows.filter(pl.col("hour").is_null()).select(
        actor="actor_key", hour=pl.lit(start), part=pl.lit(CUT), value=pl.lit(None), changed=pl.lit(value=False)
    )
    return pl.concat([uses_of(listed), omitted.unique().select(ORIGIN_USES.names()).cast(ORIGIN_USES)])
