"""What the days before would have brought, at each budget: what a team sees before its first ticket is opened."""

from collections.abc import Iterator, Mapping
from typing import Any

from audit_assets.reports.backtest_summary import count_of_several, describe_span, rarest
from audit_assets.tickets.formatting import number, pluralize
from audit_assets.tickets.markdown import visible

MOST_SHOWN = 5


def describe_budgets(summary: Mapping[str, Any]) -> Iterator[str]:
    """The lines about a summary of a backtest: how many tickets each budget would have opened, and the most severe ones
    of the budget in force. Names are written out as text."""
    asked, tickets = summary["tickets_per_day"]["asked"], summary["tickets"]
    yield f"From {summary['from'][:10]} to {summary['to'][:10]} this would have been:"
    for row in summary["trade_off"]:
        in_force = ", the budget in force" if row["asked"] == asked else ""
        yield f"  at {row['asked']:g} a day: {pluralize(row['tickets'], 'ticket')}{in_force}"
    if not summary["trade_off"]:
        yield f"  by the plain rule: {pluralize(len(tickets), 'ticket')}"
    shown = rarest(tickets, MOST_SHOWN)
    if not shown:
        return
    yield (
        "The most severe one of the budget in force is:"
        if len(shown) == 1
        else (f"The {len(shown)} most severe of the budget in force are:")
    )
    for ticket in shown:
        yield f"  {ticket['severity']:<7} {ticket['hour'][:13]}h  {visible(ticket['actor'])}: {_what(ticket)}"


def _what(ticket: Mapping[str, Any]) -> str:
    if ticket["members"]:
        return f"{count_of_several(ticket)} by {pluralize(len(ticket['members']), 'actor')}"
    usual = "" if ticket["baseline_mean"] is None else f", usual is {number(ticket['baseline_mean'], digits=1)}"
    new = visible(", ".join(ticket["new_resource_types"]))
    parts = (f"{pluralize(ticket['changes'], 'change')}{usual}", new and f"new types: {new}", describe_span(ticket))
    return "; ".join(part for part in parts if part)
