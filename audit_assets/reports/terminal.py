"""What a person reads in the terminal: the demo's summary and progress, the doctor's findings."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from audit_assets.cli.health_checks import Finding
from audit_assets.reports.backtest_chart import rarest
from audit_assets.reports.summary import BelowThreshold, DigestShown, HourSummary, PeriodSummary, Precision
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import visible

COLOURS = {"urgent": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
SHOWN_TICKETS = 20
SHOWN_NOT_RUNG = 8
DISPOSITIONS = {
    "below_threshold": "under the budget",
    "allowed": "allowed",
    "organisation": "told for the organisation",
}
OUTCOMES = {
    "joined": "joined this actor's ticket",
    "reopened": "was reopened",
    "already_on_ticket": "was on the ticket already",
    "seen": "was on the ticket already",
    "dismissed": "was dismissed by people, so nothing was opened",
    "on_shared_ticket": "tells of all that were too many for a ticket each",
}
WITHOUT_TICKET = {
    "too_old": "the hour had ended too long ago",
    "learning": "less than a week of history",
    "never": "the run was told to open none",
    "failed": "Linear could not be reached or refused",
    "unreadable": "the ticket is archived or can't be seen",
    "dry_run": "a dry run",
}
VERDICTS = {"ok": "[green]ok[/]", "advice": "[yellow]advice[/]", "problem": "[bold red]problem[/]"}


@contextmanager
def step(console: Console, text: str, requests: Callable[[], Counter[tuple[str, str]]]) -> Iterator[None]:
    """Says what is under way, how far it is, and in the end how long it took.

    `requests` tells how many were made so far, by service and call.
    """
    started = time.monotonic()
    before = requests()

    def line() -> Text:
        calls = requests() - before
        said = ", ".join(f"{count} {service} {call}" for (service, call), count in sorted(calls.items()))
        return Text(f"{text} … {time.monotonic() - started:.0f} s" + (f" (requests: {said})" if said else ""))

    if console.is_terminal:
        with Live(_Ticking(line), console=console, transient=True, refresh_per_second=4):
            yield
    else:
        console.print(Text(f"{text} …"))
        yield
    console.print(Text(f"{text}: {time.monotonic() - started:.1f} s"))


class _Ticking:
    """A line that is made anew whenever it is drawn."""

    def __init__(self, line: Any) -> None:
        self._spinner = Spinner("dots")
        self._line = line

    def __rich__(self) -> Spinner:
        self._spinner.update(text=self._line())
        return self._spinner


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """The demo's outcome. Values of entries are untrusted: they are printed as text, never as markup."""
    entries, proof, flagged = summary["entries"], summary["proof"], summary["flagged"]
    hours = summary["hours"]
    console.rule(f"{len(flagged)} flagged, {hours[0]} to {hours[-1]} UTC", align="left")
    _print_flagged(console, flagged)
    if summary["below_threshold"]:
        _print_not_rung(console, summary["below_threshold"])
    _print_digests(console, summary["digests"])
    console.rule("entries", align="left")
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("pulled", f"{entries['pulled']:,} in {summary['history_hours'] + len(hours):,} h")
    table.add_row("quarantined", f"{entries['quarantined']:,} that could not be understood")
    if entries["unreadable"]:
        table.add_row("unreadable", f"{entries['unreadable']:,} lines of the file: no JSON")
    table.add_row("ingested", f"{entries['ingested']:,}")
    table.add_row("in Axiom", f"{proof['found']:,} of {proof['expected']:,}, proved by their ids")
    console.print(table)
    for warning in summary["warnings"]:
        console.print(Text(f"note: {warning}", "yellow"))


def print_hour(console: Console, summary: HourSummary) -> None:
    """The summary of one hour."""
    told = {"hour": summary["hour"]}
    console.rule(f"{len(summary['flagged'])} flagged, {summary['hour']} UTC", align="left")
    _print_flagged(console, [{**told, **actor} for actor in summary["flagged"]])
    if summary["below_threshold"]:
        _print_not_rung(console, [{**told, **actor} for actor in summary["below_threshold"]])
    _print_counts(console, summary["entries"])


