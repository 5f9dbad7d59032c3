"""Summaries in the terminal: of an hour, of a day or a month, and of a demo.

Values of entries are untrusted: they are printed as text, never as markup, with invisible characters written out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from audit_assets.reports.summary import BelowThreshold, DigestShown, HourSummary, PeriodSummary
from audit_assets.reports.terminal_layout import print_beside
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import visible
from audit_assets.tickets.verdict_table import Precision

COLOURS = {"urgent": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
"""By severity."""

INDENT = 9
"""Of the lines below a heading, which begins with the severity."""

MOST_DAYS = 90
"""Of a file, in a demo."""

MOST_HOURS = 20
MOST_DEVIATIONS = 8
"""So many lines of a list are printed; the others are counted."""


DISPOSITIONS = {
    "below_threshold": "below the alert threshold",
    "allowed": "allowed by the policy",
    "organisation": "on the organisation's ticket",
    "repeated": "of a watch rule that alerted earlier in the day",
}

ON_TICKET = {
    "opened": "{ticket} opened",
    "joined": "added to {ticket}, this actor's open ticket",
    "reopened": "{ticket} reopened",
    "already_on_ticket": "already on {ticket}",
    "dismissed": "no new ticket: people dismissed {ticket}",
    "on_shared_ticket": "listed on {ticket}, as the hour has more flagged actors than tickets",
}

NO_TICKET = {
    "thin_history": "too few of the hours before it are there; it is judged again once they are",
    "learning": "less than a week of history before the hour",
    "never": "the run was configured to open none",
    "failed": "Linear could not be reached, or rejected the request",
    "unreadable": "Linear does not show the actor's ticket: it is archived or deleted, or the API key can't see it",
    "dry_run": "it was a dry run",
}


def print_demo(console: Console, summary: Mapping[str, Any], ticket_max_age: timedelta) -> None:
    """The result of a demo. `ticket_max_age`: after it an hour opens no tickets, here and below."""
    entries, proof, hours = summary["entries"], summary["proof"], summary["hours"]
    of = f"{summary['name']}: " if "name" in summary else ""
    console.rule(f"{of}{len(summary['flagged'])} flagged, {hours[0]} to {hours[-1]} UTC", align="left")
    _print_flagged(console, summary["flagged"], ticket_max_age)
    _print_without_ticket(console, summary["below_threshold"])
    _print_digests(console, summary["digests"], ticket_max_age)
    console.rule("entries", align="left")
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("pulled", f"{entries['pulled']:,} in {summary['history_hours'] + len(hours):,} h")
    table.add_row("quarantined", f"{entries['quarantined']:,} that could not be parsed")
    if entries["unreadable"]:
        table.add_row(
            "unreadable", f"{pluralize(entries['unreadable'], 'part')} of the file: no JSON, or an error reply"
        )
    if entries["outside"]:
        table.add_row("left out", f"{entries['outside']:,} of the file, older than these hours{_more_days(summary)}")
    table.add_row("ingested", f"{entries['ingested']:,}")
    table.add_row("in Axiom", f"{proof['found']:,} of {proof['expected']:,}, verified by their ids")
    console.print(table)
    for warning in summary["warnings"]:
        console.print(Text(f"note: {warning}", "yellow"))


def _more_days(summary: Mapping[str, Any]) -> str:
    """How to take more of a file, if that is possible."""
    days = (summary["history_hours"] + len(summary["hours"])) / 24
    if days >= MOST_DAYS:
        return f": the newest {MOST_DAYS} days are taken"
    return ": a larger --history-days takes more"


def print_hour(console: Console, summary: HourSummary, ticket_max_age: timedelta) -> None:
    """The summary of one hour."""
    hour = {"hour": summary["hour"]}
    console.rule(f"{_of_account(summary)}{len(summary['flagged'])} flagged, {summary['hour']} UTC", align="left")
    _print_flagged(console, [{**hour, **actor} for actor in summary["flagged"]], ticket_max_age)
    _print_without_ticket(console, [{**hour, **actor} for actor in summary["below_threshold"]])
    _print_counts(console, summary["entries"])


def print_period(console: Console, summary: PeriodSummary, ticket_max_age: timedelta) -> None:
    """The summary of a day or a month: its tickets, the most severe first, and what else was unusual."""
    console.rule(
        f"{_of_account(summary)}{pluralize(len(summary['tickets']), 'ticket')}, {summary['period']} (UTC)", align="left"
    )
    for ticket in summary["tickets"]:
        hours = ticket["hours"]
        span = hours[0] if len(hours) == 1 else f"{len(hours)} hours from {hours[0]} to {hours[-1]}"
        who = Text(visible(ticket["actor"]), "bold").append(f"  {span}", "default not bold")
        print_beside(console, _severity(ticket), who, INDENT)
        _print_below(console, ticket["in_words"], ticket["identifier"], address_of(ticket))
    for outcome, count in summary["outcomes"].items():
        if reason := _no_ticket_reason(outcome, ticket_max_age):
            console.print(Text(f"{count:,} flagged without a ticket: {reason}", "yellow"))
    for disposition, count in summary["without_ticket"].items():
        console.print(Text(disposition_sentence(disposition, count), "dim"))
    _print_below_threshold(console, summary["below_threshold"])
    _print_digests(console, summary["digests"], ticket_max_age)
    if "precision" in summary:
        console.print(_precision_sentence(summary["precision"]))
    _print_counts(console, summary["entries"])
    missing = f"{len(summary['missing']):,} without a summary"
    console.print(f"{pluralize(summary['hours'], 'hour')} with a summary, {missing}")


def _of_account(summary: Mapping[str, Any]) -> str:
    """How a heading begins where there are several accounts."""
    account = summary.get("account")
    return f"{account['name']}: " if account else ""


def _print_flagged(console: Console, flagged: Sequence[Mapping[str, Any]], ticket_max_age: timedelta) -> None:
    for actor in flagged:
        heading = _severity(actor).append(f"  {actor['hour']}", "default not bold")
        print_beside(console, heading, Text(visible(actor["actor"]), "bold"), INDENT)
        ticket = actor["ticket"]
        _print_below(console, actor["in_words"], ticket_sentence(ticket, ticket_max_age), address_of(ticket))


def _severity(ranked: Mapping[str, Any]) -> Text:
    return Text(f"{ranked['severity']:<{INDENT - 2}}", COLOURS[ranked["severity"]])


def _print_below(console: Console, reasons: Sequence[str], ticket: str, address: str | None) -> None:
    for reason in reasons:
        console.print(Padding(Text(reason), (0, 0, 0, INDENT)))
    _print_link(console, ticket, address, INDENT)
    console.print()


def _print_link(console: Console, sentence: str, address: str | None, indent: int = 0) -> None:
    """A sentence and behind it, or below it where there is no room, the address: whole, so that it can be opened."""
    line = f"{sentence}: {address}" if address else sentence
    if address and indent + len(line) > console.width:
        console.print(Padding(Text(f"{sentence}:", "cyan"), (0, 0, 0, indent)))
        console.print(Text(f"{' ' * indent}{address}", "cyan"), soft_wrap=True)
    else:
        console.print(Padding(Text(line, "cyan"), (0, 0, 0, indent)))


def _print_without_ticket(console: Console, actors: Sequence[Mapping[str, Any]]) -> None:
    """What is unusual and opens no ticket, a line each: nothing disappears."""
    deviations = [(actor, deviation) for actor in actors for deviation in actor["deviations"]]
    if not deviations:
        return
    counts = Counter(deviation["disposition"] for _, deviation in deviations)
    console.rule(", ".join(disposition_sentence(*count) for count in counts.items()), align="left")
    for actor, deviation in deviations[:MOST_DEVIATIONS]:
        line = f"{visible(actor['actor'])}: {deviation['in_words']}"
        if (disposition := deviation["disposition"]) != "below_threshold":
            reason = deviation.get("allowed_because")
            line += f" ({DISPOSITIONS.get(disposition, disposition)}{f': {reason}' if reason else ''})"
        print_beside(console, Text(actor["hour"], "dim"), Text(line, "dim"), INDENT)
    if (more := len(deviations) - MOST_DEVIATIONS) > 0:
        console.print(Text(f"and {more:,} more, in the summaries of the hours", "dim"))
    console.print()


def _print_below_threshold(console: Console, hours: Sequence[BelowThreshold]) -> None:
    """The rarest of them, a line each."""
    for hour in hours[:MOST_HOURS]:
        line = f"{visible(hour['actor'])}: {'; '.join(hour['in_words'])}"
        print_beside(console, Text(hour["hour"], "dim"), Text(line, "dim"), INDENT)
    if (more := len(hours) - MOST_HOURS) > 0:
        console.print(Text(f"and {pluralize(more, 'more hour')} below the alert threshold; --json prints all", "dim"))


def _print_digests(console: Console, digests: Sequence[DigestShown], ticket_max_age: timedelta) -> None:
    """The tickets of the daily digests, or why there is none."""
    for digest in digests:
        subject = f"daily digest of {digest['day']}, {pluralize(digest['findings'], 'hour')} below the alert threshold"
        if digest["identifier"]:
            _print_link(console, f"{digest['identifier']}, {subject}", address_of(digest))
        elif reason := _no_ticket_reason(digest["outcome"], ticket_max_age):
            console.print(Text(f"no ticket for the {subject}: {reason}", "yellow"))


def _precision_sentence(month: Precision) -> str:
    counts = [f"{month['confirmed']:,} confirmed", f"{month['dismissed']:,} dismissed"]
    counts += [f"{month['completed']:,} completed without a verdict", f"{month['still_open']:,} still open"]
    counts += [f"{month['unreadable']:,} that Linear no longer shows"] if month["unreadable"] else []
    share = "" if month["precision"] is None else f"; precision {month['precision']:.0%}"
    return f"{pluralize(month['opened'], 'ticket')} opened: {', '.join(counts)}{share}"


def _no_ticket_reason(outcome: str, max_age: timedelta) -> str | None:
    """Why an outcome comes without a ticket; None if it has one. `max_age`: after it an hour opens no tickets."""
    if outcome == "too_old":
        return f"the hour ended more than {max_age / timedelta(hours=1):g} h ago"
    return NO_TICKET.get(outcome)


def ticket_sentence(ticket: Mapping[str, Any], max_age: timedelta) -> str:
    """What became of a flagged actor: its ticket, or why there is none."""
    outcome, identifier = ticket["outcome"], ticket["identifier"]
    if planned_action := ticket.get("planned_action"):
        return f"dry run: {visible(planned_action)}"
    if not identifier:
        return f"no ticket: {_no_ticket_reason(outcome, max_age) or outcome}"
    name = f"{identifier} (closed)" if ticket["closed"] and outcome != "dismissed" else identifier
    related = f", related to {', '.join(ticket['related'])}" if ticket.get("related") else ""
    return f"{ON_TICKET.get(outcome, '{ticket}').format(ticket=name)}{related}"


def address_of(ticket: Mapping[str, Any]) -> str | None:
    """Where a ticket opens: in Linear, or in the page that a demo left."""
    return ticket.get("page") or ticket["url"] if ticket["identifier"] else None


def disposition_sentence(disposition: str, deviations: int) -> str:
    """`2 deviations below the alert threshold`."""
    return f"{pluralize(deviations, 'deviation')} {DISPOSITIONS.get(disposition, disposition)}"


def _print_counts(console: Console, entries: Mapping[str, Any]) -> None:
    console.print(
        f"entries: {entries['pulled']:,} pulled, {entries['changes']:,} of them changes, "
        f"{entries['quarantined']:,} quarantined"
    )
