"""From where a flagged actor's changes came, and whether it had come from there before.

Pure functions on frames: what Axiom knows of the days before is handed in.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

import polars as pl

from audit_assets.detection.origin_uses import interface_of
from audit_assets.tickets.finding import OriginKind

COMPARED_LENGTH = 1_000
"""Characters of a text that are compared: Axiom holds no more of it (LONGEST_TEXT of axiom/events.py)."""

ENTRY_COLUMNS = ("ip_address", "user_agent", "interface", "token_id")
"""The columns of an entry that hold an origin, in the order of OriginKind."""

AXIOM_COLUMNS = ("address", "agent", "via", "token")
"""Their names in the rows of `AxiomClient.origins`."""


def origins_of(behind: pl.LazyFrame, before: pl.DataFrame | None, hour: datetime) -> pl.LazyFrame:
    """Per `finding` its `origins`, a list of what Origin takes: what was never used before first, then by changes.

    `behind`: the entries of an hour, with a column `finding`, at least ENTRY_COLUMNS, and token_name. `before`: the
    rows of `AxiomClient.origins`, with that column; None if they are not known.
    """
    used = _comparable(behind, ENTRY_COLUMNS)
    seen = None if before is None else _comparable(before.lazy(), AXIOM_COLUMNS).collect()
    kinds = zip(get_args(OriginKind), ENTRY_COLUMNS, AXIOM_COLUMNS, strict=True)
    # One after the other: at once, each kind would have its columns of all entries in memory
    origins = [_of_kind(kind, used, column, seen, before_it, hour).collect() for kind, column, before_it in kinds]
    in_order = pl.concat(origins).lazy().sort(pl.col("first_used").is_not_null(), -pl.col("changes"), "value")
    return in_order.group_by("finding", maintain_order=True).agg(origins=pl.struct(pl.exclude("finding")))


def days_before(findings: pl.DataFrame, before: pl.DataFrame | None, hour: datetime) -> pl.DataFrame:
    """Per `finding` the `active_days`: on how many of the 30 days before the day of the hour its actors did anything;
    null if that is not known, since there were `too_many_origins` of one of them for Axiom to list, or otherwise."""
    if before is None:
        unknown = {"active_days": pl.lit(None, pl.Int64), "too_many_origins": pl.lit(value=False)}
        return findings.select("finding", **unknown)
    too_many = before.filter(pl.col("day").is_null())["finding"].unique().implode()
    by_finding = before.filter(pl.col("day") < start_of_day(hour)).group_by("finding")
    days = by_finding.agg(active_days=pl.col("day").n_unique().cast(pl.Int64))
    known = findings.select("finding").join(days, on="finding", how="left").fill_null(0)
    marked = known.with_columns(too_many_origins=pl.col("finding").is_in(too_many))
    return marked.with_columns(active_days=pl.when(~pl.col("too_many_origins")).then("active_days"))


def start_of_day(hour: datetime) -> datetime:
    """The UTC day of an hour."""
    return hour.replace(hour=0)


def _of_kind(
    kind: str, used: pl.LazyFrame, column: str, seen: pl.DataFrame | None, column_before: str, hour: datetime
) -> pl.LazyFrame:
    label = pl.col("token_name").drop_nulls().last() if column == "token_id" else pl.lit(None, pl.String)
    found = used.group_by("finding", value=column).agg(changes=pl.len().cast(pl.Int64), label=label)
    known = _NOTHING_SEEN if seen is None else _days(seen, column_before, hour)
    origins = found.join(known.lazy(), on=["finding", "value"], how="left")
    return origins.with_columns(pl.col("days").fill_null(0), kind=pl.lit(kind))


_NOTHING_SEEN = pl.DataFrame(
    schema={"finding": pl.String, "value": pl.String, "days": pl.Int64, "first_used": pl.Datetime("us", "UTC")}
)


def _days(seen: pl.DataFrame, column: str, hour: datetime) -> pl.DataFrame:
    """On how many days before that of the hour each value was used, and when first."""
    earlier_days = pl.col("day").filter(pl.col("day") < start_of_day(hour))
    by_value = seen.drop_nulls(column).group_by("finding", value=column)
    return by_value.agg(days=earlier_days.n_unique().cast(pl.Int64), first_used=pl.col("oldest").min())


def _comparable(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """With texts as far as Axiom keeps them, nothing in place of empty ones, and one word per interface."""
    _, _, interface, _ = columns
    cut = frame.with_columns(pl.col(columns).replace("", None).str.head(COMPARED_LENGTH))
    return cut.with_columns(interface_of(pl.col(interface)).alias(interface))
