"""From where actors acted: what Axiom has of it, as networks, products, interfaces and tokens (ORIGIN_USES)."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from audit_assets.axiom.client import ACTORS_AT_ONCE, AxiomClient
from audit_assets.cloudflare.addresses import with_canonical_addresses
from audit_assets.defs.steps.geography import PLACES, Geography
from audit_assets.detection.networks import network_of
from audit_assets.detection.origin_uses import CUT, ORIGIN_USES, uses_of


def query_origin_uses(
    client: AxiomClient, actors: Iterable[str], start: datetime, end: datetime, geography: Geography | None
) -> pl.DataFrame:
    """ORIGIN_USES of these actors (keys) in the hours of [start, end). One of whom Axiom lists not everything has the
    part CUT, at `start`. Raises as `AxiomClient` does."""
    keys = sorted({*actors})
    batches = (keys[at : at + ACTORS_AT_ONCE] for at in range(0, len(keys), ACTORS_AT_ONCE))
    found = [_folded(client.origin_uses(batch, start, end), start, geography) for batch in batches]
    return pl.concat([ORIGIN_USES.to_frame(), *found])


def with_networks(rows: pl.DataFrame, geography: Geography | None) -> pl.DataFrame:
    """The rows, whose `address` gets its one spelling, with `network`: the autonomous system where it is known, else
    that of the address."""
    canonical = with_canonical_addresses(rows, "address")
    addresses = canonical["address"].drop_nulls()
    places = PLACES.to_frame() if geography is None else geography.places_of(addresses)
    known = canonical.join(places.select("address", "system"), on="address", how="left", maintain_order="left")
    return known.with_columns(network=pl.coalesce("system", network_of(pl.col("address")))).drop("system")


def entries_with_networks(entries: pl.LazyFrame, geography: Geography | None) -> pl.LazyFrame:
    """Entries (ENTRY_SCHEMA) with the `network` of each, in the same words."""
    addresses = entries.select(address="ip_address", ip_address="ip_address").unique().collect().drop_nulls()
    networks = with_networks(addresses, geography).select("ip_address", "network")
    return entries.join(networks.lazy(), on="ip_address", how="left")


def _folded(rows: pl.DataFrame, start: datetime, geography: Geography | None) -> pl.DataFrame:
    changed = pl.col("changed").fill_null(value=False)
    used = rows.drop_nulls("hour").filter(changed | ~pl.col("failed").fill_null(value=False))
    listed = with_networks(used, geography).select(
        *("hour", "network", "agent", "token"),
        actor="actor_key",
        interface="via",
        changed=changed,
    )
    omitted = rows.filter(pl.col("hour").is_null()).select(
        actor="actor_key", hour=pl.lit(start), part=pl.lit(CUT), value=pl.lit(None), changed=pl.lit(value=False)
    )
    return pl.concat([uses_of(listed), omitted.unique().select(ORIGIN_USES.names()).cast(ORIGIN_USES)])
