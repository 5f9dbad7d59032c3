"""A backtest as one HTML page that stands alone: scores over time, what each budget would open, the tickets.

Names may have been written by an attacker: they stand in the page as escaped text or in a block of JSON that is no
script. The chart is our own, since plotly and bokeh bring 5 and 1.3 MB to each page, 64 MB and eight packages to each
installation, and plotly takes a name with tags in it for markup.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
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
    points_of,
    rarest,
    shown,
)
from audit_assets.reports.html_page import page, write

LISTED = 2_000
"""Tickets at most, the rarest."""


def write_page(scores: pl.DataFrame, summary: Mapping[str, Any], path: Path) -> None:
    """Write the page about BACKTESTED rows and their summary. Raises `PageError` if it can't be written."""
    write(page_of(scores, summary), path)


def page_of(scores: pl.DataFrame, summary: Mapping[str, Any]) -> str:
    """The page's HTML."""
    tickets = summary["tickets"]
    title = f"{_many(len(tickets), 'ticket')} in {_days(summary)}"
    body = "".join(
        (
            f"<h1>{title}</h1>{_about(summary)}",
            _trade_off(summary),
            _chart(scores, summary),
            _list(summary),
            _notes(summary),
        )
    )
    return page(f"Backtest: {title}", body, sheet="backtest_page.css", script="backtest_page.js")


def _days(summary: Mapping[str, Any]) -> str:
    days = (datetime.fromisoformat(summary["to"]) - datetime.fromisoformat(summary["from"])) / timedelta(days=1)
    return _many(days, "day") if days > 1 else _many(days * 24, "hour")


def _many(number: float, what: str) -> str:
    said = f"{number:,.0f}"
    return f"{said} {what}" if said == "1" else f"{said} {what}s"


def _about(summary: Mapping[str, Any]) -> str:
    rule = "calibrated rule" if summary["trade_off"] else "plain rule"
    return (
        f'<p class="soft">Backtest of {_minute(summary["from"])} to {_minute(summary["to"])} UTC, {rule}: '
        f"{summary['active_hours']:,} active hours of {summary['actors']:,} actors. Nothing was opened.</p>"
    )


def _minute(time: str) -> str:
    return escape(time[:16].replace("T", " "))


def _trade_off(summary: Mapping[str, Any]) -> str:
    counted = f"counted from {summary['counted_from'][:10]} on" if summary["counted_from"] != summary["from"] else ""
    if not summary["trade_off"]:
        opened = [f"{summary['tickets_per_day']['realised']:g} tickets a day", *filter(None, [counted])]
        return f"<p>The plain rule knows no budget: it would have opened {', '.join(opened)}.</p>"
    learned = f"Realised is {counted}: by then the threshold was learned." if counted else ""
    most = max(max(row["asked"], row["realised"]) for row in summary["trade_off"])
    rows = "".join(
        _budget_row(row, most, row["asked"] == summary["tickets_per_day"]["asked"]) for row in summary["trade_off"]
    )
    return (
        "<h2>What each budget would have opened</h2>"
        '<table><thead><tr><th class="right">tickets a day asked</th><th class="right">realised</th>'
        '<th class="right">tickets in all</th><th class="bar"></th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f'<p class="soft"><span class="bar">Bars: realised; the stroke is what was asked. </span>{learned}</p>'
    )


def _budget_row(row: Mapping[str, float], most: float, own: bool) -> str:
    share, asked = (100 * row[name] / most for name in ("realised", "asked"))
    bars = f'<rect width="{share:.1f}" height="10"/><line x1="{asked:.1f}" x2="{asked:.1f}" y1="0" y2="10"/>'
    return (
        f'<tr{" class=asked" if own else ""}><td class="right">{row["asked"]:g}</td>'
        f'<td class="right">{row["realised"]:.2f}</td><td class="right">{row["tickets"]:,}</td>'
        '<td class="bar"><svg viewBox="-1 0 102 10" preserveAspectRatio="none" aria-hidden="true">'
        f"{bars}</svg></td></tr>"
    )


def _chart(scores: pl.DataFrame, summary: Mapping[str, Any]) -> str:
    data = points_of(scores, summary)
    drawn = len(data["hour"])
    if data["direction"] < 0:
        what = "Each dot is an active hour of an actor: the higher, the rarer, by the scores of the 60 days before."
        lines = "Lines: the budgets; each day the threshold departs from them by what was realised before."
    else:
        what = "Each dot is an active hour of an actor: how many times the usual it was, or 1 while none is known."
        lines = "Line: the ratio from which the rule flags. New resource types ring wherever they are."
    left_out = ""
    if drawn < scores.height:
        left_out = f" Drawn are the {drawn:,} most unusual of {scores.height:,} active hours{_down_to(data)}."
    return (
        f"<h2>How unusual, over time</h2><p class=soft>{what} {lines}{left_out}</p>{_legend(summary)}"
        '<div id="chart"><div id="told" hidden></div><noscript>The chart needs JavaScript.</noscript></div>'
        f'<script type="application/json" id="points">{_json(data)}</script>'
    )


def _down_to(data: Mapping[str, Any]) -> str:
    """What of the hours without a ticket is drawn."""
    without = [value for value, level in zip(data["value"], data["level"], strict=True) if not level]
    return (
        f": the tickets, and what is rarer than {max(without):.3g} a day" if data["direction"] < 0 and without else ""
    )


