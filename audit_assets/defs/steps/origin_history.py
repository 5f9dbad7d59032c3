"""From where a flagged actor's changes came, and whether it had come from there before.

One question to Axiom serves all flagged actors of an hour. Without an answer the tickets go out all the same, and say
so: it is no reason to keep a finding back.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import get_args

import dagster as dg
import polars as pl

from audit_assets.axiom.events import LONGEST_TEXT
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource
from audit_assets.detection.schemas import WINDOW
from audit_assets.tickets.finding import OriginKind

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
"""What the two streams call an interface (docs/facts/cloudflare.md, 2.3 and 3), in one word for both; others stay."""


def seen_before(axiom: AxiomResource, actors: Iterable[str], hour: datetime) -> pl.DataFrame | None:
    """From where these actors (keys) acted in the 30 UTC days before the day of the hour, and in that day up to the
    hour: as `AxiomClient.origins` has it. None, and a warning in the run's log, if Axiom does not tell."""
    try:
        with closing(axiom.client()) as client:
            return client.origins([*actors], start_of_day(hour) - WINDOW, hour)
    except AuditAssetsError as error:
        dg.get_dagster_logger().warning("The tickets do not say whether an address was used before: %s", error)
        return None


def origins_of(behind: pl.DataFrame, before: pl.DataFrame | None, hour: datetime) -> pl.DataFrame:
    """Per `finding` its `origins`, a list of what Origin takes: what was never used before first, then by changes.

    `behind`: the entries of an hour, with a column `finding`, at least OF_ENTRIES, and token_name. `before`: the rows
    of `seen_before`, with that column; None if they are not known.
    """
    used = _comparable(behind, OF_ENTRIES)
    seen = None if before is None else _comparable(before, OF_AXIOM)
    kinds = zip(get_args(OriginKind), OF_ENTRIES, OF_AXIOM, strict=True)
    told = pl.concat([_of_kind(kind, used, column, seen, before_it, hour) for kind, column, before_it in kinds])
    in_order = told.sort(pl.col("first_used").is_not_null(), -pl.col("changes"), "value")
    return in_order.group_by("finding", maintain_order=True).agg(origins=pl.struct(pl.exclude("finding")))


def days_before(findings: pl.DataFrame, before: pl.DataFrame | None, hour: datetime) -> pl.DataFrame:
    """Per `finding` the `active_days`: on how many of the 30 days before the day of the hour its actors did anything;
    null if that is not known."""
    if before is None:
        return findings.select("finding", active_days=pl.lit(None, pl.Int64))
    by_finding = before.filter(pl.col("day") < start_of_day(hour)).group_by("finding")
    days = by_finding.agg(active_days=pl.col("day").n_unique().cast(pl.Int64))
    return findings.select("finding").join(days, on="finding", how="left").fill_null(0)


def start_of_day(hour: datetime) -> datetime:
    """The UTC day of an hour."""
    return hour.replace(hour=0)


def _of_kind(
    kind: str, used: pl.DataFrame, column: str, seen: pl.DataFrame | None, column_before: str, hour: datetime
) -> pl.DataFrame:
    label = pl.col("token_name").drop_nulls().last() if column == "token_id" else pl.lit(None, pl.String)
    found = used.group_by("finding", value=column).agg(changes=pl.len().cast(pl.Int64), label=label)
    known = _NOTHING_SEEN if seen is None else _days(seen, column_before, hour)
    told = found.join(known, on=["finding", "value"], how="left")
    return told.with_columns(pl.col("days").fill_null(0), kind=pl.lit(kind))


_NOTHING_SEEN = pl.DataFrame(
    schema={"finding": pl.String, "value": pl.String, "days": pl.Int64, "first_used": pl.Datetime("us", "UTC")}
)


def _days(seen: pl.DataFrame, column: str, hour: datetime) -> pl.DataFrame:
    """On how many days before that of the hour each value was used, and when first."""
    earlier_days = pl.col("day").filter(pl.col("day") < start_of_day(hour))
    by_value = seen.drop_nulls(column).group_by("finding", value=column)
    return by_value.agg(days=earlier_days.n_unique().cast(pl.Int64), first_used=pl.col("oldest").min())


def _comparable(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """With texts as far as Axiom keeps them, nothing in place of empty ones, and one word per interface."""
    _, _, interface, _ = columns
    cut = frame.with_columns(pl.col(columns).replace("", None).str.head(LONGEST_TEXT))
    word = pl.col(interface).str.to_lowercase().replace_strict(INTERFACES, default=pl.col(interface))
    return cut.with_columns(word.alias(interface))
