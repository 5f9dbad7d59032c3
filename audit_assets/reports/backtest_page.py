"""A backtest as one self-contained HTML page: scores over time, what each budget would open, the tickets.

Names may come from an attacker: in the page they are escaped text, or part of a JSON block that is not a script. The
chart is our own, as plotly and bokeh add 5 and 1.3 MB to each page, 64 MB and eight packages to each installation, and
plotly treats tags in a name as markup.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import polars as pl

from audit_assets.detection.schemas import LEARNING
from audit_assets.detection.severity import SEVERITIES
from audit_assets.reports.backtest_summary import SPANS, count_of_several, describe_span, rarest
from audit_assets.reports.html_page import render_page
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import visible

LISTED = 2_000
"""At most so many tickets, the rarest."""

DRAWN = 10_000
"""At most so many points, the rarest: a page well under 1 MB, which a phone draws and searches at once."""

LENGTHS = {"actor": 120, "type": 60, "reason": 120}
"""Characters of a name that are shown; a longer one is cut."""

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
"""Rarer hours are drawn here: half a year of scores is not more precise."""

RATIOS = {1.0: "the usual", **{10.0**power: f"{10**power:,} times" for power in range(1, 6)}}
"""Ticks with the plain rule, which has no probabilities: times the usual."""


def backtest_html(scores: pl.DataFrame, summary: Mapping[str, Any]) -> str:
    """The page of BACKTEST_SCORES rows and their summary."""
    points = _build_chart(scores, summary)
    allowed = [hour for hour in summary["allowed"] if not hour["budgets"]]
    tickets = [*summary["tickets"], *summary["tickets_at_other_budgets"], *allowed]
    listed = sorted(rarest(tickets, LISTED), key=lambda ticket: (ticket["hour"], ticket["actor_key"]), reverse=True)
    severities = [ticket["severity"] for ticket in summary["tickets"]]
    return render_page(
        "backtest_page.html.jinja",
        style="backtest_page.css",
        script="backtest_page.js",
        title=f"{pluralize(len(summary['tickets']), 'ticket')} in {_span_length(summary)}",
        about=_about(summary),
        budgets=summary["trade_off"],
        requested=summary["tickets_per_day"]["asked"],
        rate_note=_rate_note(summary),
        chart_note=_chart_note(points, scores.height),
        legend=[(level, f"{severities.count(level):,}") for level in LEVELS[:0:-1] if level in severities],
        points=points,
        list_note=_list_note(summary, len(tickets)),
        days=groupby(listed, key=lambda ticket: ticket["hour"][:10]),
        has_tickets=bool(tickets),
        volume_sentences=_volume_sentences,
        pluralize=pluralize,
        count_of_several=count_of_several,
        shorten=_shorten,
        lengths=LENGTHS,
        most_named=NAMED,
        learning_notes=[
            f"{pluralize(count, 'active hour')} had {LEARNING[name]}." for name, count in summary["learning"].items()
        ],
    )


def _build_chart(scores: pl.DataFrame, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The chart as plain values: columns of the most unusual hours, and the axes.

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
    first, learned = (
        int(datetime.fromisoformat(summary[name]).timestamp() // 3600) for name in ("from", "counted_from")
    )
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
        "learned": learned - first if calibrated else 0,
        "lines": lines,
        "ticks": list((RARITIES if calibrated else RATIOS).items()),
        "actors": [_shorten(name, LENGTHS["actor"]) for name in actors["actor"]],
        "names": [_shorten(name, LENGTHS["type"]) for name in types],
        "reasons": [_shorten(reason, LENGTHS["reason"]) for reason in reasons],
        **columns.to_dict(as_series=False),
    }


def _index(of: pl.Expr, known: pl.Series) -> pl.Expr:
    places = pl.Series(range(len(known)), dtype=pl.Int64)
    return of.replace_strict(known, places, default=None, return_dtype=pl.Int64)


def _span() -> pl.Expr:
    """The span that decided, if it was longer than the hour, in words."""
    usual = pl.col("horizon_baseline_mean").round_sig_figs(2)
    each = (
        pl.when(pl.col("horizon") == name).then(pl.format(words, "horizon_changes", usual))
        for name, words in SPANS.items()
    )
    return pl.coalesce(*each)


def _span_length(summary: Mapping[str, Any]) -> str:
    days = (datetime.fromisoformat(summary["to"]) - datetime.fromisoformat(summary["from"])) / timedelta(days=1)
    return pluralize(round(days), "day") if days > 1 else pluralize(round(days * 24), "hour")


def _about(summary: Mapping[str, Any]) -> str:
    first, end = (summary[edge][:16].replace("T", " ") for edge in ("from", "to"))
    active = f"{pluralize(summary['active_hours'], 'active hour')} of {pluralize(summary['actors'], 'actor')}"
    return f"Backtest of {first} to {end} UTC, {summary['rule']} rule: {active}."


def _rate_note(summary: Mapping[str, Any]) -> str:
    counted = f"counted from {summary['counted_from'][:10]} on" if summary["counted_from"] != summary["from"] else ""
    if summary["trade_off"]:
        return f"Realised is {counted}: by then the threshold was learned." if counted else ""
    rate = f"{summary['tickets_per_day']['realised']:g}"
    opened = f"{rate} {'ticket' if rate == '1' else 'tickets'} a day"
    return f"The plain rule has no budget: it would have opened {opened}{f', {counted}' if counted else ''}."


def _chart_note(points: Mapping[str, Any], active_hours: int) -> str:
    if points["direction"] < 0:
        dots = "Each dot is an active hour of an actor: the higher, the rarer, by the scores of the 180 days before."
        lines = "Lines: the budgets; each day the threshold deviates from them by what was realised before."
    else:
        dots = "Each dot is an active hour of an actor: how many times the usual it was, or 1 if that is not known."
        lines = "Line: the ratio from which the rule flags. New resource types alert at any height."
    drawn = len(points["hour"])
    if drawn == active_hours:
        return f"{dots} {lines}"
    without_ticket = [value for value, level in zip(points["value"], points["level"], strict=True) if not level]
    bound = ""
    if points["direction"] < 0 and without_ticket:
        bound = f": the tickets, and what is rarer than {max(without_ticket):.3g} a day"
    return f"{dots} {lines} Drawn are the {drawn:,} most unusual of {pluralize(active_hours, 'active hour')}{bound}."


def _list_note(summary: Mapping[str, Any], tickets: int) -> str:
    order = "The latest first, at every budget" if summary["trade_off"] else "The latest first"
    notes = [f"{order}; hours in UTC."]
    if summary["allowed"]:
        notes.append(f"Above the alert threshold, but allowed: {pluralize(len(summary['allowed']), 'hour')}.")
    if tickets > LISTED:
        notes.append(f"The {LISTED:,} rarest of {tickets:,} are listed.")
    return " ".join(notes)


def _volume_sentences(ticket: Mapping[str, Any]) -> Iterator[str]:
    usual = "" if ticket["baseline_mean"] is None else f", usual is {ticket['baseline_mean']:,.1f}"
    yield f"{pluralize(ticket['changes'], 'change')}{usual}"
    if span := describe_span(ticket):
        yield span


def _shorten(text: str, longest: int) -> str:
    """A name as one line of visible characters; a long one is cut."""
    return visible(text[:longest]) + ("…" if len(text) > longest else "") or "(empty)"
