"""A backtest in the terminal: what it would have flagged, the rarest first, and at which budgets.

Names are untrusted: they are printed as text, with invisible characters written out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from audit_assets.detection.schemas import THRESHOLD_FALL
from audit_assets.reports.backtest_summary import count_of_several, describe_span, rarest
from audit_assets.reports.summary_terminal import COLOURS
from audit_assets.reports.terminal_layout import print_beside, print_table
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import visible

MOST_TICKETS = 20
MOST_ALLOWED = 8
"""So many lines of a list are printed."""


def print_backtest(console: Console, summary: Mapping[str, Any]) -> None:
    """The summary of a backtest."""
    tickets, others = summary["tickets"], summary["tickets_at_other_budgets"]
    asked, realised = summary["tickets_per_day"]["asked"], summary["tickets_per_day"]["realised"]
    span = f"{summary['from'][:16]} to {summary['to'][:16]} UTC"
    console.rule(f"{pluralize(len(tickets), 'ticket')}, {span}", align="left")
    active = f"{pluralize(summary['active_hours'], 'active hour')} of {pluralize(summary['actors'], 'actor')}"
    console.print(f"{active}, {summary['rule']} rule")
    rate = f"budget {asked:g}, realised {realised:g}" if summary["trade_off"] else f"{realised:g}"
    if summary["unreadable"]:
        console.print(f"{pluralize(summary['unreadable'], 'part')} of the file could not be read", style="yellow")
    console.print(f"tickets a day from {summary['counted_from'][:10]} on: {rate}\n")
    if summary["trade_off"]:
        console.print(_budget_table(summary["trade_off"]))
    shown = rarest([*tickets, *others], MOST_TICKETS)
    budgets = [row["asked"] for row in summary["trade_off"]]
    print_table(console, _ticket_table(shown, budgets), (text for ticket in shown for text in _ticket_lines(ticket)))
    if len(tickets) + len(others) > MOST_TICKETS:
        console.print(f"The rarest {MOST_TICKETS} are shown; --json prints all, --chart draws them.")
    if summary["allowed"]:
        _print_allowed(console, summary["allowed"])


def _budget_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("budget", "realised", "tickets"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(f"{row['asked']:g}", f"{row['realised']:g}", f"{row['tickets']:,}")
    return table


def _ticket_lines(ticket: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A ticket where a row of the table has no room."""
    severity = Text(ticket["severity"] or "no ticket", COLOURS.get(ticket["severity"], ""))
    budgets = ", ".join(f"{budget:g}" for budget in ticket["budgets"])
    yield Text(f"{ticket['hour'][:13]}  ").append(severity).append(f"  at {budgets}" if budgets else "")
    changes, usual, more = _figures(ticket)
    parts = [f"{changes} changes" if changes else "", f"usual {usual}" if usual else "", more]
    for line in (Text(visible(ticket["actor"]), "bold"), Text(", ".join(part for part in parts if part))):
        yield Padding(line, (0, 0, 0, 2))


def _figures(ticket: Mapping[str, Any]) -> tuple[str, str, str]:
    """The changes of a ticket, what is usual, and what else is to be known of it."""
    is_of_threshold = ticket["actor_key"] == THRESHOLD_FALL
    new_types = visible(", ".join(ticket["new_resource_types"])[:60])
    if ticket["members"]:
        by = f"by {pluralize(len(ticket['members']), 'actor')}"
        of_hours = f"{count_of_several(ticket)} {by}" if is_of_threshold else by
        more = f"{visible(ticket['resource_type'][:40])}, {by}" if ticket["resource_type"] else of_hours
    else:
        more = "; ".join(part for part in (new_types, describe_span(ticket)) if part)
    usual = "" if ticket["baseline_mean"] is None else f"{ticket['baseline_mean']:.1f}"
    return "" if is_of_threshold else f"{ticket['changes']:,}", usual, more


def _ticket_table(tickets: Sequence[Mapping[str, Any]], budgets: Sequence[float]) -> Table:
    """A row for each, with a dot at every budget that opens it."""
    table = Table(box=None, pad_edge=False)
    for column in ("hour", "severity", "actor", "changes", "usual"):
        is_number = column in ("changes", "usual")
        table.add_column(column, justify="right" if is_number else "left", no_wrap=column != "actor", overflow="fold")
    for budget in budgets:
        table.add_column(f"{budget:g}", justify="center", no_wrap=True)
    table.add_column("new types, longer spans", overflow="fold")
    for ticket in tickets:
        severity = Text(ticket["severity"] or "", COLOURS.get(ticket["severity"], ""))
        dots = ["●" if budget in ticket["budgets"] else "" for budget in budgets]
        changes, usual, more = _figures(ticket)
        actor = Text(visible(ticket["actor"]))
        table.add_row(ticket["hour"][:13], severity, actor, changes, usual, *dots, Text(more))
    return table


def _print_allowed(console: Console, hours: Sequence[Mapping[str, Any]]) -> None:
    """The hours above the alert threshold that the policy allows, a line each."""
    console.rule(f"{pluralize(len(hours), 'hour')} above the alert threshold, but allowed", align="left")
    for hour in rarest(hours, MOST_ALLOWED):
        changes = pluralize(hour["changes"], "change")
        line = f"{hour['actor']}: {changes} (allowed: {hour['allowed_because']})"
        print_beside(console, Text(hour["hour"][:13], "dim"), Text(visible(line), "dim"), 2)
    if (more := len(hours) - MOST_ALLOWED) > 0:
        console.print(Text(f"and {pluralize(more, 'more hour')}; --json prints all", "dim"))