def print_period(console: Console, summary: PeriodSummary) -> None:
    """The summary of a day or a month: its tickets, the most severe first, and what else was seen."""
    console.rule(f"{pluralize(len(summary['tickets']), 'ticket')}, {summary['period']} (UTC)", align="left")
    for ticket in summary["tickets"]:
        hours = ticket["hours"]
        span = hours[0] if len(hours) == 1 else f"{len(hours)} hours from {hours[0]} to {hours[-1]}"
        severity = Text(f"{ticket['severity']:<9}", COLOURS[ticket["severity"]])
        console.print(severity.append(visible(ticket["actor"]), "bold default").append(f"  {span}", "default"))
        for why in ticket["in_words"]:
            console.print(Padding(Text(why), (0, 0, 0, 9)))
        console.print(Padding(Text(f"{ticket['identifier']}: {ticket['url']}", "cyan"), (0, 0, 1, 9)))
    outcomes = {outcome: count for outcome, count in summary["outcomes"].items() if outcome in WITHOUT_TICKET}
    for outcome, count in outcomes.items():
        console.print(Text(f"{count:,} flagged without a ticket: {WITHOUT_TICKET[outcome]}", "yellow"))
    for disposition, count in summary["without_ticket"].items():
        console.print(Text(f"{pluralize(count, 'deviation')} did not ring: {DISPOSITIONS[disposition]}", "dim"))
    _print_below_threshold(console, summary["below_threshold"])
    _print_digests(console, summary["digests"])
    if "precision" in summary:
        console.print(_precision(summary["precision"]))
    _print_counts(console, summary["entries"])
    console.print(f"{summary['hours']:,} hours are summed up; {len(summary['missing']):,} have no summary")


def _print_digests(console: Console, digests: Sequence[DigestShown]) -> None:
    """Where the days' findings under the budget stand, or why not."""
    for digest in digests:
        what = f"the digest of {pluralize(digest['findings'], 'unusual hour')} under the budget"
        if digest["identifier"]:
            console.print(Text(f"{digest['identifier']} is {what}: {digest['url']}", "cyan"))
        elif why := WITHOUT_TICKET.get(digest["outcome"]):
            console.print(Text(f"{digest['day']}: {what} was not opened: {why}", "yellow"))


def _print_below_threshold(console: Console, hours: Sequence[BelowThreshold]) -> None:
    """The rarest of them, a line each."""
    for hour in hours[:SHOWN_TICKETS]:
        line = f"{hour['hour']}  {visible(hour['actor'])}: {'; '.join(hour['in_words'])}"
        console.print(Text(line, "dim"), no_wrap=True, overflow="ellipsis")
    if (more := len(hours) - SHOWN_TICKETS) > 0:
        console.print(Text(f"and {more:,} more under the budget; --json prints all", "dim"))


def _precision(told: Precision) -> str:
    counts = [f"{told['confirmed']:,} confirmed", f"{told['dismissed']:,} dismissed"]
    counts += [f"{told['completed']:,} completed without a verdict", f"{told['still_open']:,} still open"]
    counts += [f"{told['unreadable']:,} that can't be read"] if told["unreadable"] else []
    share = "" if told["precision"] is None else f"; precision {told['precision']:.0%}"
    return f"{pluralize(told['opened'], 'ticket')} opened: {', '.join(counts)}{share}"


def _print_counts(console: Console, entries: Mapping[str, Any]) -> None:
    console.print(
        f"{entries['pulled']:,} entries, {entries['changes']:,} of them changes; "
        f"{entries['quarantined']:,} could not be understood"
    )


def _print_flagged(console: Console, flagged: Sequence[Mapping[str, Any]]) -> None:
    for actor in flagged:
        console.print(_heading(actor))
        for why in actor["in_words"]:
            console.print(Padding(Text(why), (0, 0, 0, 9)))
        console.print(Padding(Text(_ticket(actor["ticket"]), "cyan"), (0, 0, 1, 9)))


def _print_not_rung(console: Console, actors: Sequence[Mapping[str, Any]]) -> None:
    """What is unusual and opens no ticket, a line each: nothing disappears."""
    told = [(actor, deviation) for actor in actors for deviation in actor["deviations"]]
    console.rule(f"{len(told)} deviation{'s' * (len(told) > 1)} did not ring", align="left")
    for actor, deviation in told[:SHOWN_NOT_RUNG]:
        why = DISPOSITIONS[deviation["disposition"]] + (
            f": {because}" if (because := deviation.get("allowed_because")) else ""
        )
        line = f"{actor['hour']}  {visible(actor['actor'])}: {deviation['in_words']} ({why})"
        console.print(Text(line, "dim"), no_wrap=True, overflow="ellipsis")
    if (more := len(told) - SHOWN_NOT_RUNG) > 0:
        console.print(Text(f"and {more:,} more, in the hours' summaries", "dim"))
    console.print()


