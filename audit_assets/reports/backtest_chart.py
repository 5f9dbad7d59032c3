"""The chart of a backtest as plain values: which active hours are drawn, where, and between which axes.

Names may come from an attacker; here they become one line of visible characters, cut if they are long.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.detection.severity import SEVERITIES
from audit_assets.tickets.markdown import visible

DRAWN = 10_000
"""At most so many points, the rarest: a page well under 1 MB, which a phone draws and searches at once."""

ACTOR_LENGTH = 120
TYPE_LENGTH = 60
REASON_LENGTH = 120
NAMED = 5
"""So many names of a list are shown; the others are counted."""

LEVELS = ("none", *SEVERITIES)
"""Severities, and `none` for an hour without a ticket."""

RARITIES = {
    1000.0: "1,000 a day",
    100.0: "100 a day",
    10.0: "10 a day",
    1.0: "1 a day",
    1 / 7: "1 a week",
    1 / 30: "1 a month",
    1 / 365: "1 a year",
    1 / 3650: "in 10 years",
    1 / 36500: "in 100 years",
}
"""Ticks, in tickets a day."""

RAREST = 1 / 36500
"""Rarer hours are drawn here: 60 days of scores are not more precise."""

RATIOS = {1.0: "the usual", **{10.0**power: f"{10**power:,} times" for power in range(1, 6)}}
"""Ticks with the plain rule, which has no probabilities: times the usual."""


def build_chart(scores: pl.DataFrame, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The chart of BACKTEST_SCORES rows and their summary: columns of the most unusual hours, and the axes.

    Hours count from `first` (hours since 1970), `actor`, `types`, `allowed` and `level` point into lists of names.
    """
    calibrated = bool(summary["trade_off"])
    value = (
        pl.col("tickets_a_day").clip(lower_bound=RAREST)
        if calibrated
        else pl.col("ratio").fill_null(1.0).clip(lower_bound=1.0)
    )
    drawn = (
        scores.with_columns(value=value.round_sig_figs(3), level=pl.col("severity").fill_null("none"))
        .sort("flagged", "value", "hour", "actor_key", descending=[True, not calibrated, False, False])
        .head(DRAWN)
        .sort("hour", "actor_key")
    )
    first = int(datetime.fromisoformat(summary["from"]).timestamp() // 3600)
    last = math.ceil(datetime.fromisoformat(summary["to"]).timestamp() / 3600)
    lines = (
        [
            [row["asked"], f"{row['asked']:g}", row["asked"] == summary["tickets_per_day"]["asked"]]
            for row in summary["trade_off"]
        ]
        if calibrated
        else [[summary["plain_rule"]["ratio"], "rule", True]]
    )
    seen = [*drawn["value"], *(line[0] for line in lines)]
    direction = -1 if calibrated else 1
    low, high = sorted((min(seen) / 1.3, max(seen) * 1.3), key=lambda edge: direction * edge)
    actors = drawn.select("actor_key", "actor").unique("actor_key").sort("actor_key")
    types = drawn["new_resource_types"].explode().drop_nulls().unique().sort()
    reasons = drawn["allowed_because"].drop_nulls().unique().sort()
    named = pl.col("new_resource_types").list.head(NAMED).list.eval(_index(pl.element(), types))
    columns = drawn.select(
        "value",
        "changes",
        hour=pl.col("hour").dt.epoch("s") // 3600 - first,
        actor=_index(pl.col("actor_key"), actors["actor_key"]),
        baseline_mean=pl.col("baseline_mean").round_sig_figs(3),
        level=_index(pl.col("level"), pl.Series(LEVELS)),
        span=_span(),
        shared=pl.col("disposition") == "organisation",
        allowed=_index(pl.col("allowed_because"), reasons),
        types=named.fill_null([]),
        more=(pl.col("new_resource_types").list.len().fill_null(0).cast(pl.Int64) - NAMED).clip(lower_bound=0),
    )
    return {
        "about": "Active hours over time, by how unusual they are. The tickets are listed below.",
        "levels": LEVELS,
        "direction": direction,
        "low": low,
        "high": high,
        "first": first,
        "last": last,
        "learned": int(datetime.fromisoformat(summary["counted_from"]).timestamp() // 3600) - first
        if calibrated
        else 0,
        "lines": lines,
        "ticks": list((RARITIES if calibrated else RATIOS).items()),
        "actors": [shorten(name, ACTOR_LENGTH) for name in actors["actor"]],
        "names": [shorten(name, TYPE_LENGTH) for name in types],
        "reasons": [shorten(reason, REASON_LENGTH) for reason in reasons],
        **columns.to_dict(as_series=False),
    }


def _index(of: pl.Expr, known: pl.Series) -> pl.Expr:
    places = pl.Series(range(len(known)), dtype=pl.Int64)
    return of.replace_strict(known, places, default=None, return_dtype=pl.Int64)


def _span() -> pl.Expr:
    """The span that decided, if it was longer than the hour, in words."""
    words = pl.format(
        "{} changes in {}, usual is {}",
        "horizon_changes",
        pl.col("horizon").str.replace("h, lagged", " h (against the month before last)").str.replace("h$", " h"),
        pl.col("horizon_baseline_mean").round_sig_figs(2),
    )
    return pl.when(pl.col("horizon") != "1h").then(words)


def rarest(tickets: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """At most so many tickets of a summary, the most severe first and among these the rarest."""

    def rank(ticket: Mapping[str, Any]) -> tuple[int, float, float]:
        return -LEVELS.index(ticket["severity"] or "none"), ticket["tickets_a_day"] or 0.0, -(ticket["ratio"] or 0.0)

    return sorted(tickets, key=rank)[:most]


def shorten(text: str, longest: int) -> str:
    """A name as one line of visible characters; a long one is cut."""
    return visible(text[:longest]) + ("…" if len(text) > longest else "") or "(empty)"