def _legend(summary: Mapping[str, Any]) -> str:
    counts = {level: sum(ticket["severity"] == level for ticket in summary["tickets"]) for level in LEVELS[:0:-1]}
    marks = "".join(f'<li class="mark {level}">{level} ({count:,})</li>' for level, count in counts.items() if count)
    return f'<ul class="legend">{marks}<li class="mark none">no ticket</li></ul>'


def _list(summary: Mapping[str, Any]) -> str:
    """The tickets at any budget and what was allowed, by day, hour and actor."""
    allowed = [hour for hour in summary["allowed"] if not hour["budgets"]]
    tickets = [*summary["tickets"], *summary["tickets_at_other_budgets"], *allowed]
    if not tickets:
        return "<h2>Tickets by day</h2><p>No budget would have opened a ticket.</p>"
    ordered = sorted(rarest(tickets, LISTED), key=lambda ticket: (ticket["hour"], ticket["actor_key"]), reverse=True)
    days = groupby(ordered, key=lambda ticket: ticket["hour"][:10])
    asked, budgets = summary["tickets_per_day"]["asked"], bool(summary["trade_off"])
    order = "The latest first, at every budget" if budgets else "The latest first"
    last = "<th>at a budget of</th>" if budgets else ""
    rows = "".join(_day(day, list(of_day), asked, budgets) for day, of_day in days)
    left_out = f" The {LISTED:,} rarest of {len(tickets):,} are listed." if len(tickets) > LISTED else ""
    spared = len(summary["allowed"])
    below_threshold = (
        f" {_many(spared, 'hour')} would have rung and {'is' if spared == 1 else 'are'} allowed." if spared else ""
    )
    return (
        f'<h2>Tickets by day</h2><p class="soft">{order}; hours in UTC.{below_threshold}{left_out}</p>'
        '<table class="list"><thead>'
        f"<tr><th>hour</th><th>severity</th><th>actor</th><th>what</th>{last}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _day(day: str, tickets: Sequence[Mapping[str, Any]], asked: float, budgets: bool) -> str:
    head = f'<tr><th colspan="{5 if budgets else 4}">{escape(day)}</th></tr>'
    return head + "".join(_ticket(ticket, asked, budgets) for ticket in tickets)


def _ticket(ticket: Mapping[str, Any], asked: float, budgets: bool) -> str:
    level = ticket["severity"] or "none"
    mark = ticket["severity"] or ("allowed" if ticket["allowed_because"] else "no ticket")
    at = " ".join(f"<b>{each:g}</b>" if each == asked else f"{each:g}" for each in ticket["budgets"] or ())
    row = "" if ticket["severity"] else ' class="soft"'
    return (
        f'<tr{row}><td class="when">{escape(ticket["hour"][11:16])}</td>'
        f'<td class="level"><span class="mark {level}">{mark}</span></td>'
        f'<td class="who"><bdi>{escape(shown(ticket["actor"], ACTOR_LENGTH))}</bdi></td>'
        f'<td class="what">{"; ".join(_action_summaries(ticket))}</td>'
        + (f'<td class="at">{at}</td>' if budgets else "")
        + "</tr>"
    )


def _action_summaries(ticket: Mapping[str, Any]) -> Iterable[str]:
    """What was unusual, as markup."""
    if ticket["members"]:
        matter, who = _some([ticket["resource_type"]], TYPE_LENGTH), _some(ticket["members"], ACTOR_LENGTH)
        yield f"{_many(ticket['changes'], 'change')} to {matter} by {_many(len(ticket['members']), 'actor')}: {who}"
        return
    usual = "" if ticket["baseline_mean"] is None else f", usual is {ticket['baseline_mean']:,.1f}"
    yield f"{_many(ticket['changes'], 'change')}{usual}"
    if ticket["horizon"] not in (None, "1h") and "volume" in ticket["reasons"]:
        hours = escape(ticket["horizon"].split("h")[0])
        yield f"{ticket['horizon_changes']:,} in {hours} h, usual is {ticket['horizon_baseline_mean']:,.1f}"
    if new := ticket["new_resource_types"]:
        yield f"new: {_some(new, TYPE_LENGTH)}"
    if why := ticket["allowed_because"]:
        yield f"allowed: <bdi>{escape(shown(why, REASON_LENGTH))}</bdi>"


def _some(names: Sequence[str], longest: int) -> str:
    """The first names, as markup, and how many more there are."""
    named = ", ".join(f"<bdi>{escape(shown(name, longest))}</bdi>" for name in names[:NAMED])
    return f"{named} and {len(names) - NAMED:,} more" if len(names) > NAMED else named


def _notes(summary: Mapping[str, Any]) -> str:
    notes = [
        f"<li>{_many(count, 'active hour')} had {escape(LEARNING[name])}.</li>"
        for name, count in summary["learning"].items()
    ]
    return f'<h2>Still learning</h2><ul class="notes">{"".join(notes)}</ul>' if notes else ""


def _json(data: Any) -> str:
    """JSON in ASCII that no parser of HTML takes for anything but text: no tag, comment or entity can begin in it."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