def _heading(actor: Mapping[str, Any]) -> Text:
    severity = Text(f"{actor['severity']:<9}", COLOURS[actor["severity"]])
    return severity.append(f"{actor['hour']}  ", "default").append(visible(actor["actor"]), "bold default")


def _ticket(ticket: Mapping[str, Any]) -> str:
    if planned_action := ticket.get("planned_action"):
        return f"dry run: {visible(planned_action)}"
    if not ticket["identifier"]:
        return f"no ticket: {ticket['outcome']}"
    closed = ", which is closed" if ticket["closed"] and ticket["outcome"] != "dismissed" else ""
    said = OUTCOMES.get(ticket["outcome"], ticket["outcome"])
    return f"{ticket['identifier']} {said}{closed}: {ticket['url']}"


def print_backtest(console: Console, summary: Mapping[str, Any]) -> None:
    """What a backtest would have flagged, the rarest first, and at which budgets. Names are untrusted."""
    tickets, others = summary["tickets"], summary["tickets_at_other_budgets"]
    asked, realised = summary["tickets_per_day"]["asked"], summary["tickets_per_day"]["realised"]
    console.rule(f"{len(tickets):,} tickets, {summary['from'][:16]} to {summary['to'][:16]} UTC", align="left")
    console.print(f"{summary['active_hours']:,} active hours of {summary['actors']:,} actors, rule {summary['rule']}")
    said = f"{asked:g} asked, {realised:g} realised" if summary["trade_off"] else f"{realised:g}"
    console.print(f"tickets a day from {summary['counted_from'][:10]} on: {said}\n")
    if summary["trade_off"]:
        console.print(_trade_off(summary["trade_off"]))
    shown = rarest([*tickets, *others], SHOWN_TICKETS)
    console.print(_ticket_table(shown, [row["asked"] for row in summary["trade_off"]]))
    if len(tickets) + len(others) > SHOWN_TICKETS:
        console.print(f"The rarest {SHOWN_TICKETS} are shown; --json prints all, --chart draws them.")
    if summary["allowed"]:
        _print_allowed(console, summary["allowed"])


def _print_allowed(console: Console, hours: Sequence[Mapping[str, Any]]) -> None:
    """What the budget has a ticket for and the policy allows, a line each."""
    console.rule(f"{len(hours):,} would have rung, and {'is' if len(hours) == 1 else 'are'} allowed", align="left")
    for hour in rarest(hours, SHOWN_NOT_RUNG):
        changes = f"{hour['changes']:,} change{'s' * (hour['changes'] != 1)}"
        line = f"{hour['hour'][:13]}  {hour['actor']}: {changes} (allowed: {hour['allowed_because']})"
        console.print(Text(visible(line), "dim"), no_wrap=True, overflow="ellipsis")
    if (more := len(hours) - SHOWN_NOT_RUNG) > 0:
        console.print(Text(f"and {more:,} more; --json prints all", "dim"))


def _trade_off(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("budget", "realised", "tickets"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(f"{row['asked']:g}", f"{row['realised']:g}", f"{row['tickets']:,}")
    return table


def _ticket_table(tickets: Sequence[Mapping[str, Any]], budgets: Sequence[float]) -> Table:
    """One row each, with a mark at every budget that opens it."""
    table = Table(box=None, pad_edge=False)
    for column in ("hour", "severity", "actor", "changes", "baseline_mean"):
        number = column in ("changes", "baseline_mean")
        table.add_column(column, justify="right" if number else "left", no_wrap=column != "actor", overflow="fold")
    for budget in budgets:
        table.add_column(f"{budget:g}", justify="center", no_wrap=True)
    table.add_column("new types", overflow="fold")
    for ticket in tickets:
        severity = Text(ticket["severity"] or "", COLOURS.get(ticket["severity"], ""))
        usual = "" if ticket["baseline_mean"] is None else f"{ticket['baseline_mean']:.1f}"
        marks = ["●" if budget in ticket["budgets"] else "" for budget in budgets]
        new = Text(visible(", ".join(ticket["new_resource_types"])[:60]))
        if ticket["members"]:
            new = Text(f"{visible(ticket['resource_type'][:40])}, by {len(ticket['members'])} actors")
        actor = Text(visible(ticket["actor"][:40]))
        table.add_row(ticket["hour"][:13], severity, actor, f"{ticket['changes']:,}", usual, *marks, new)
    return table


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """The doctor's findings, and what to do about them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.about, VERDICTS[finding.verdict], escape(finding.what))
        if finding.next_step:
            table.add_row("", "→", escape(finding.next_step))
    console.print(table)
