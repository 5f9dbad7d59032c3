"""From where a flagged actor's changes came, and whether it had come from there before.

One question to Axiom serves all flagged actors of an hour. Without an answer the tickets go out all the same, and say
so: it is no reason to keep a finding back.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import get_args

import dagster as dg
import polars as pl

from audit_assets.axiom.events import LONGEST_TEXT
from audit_assets.detection.frames import WINDOW
from audit_assets.errors import ServiceError
from audit_assets.linear.findings import Origin, OriginKind
from audit_assets.resources import AxiomResource

OF_ENTRIES = ("ip_address", "user_agent", "interface", "token_id")
"""The columns of an entry that say from where, in the order of OriginKind."""

OF_AXIOM = ("address", "agent", "via", "token")
"""What `AxiomClient.origins` calls them."""

INTERFACES = {
    "dash": "dashboard",
    "ui": "dashboard",
    "api": "API",
    "api_token": "API with a token",
    "api_key": "API with a global key",
    "oauth": "OAuth",
    "origin_ca_key": "origin CA key",
}
"""What the two streams call an interface (facts/cloudflare.md, 2.3 and 3), in one word for both; others stay."""


def seen_before(axiom: AxiomResource, actors: Iterable[str], hour: datetime) -> pl.DataFrame | None:
    """From where these actors (keys) acted in the 30 UTC days before the day of the hour, and in that day up to the
    hour: as `AxiomClient.origins` has it. None, and a warning in the run's log, if Axiom does not tell."""
    try:
        with closing(axiom.client()) as client:
            return client.origins([*actors], start_of_day(hour) - WINDOW, hour)
    except ServiceError as error:
        dg.get_dagster_logger().warning("The tickets do not say whether an address was used before: %s", error)
        return None


def origins_of(behind: pl.DataFrame, seen: pl.DataFrame | None, hour: datetime) -> Iterator[Origin]:
    """The origins of these entries, what was never used before first, then by the number of changes.

    `behind`: at least OF_ENTRIES and token_name. `seen`: the rows of `seen_before` of the same actors; None if unknown.
    """
    used = _comparable(behind, OF_ENTRIES)
    before = None if seen is None else _comparable(seen, OF_AXIOM)
    for kind, column, column_before in zip(get_args(OriginKind), OF_ENTRIES, OF_AXIOM, strict=True):
        label = pl.col("token_name") if column == "token_id" else pl.lit(None, pl.String)
        found = used.group_by(value=column).agg(changes=pl.len(), label=label.drop_nulls().last())
        known = _NOTHING_SEEN if before is None else _days(before, column_before, hour)
        told = found.join(known, on="value", how="left").with_columns(pl.col("days").fill_null(0))
        order = [pl.col("first_used").is_not_null(), -pl.col("changes").cast(pl.Int64), pl.col("value")]
        for row in told.sort(order).iter_rows(named=True):
            yield Origin(kind=kind, **row)


def days_before(seen: pl.DataFrame, hour: datetime) -> int:
    """On how many of the 30 days before the day of the hour these actors did anything."""
    return seen.filter(pl.col("day") < start_of_day(hour))["day"].n_unique()


def start_of_day(hour: datetime) -> datetime:
    """The UTC day of an hour."""
    return hour.replace(hour=0)


_NOTHING_SEEN = pl.DataFrame(schema={"value": pl.String, "days": pl.Int64, "first_used": pl.Datetime("us", "UTC")})


def _days(before: pl.DataFrame, column: str, hour: datetime) -> pl.DataFrame:
    earlier_days = pl.col("day").filter(pl.col("day") < start_of_day(hour))
    by_value = before.drop_nulls(column).group_by(value=column)
    return by_value.agg(days=earlier_days.n_unique().cast(pl.Int64), first_used=pl.col("oldest").min())


def _comparable(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """With texts as far as Axiom keeps them, nothing in place of empty ones, and one word per interface."""
    _, _, interface, _ = columns
    cut = frame.with_columns(pl.col(columns).replace("", None).str.head(LONGEST_TEXT))
    word = pl.col(interface).str.to_lowercase().replace_strict(INTERFACES, default=pl.col(interface))
    return cut.with_columns(word.alias(interface))
