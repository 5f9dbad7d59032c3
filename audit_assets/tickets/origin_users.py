"""Who else here uses what an actor acted from: new to this actor alone, or to everybody here.

An address is compared by its network and a user agent by its product, as detection does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from audit_assets.detection.origin_uses import INTERFACE, NETWORK, PRODUCT, TOKEN, interface_of, product_of
from audit_assets.tickets.finding import Finding, Origin

PARTS = {"address": NETWORK, "user agent": PRODUCT, "interface": INTERFACE, "API token": TOKEN}
"""The part of ORIGIN_USES that an Origin's kind is compared by."""

NETWORKS = pl.Schema({"address": pl.String, "network": pl.String, "place": pl.String})
"""Per address its network, in the words of ORIGIN_USES, and its autonomous system and country for people, if known."""

ADDRESS = "address"


def with_origin_users(findings: Sequence[Finding], uses: pl.DataFrame, networks: pl.DataFrame) -> list[Finding]:
    """The findings with the `others` of their origins, and an address's place as its label. `uses`: ORIGIN_USES of
    everybody in 90 days; `networks`: NETWORKS of the addresses in the findings."""
    values = pl.DataFrame(
        sorted({(each.kind, each.value) for finding in findings for each in finding.origins if each.value}),
        schema={"kind": pl.String, "written": pl.String},
        orient="row",
    )
    written = pl.col("written")
    compared = values.join(networks, left_on="written", right_on="address", how="left").with_columns(
        part=pl.col("kind").replace_strict(PARTS, return_dtype=pl.String),
        value=pl.when(pl.col("kind") == ADDRESS)
        .then("network")
        .when(pl.col("kind") == "user agent")
        .then(product_of(written))
        .when(pl.col("kind") == "interface")
        .then(interface_of(written))
        .otherwise(written),
    )
    users = uses.group_by("part", "value").agg(pl.col("actor").unique())
    known = compared.join(users, on=["part", "value"], how="left").select("kind", "written", "value", "actor", "place")
    by_origin = {(row["kind"], row["written"]): row for row in known.iter_rows(named=True)}
    return [
        replace(finding, origins=tuple(_with_users(each, _own_keys(finding), by_origin) for each in finding.origins))
        for finding in findings
    ]


def _with_users(origin: Origin, own: set[str], known: Mapping[tuple[str, str | None], Mapping[str, object]]) -> Origin:
    row = known.get((origin.kind, origin.value))
    if row is None or row["value"] is None:
        return origin
    actors = row["actor"]
    others = len({*actors} - own) if isinstance(actors, list) else 0
    place = row["place"]
    return replace(origin, others=others, label=place if isinstance(place, str) else origin.label)


def _own_keys(finding: Finding) -> set[str]:
    """Whose the origins are."""
    members = (key for each in finding.deviations for key in (each.credential_key, *each.member_keys) if key)
    return {finding.actor_key, *members}
