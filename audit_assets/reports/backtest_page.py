"""A backtest as one self-contained HTML page: scores over time, what each budget would open, the tickets.

Names may come from an attacker: in the page they are escaped text, or part of a JSON block that is not a script. The
chart is our own, as plotly and bokeh add 5 and 1.3 MB to each page, 64 MB and eight packages to each installation, and
plotly treats tags in a name as markup.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from audit_assets.detection.schemas import LEARNING
from audit_assets.reports.backtest_chart import (
    ACTOR_LENGTH,
    LEVELS,
    NAMED,
    REASON_LENGTH,
    TYPE_LENGTH,
    build_chart,
    rarest,
    shorten,
)
from audit_assets.reports.html_page import render_page, write_html
from audit_assets.tickets.formatting import pluralize

LISTED = 2_000
"""At most so many tickets, the rarest."""


def write_page(scores: pl.DataFrame, summary: Mapping[str, Any], path: Path) -> None:
    """Write the page of BACKTEST_SCORES rows and their summary. Raises `PageError` if it can't be written."""
    write_html(backtest_html(scores, summary), path)


def backtest_html(scores: pl.DataFrame, summary: Mapping[str, Any]) -> str:
    """The page of BACKTEST_SCORES rows and their summary."""
    points = build_chart(scores, summary)
    tickets = _tickets_to_list(summary)
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
        days=groupby(_latest_first(tickets), key=lambda ticket: ticket["hour"][:10]),
        has_tickets=bool(tickets),
        volume_sentences=_volume_sentences,
        pluralize=pluralize,
        shorten=shorten,
        lengths={"actor": ACTOR_LENGTH, "type": TYPE_LENGTH, "reason": REASON_LENGTH, "names": NAMED},
        learning_notes=[
            f"{pluralize(count, 'active hour')} had {LEARNING[name]}." for name, count in summary["learning"].items()
        ],
    )


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
        dots = "Each dot is an active hour of an actor: the higher, the rarer, by the scores of the 60 days before."
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


def _tickets_to_list(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tickets at any budget, and what was allowed."""
    allowed = [hour for hour in summary["allowed"] if not hour["budgets"]]
    return [*summary["tickets"], *summary["tickets_at_other_budgets"], *allowed]


def _list_note(summary: Mapping[str, Any], tickets: int) -> str:
    order = "The latest first, at every budget" if summary["trade_off"] else "The latest first"
    notes = [f"{order}; hours in UTC."]
    if summary["allowed"]:
        notes.append(f"Above the alert threshold, but allowed: {pluralize(len(summary['allowed']), 'hour')}.")
    if tickets > LISTED:
        notes.append(f"The {LISTED:,} rarest of {tickets:,} are listed.")
    return " ".join(notes)


def _latest_first(tickets: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that are listed, by hour and actor."""
    return sorted(rarest(tickets, LISTED), key=lambda ticket: (ticket["hour"], ticket["actor_key"]), reverse=True)


def _volume_sentences(ticket: Mapping[str, Any]) -> Iterator[str]:
    usual = "" if ticket["baseline_mean"] is None else f", usual is {ticket['baseline_mean']:,.1f}"
    yield f"{pluralize(ticket['changes'], 'change')}{usual}"
    if ticket["horizon"] not in (None, "1h") and "volume" in ticket["reasons"]:
        hours, usual = ticket["horizon"].split("h")[0], f"{ticket['horizon_baseline_mean']:,.1f}"
        yield f"{ticket['horizon_changes']:,} in {hours} h, usual is {usual}"
